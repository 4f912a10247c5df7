"""Read the live kitchen as the state that simulation.lookahead runs forward, in kitchen seconds.

The counter is no part of it: an order that is ready to collect has what was promised, and delays nobody.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cache
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import QuerySet

from home.models import ORDER_ROWS, Order
from kitchen import locks, outlook, stages
from kitchen.models import Station
from simulation.lookahead import ItemStanding, Standing, State, Workplace

STATIONS = tuple(code for code in stages.WORKED if code != stages.READY)
NUMBERS = {code: number for number, code in enumerate(STATIONS)}
ROUTES: dict[str, tuple[int, ...] | None] = {  # by way; as numbers of STATIONS
    way: tuple(STATIONS.index(code) for code in route.stages if code in STATIONS)
    for way, route in stages.ROUTES.items()
}
DONE = ItemStanding(0, None, is_done=True)


class OrderRow(NamedTuple):
    """An order as the database has it; SQLite has its own form of moments and of true and false."""

    pk: int
    stage: str
    started_at: Any
    pizzas: int
    way: str
    held: bool
    seq: int


class ItemRow(NamedTuple):
    """An item of an order that is apart, likewise."""

    number: int
    stage: str
    started_at: Any
    is_done: bool
    held: bool
    turn: int  # in a line of items, smallest first

    @property
    def is_struck(self) -> bool:
        return bool(self.is_done) and self.stage == stages.CANCELLED.code


ORDER_END = len(OrderRow._fields)
COLUMNS = ", ".join(
    (
        *("home_order." + {"pk": "id"}.get(name, name) for name in OrderRow._fields),
        *(f"home_orderitem.{name}" for name in ItemRow._fields[:-1]),
    )
)


class Reading(NamedTuple):
    """The live kitchen, and the seq of each open order by pk, also of those that are in no line."""

    state: State
    seqs: dict[int, int]


def read_state(now: datetime) -> State:
    """Read the live kitchen, in two queries."""
    return read(now).state


def read(now: datetime, pks: Sequence[int] | None = None) -> Reading:
    """Read the live kitchen, or as if these orders were alone in it."""
    found = locks.read_stations(*STATIONS)
    stations = [found[code] for code in STATIONS]
    apart = stages_of_items(stations)
    with connection.cursor() as cursor:
        cursor.execute(rows_sql(len(apart)).format(those=among(pks)), apart)
        rows = cursor.fetchall()
    orders = standing(rows, now, stations[0].speed)
    state = State(
        stations=tuple(workplace(station, now) for station in stations),
        orders=tuple(orders.values()),
        speed=stations[0].speed,
        shop_is_open=stations[0].shop_is_open,
        pks=tuple(orders),
    )
    return Reading(state, {row[0]: row[ORDER_END - 1] for row in rows})


def stages_of_items(stations: Iterable[Station]) -> list[str]:
    return [station.stage for station in stations if station.is_of_items]


def among(pks: Sequence[int] | None) -> str:
    """Return the condition of these orders. Numbers can stand in the SQL as they are."""
    return "" if pks is None else f"AND home_order.id IN ({', '.join(map(str, pks)) or 'NULL'})"


@cache
def rows_sql(apart: int) -> str:
    """Return the query of the orders at STATIONS, in the order of the lines, with a row for each item that is apart.

    apart: the number of stations of items, whose codes are the parameters. It is one statement, because an order could
    go on between two. The database numbers the turns, as sorting the items here would take longer than all the rest.
    Django would take as long again to build the query and convert its rows. {those} stands for a further condition.
    """
    is_apart = f"home_order.stage IN ({', '.join(['%s'] * apart)})" if apart else "FALSE"
    worked = ", ".join(f"'{code}'" for code in stages.WORKED)  # as the index says it
    return f"""
        SELECT {COLUMNS}, ROW_NUMBER() OVER (ORDER BY
            home_orderitem.rushed DESC, home_orderitem.joined_at, home_order.id, home_orderitem.number)
        FROM home_order LEFT JOIN home_orderitem ON home_orderitem.order_id = home_order.id AND {is_apart}
        WHERE home_order.stage IN ({worked}) AND home_order.stage <> '{stages.READY}' {{those}}
        ORDER BY home_order.rushed DESC, home_order.joined_at, home_order.id, home_orderitem.number"""


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


def standing(rows: Iterable[Sequence[Any]], now: datetime, speed: float) -> dict[int, Standing]:
    """Return {pk: order} in the order of the lines, of the rows of `rows_sql`.

    Orders that are on hold with all that is left of them are left out: they take no place.
    """

    def elapsed(work: OrderRow | ItemRow) -> float | None:
        if work.started_at is None:
            return None
        began: datetime = ORDER_ROWS.convert("started_at", work.started_at)
        return max(0.0, (now - began).total_seconds()) * speed

    def place(item: ItemRow) -> ItemStanding:
        if item.is_done or item.held:
            return DONE
        return ItemStanding(NUMBERS[item.stage], elapsed(item), turn=item.turn)

    found = {}
    for pk, its_rows in groupby(rows, itemgetter(0)):
        first, *others = its_rows
        order = OrderRow._make(first[:ORDER_END])
        items = [ItemRow._make(row[ORDER_END:]) for row in (first, *others) if row[ORDER_END] is not None]
        items = [item for item in items if not item.is_struck]
        cooking = [item for item in items if not item.is_done]
        if order.held or (cooking and all(item.held for item in cooking)):
            continue
        found[pk] = Standing(
            str(pk),
            NUMBERS[order.stage],
            elapsed(order),
            order.pizzas,
            ROUTES[order.way],
            tuple(map(place, items)) if cooking else (),
            is_held=any(item.held for item in cooking),
        )
    return found


def newcomer(state: State, pk: int, pizzas: int, way: str) -> Standing:
    """Return an order that joins the first line now, behind all others."""
    each = (ItemStanding(0, None, turn=state.last_turn + 1),) * pizzas if state.item_stations else ()
    return Standing(str(pk), 0, None, pizzas, ROUTES[way], each)
