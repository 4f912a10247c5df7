"""What the drivers' page shows, as plain dicts."""

from typing import Any

from accounts.names import display_name
from home.frames import iso
from kitchen import stages
from kitchen.board.handover import BEFORE_DRIVERS, DRIVERS, Handover, Leaving, who_for


def orders(handover: Handover, user_pk: int | None) -> dict[str, dict[str, Any]]:
    """Return the orders that are with the drivers, by id, as this driver sees them."""
    with_drivers = [leaving for leaving in handover.leaving if leaving.order.stage == DRIVERS]
    shown = [leaving for leaving in with_drivers if leaving.order.pk in handover.first or is_by(leaving, user_pk)]
    return {leaving.order.order_id: order_dict(leaving, user_pk) for leaving in shown}


def is_by(leaving: Leaving, user_pk: int | None) -> bool:
    return leaving.driver is not None and leaving.driver.pk == user_pk


def order_dict(leaving: Leaving, user_pk: int | None) -> dict[str, Any]:
    order, driver = leaving
    is_under_way = order.started_at is not None
    return {
        "order_id": order.order_id,
        "number": order.number,
        "seq": order.seq,
        "who": who_for(order),
        "pizzas": order.pizzas,
        "state": "held" if order.held else "working" if is_under_way else "waiting",
        "rushed": order.rushed,
        "simulated": order.simulated,
        "overdue": order.overdue,
        "promised_at": iso(order.promised_high),
        "joined_at": iso(order.joined_at),
        "started_at": iso(order.started_at),
        "driver": display_name(driver) if driver else None,
        "is_mine": is_by(leaving, user_pk),
    }


def station(handover: Handover) -> dict[str, Any]:
    """Return what else a driver has to know of the kitchen."""
    drivers, before = handover.stations.get(DRIVERS), handover.stations.get(BEFORE_DRIVERS)
    return {
        "is_open": drivers is not None and drivers.is_open,
        "takes": drivers is not None and drivers.is_taken,
        "coming": handover.coming,
        "coming_from": before.name if before else stages.BY_CODE[BEFORE_DRIVERS].station,
        **({"beyond": handover.beyond} if handover.beyond else {}),
    }
