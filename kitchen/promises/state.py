"""Read the live kitchen as the state that simulation.lookahead runs forward, in kitchen seconds.

The counter is no part of it: an order that is ready to collect has what was promised, and delays nobody.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import F, QuerySet, Window
from django.db.models.functions import RowNumber

from home.models import Order
from kitchen import locks, outlook, stages
from kitchen.models import Station
from simulation.lookahead import ItemStanding, Standing, State, Workplace

STATIONS = tuple(code for code in stages.WORKED if code != stages.READY)
ROUTES: dict[str, tuple[int, ...] | None] = {  # by way; as numbers of STATIONS
    way: tuple(STATIONS.index(code) for code in route.stages if code in STATIONS)
    for way, route in stages.ROUTES.items()
}
DONE = ItemStanding(0, None, is_done=True)


class OrderRow(NamedTuple):
    pk: int
    stage: str
    started_at: datetime | None
    pizzas: int
    way: str
    held: bool


class ItemRow(NamedTuple):
    number: int | None  # None: an order without items
    stage: str
    started_at: datetime | None
    is_done: bool
    held: bool
    turn: int  # in a line of items, smallest first

    @property
    def is_struck(self) -> bool:
        return self.is_done and self.stage == stages.CANCELLED.code


ORDER_END = len(OrderRow._fields)
COLUMNS = (*OrderRow._fields, *(f"items__{name}" for name in ItemRow._fields[:-1]), "turn")
# The database numbers them: to sort them here would take longer than all the rest.
TURN = Window(RowNumber(), order_by=[F("items__rushed").desc(), "items__joined_at", "pk", "items__number"])


def read_state(now: datetime) -> State:
    """Read the live kitchen, in two queries."""
    found = locks.read_stations(*STATIONS)
    stations = [found[code] for code in STATIONS]
    # The orders and their items in one statement: between two of them an order could go on.
    rows = unfulfilled().annotate(turn=TURN).order_by("-rushed", "joined_at", "pk", "items__number")
    read: list[Sequence[Any]] = list(rows.values_list(*COLUMNS))
    orders = standing(read, now, stations[0].speed)
    return State(
        stations=tuple(workplace(station, now) for station in stations),
        orders=tuple(orders.values()),
        speed=stations[0].speed,
        shop_is_open=stations[0].shop_is_open,
        pks=tuple(orders),
    )


def unfulfilled() -> QuerySet[Order]:
    """Return the open orders that are not yet where their promise says: at the door, or ready to collect."""
    return Order.objects.open().exclude(stage=stages.READY)


def workplace(station: Station, now: datetime) -> Workplace:
    service = outlook.service_time(station)
    if not station.is_belt:
        return Workplace(station.name, station.capacity, station.is_open, service, station.works_on)
    busy_seconds = 0.0 if station.busy_until is None else (station.busy_until - now).total_seconds() * station.speed
    return Workplace(
        station.name,
        station.capacity,
        station.is_open,
        replace(service, per_pizza=station.per_pizza),  # so does the loading
        station.works_on,
        station.headway_seconds,
        max(0.0, busy_seconds),
    )


def standing(rows: Sequence[Sequence[Any]], now: datetime, speed: float) -> dict[int, Standing]:
    """Return {pk: order} in the order of the lines, of rows that hold an order and one of its items each.

    Orders that are on hold with all that is left of them are left out: they take no place.
    """
    orders, items = dict[int, OrderRow](), dict[int, list[ItemRow]]()
    for row in rows:
        order, item = OrderRow._make(row[:ORDER_END]), ItemRow._make(row[ORDER_END:])
        orders[order.pk] = order
        each = items.setdefault(order.pk, [])
        if item.number is not None and not item.is_struck:
            each.append(item)

    def elapsed(work: OrderRow | ItemRow) -> float | None:
        return None if work.started_at is None else max(0.0, (now - work.started_at).total_seconds()) * speed

    def place(item: ItemRow) -> ItemStanding:
        if item.is_done or item.held:
            return DONE
        return ItemStanding(STATIONS.index(item.stage), elapsed(item), turn=item.turn)

    found = {}
    for pk, order in orders.items():
        cooking = [item for item in items[pk] if not item.is_done]
        if order.held or (cooking and all(item.held for item in cooking)):
            continue
        found[pk] = Standing(
            str(pk),
            STATIONS.index(order.stage),
            elapsed(order),
            order.pizzas,
            ROUTES[order.way],
            tuple(place(item) for item in items[pk]) if cooking else (),
            is_held=any(item.held for item in cooking),
        )
    return found


def newcomer(state: State, pk: int, pizzas: int, way: str) -> Standing:
    """Return an order that joins the first line now, behind all others."""
    last = max((item.turn for order in state.orders for item in order.items), default=0)
    each = (ItemStanding(0, None, turn=last + 1),) * pizzas if state.item_stations else ()
    return Standing(str(pk), 0, None, pizzas, ROUTES[way], each)
