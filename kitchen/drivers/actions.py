"""What drivers tap: the board's actions, on the orders that are theirs."""

from typing import Any

from accounts import rights
from accounts.names import display_name
from home import live
from home.models import Order
from kitchen import flow, stages
from kitchen.board import actions
from kitchen.board.handover import DRIVERS, drivers_of
from kitchen.locks import lock_kitchen
from kitchen.models import Station

NAMES = ("take", "advance", "undo")


def act(content: dict[str, Any], user: Any) -> dict[str, Any]:
    """Perform an action and return the answer to its sender, as the board does."""
    rights.require(user, rights.DELIVER)
    name = content.get("action")
    if name not in NAMES:
        raise flow.Refused("Drivers can take an order along, say that it is at the door, and undo that.")
    pk = actions.find(content.get("order_id"))
    about: dict[str, Any] = {key: content[key] for key in ("order_id", "item") if key in content}
    with lock_kitchen():  # what is refused here stays so until the verb is done
        order = Order.objects.get(pk=pk)
        refuse(name, order, user)
        seq = min(actions.parse_seq(content), order.seq)  # nobody has seen more than is here now
        return actions.change_order(name, {**about, "seq": seq}, user)


def refuse(name: str, order: Order, user: Any) -> None:
    """Refuse what is not a driver's to do, in a sentence."""
    if order.stage != DRIVERS and not (name == "undo" and order.stage == stages.LAST):
        raise flow.Refused(f"{order} is not with the drivers: it is at “{stages.label(order.stage, order.way)}”.")
    if name == "take":
        refuse_taken(order, user)
    elif name == "advance":
        refuse_door(order, user)


def refuse_taken(order: Order, user: Any) -> None:
    if not Station.objects.select_related("shop").get(stage=DRIVERS).with_shop().is_taken:
        raise flow.Refused("Orders leave by the kitchen clock here: there is nothing to take.")
    driver = drivers_of([order]).get(order.pk)
    if driver == user:
        raise flow.Refused(f"You have {order} already.")
    if driver is not None:
        raise flow.Refused(f"{order} is on its way with {display_name(driver)} already.")


def refuse_door(order: Order, user: Any) -> None:
    """Refuse an order that is not on its way, or is with somebody else; who can move any order speaks for all."""
    if order.held:
        raise flow.Refused(f"{order} is on hold.")
    if order.started_at is None:
        raise flow.Refused(f"Take {order} along first.")
    driver = drivers_of([order]).get(order.pk)
    if driver not in (None, user) and not rights.has(user, rights.MOVE_ORDERS):
        raise flow.Refused(f"{order} is on its way with {display_name(driver)}.")


def payload_of(order_id: Any) -> dict[str, Any] | None:
    """Return the state of an order after a refusal, if it is with the drivers."""
    if not live.is_order_id(order_id):
        return None
    order = Order.objects.open().filter(stage=DRIVERS, order_id=order_id).with_items().first()
    return order.payload() if order else None
