"""How much there is at each station, counted by the database: for boards that don't show all of it."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection

from home.frames import iso
from home.models import ORDER_ROWS
from kitchen import stages
from kitchen.locks import OPEN_ITEM, OPEN_ORDER
from kitchen.models import Station
from pizzaProj.limits import BOARD_NAMES

# An order without a promise is late when its age is this multiple of the work on it, and due soon a little before.
LATE_AFTER_TIMES, SOON_AFTER_TIMES = 3.0, 2.25
STATES = ("waiting", "working", "held")
OTHERS = ""  # the name of all pizzas that are too many to be counted by name
MINUTE = timedelta(minutes=1)

# What cooks is found by the partial index of such items, and joined to its orders. Asked for each order (EXISTS), it
# takes PostgreSQL through all items that there ever were, or is compiled for longer than it runs.
_COOKING = f"""
    SELECT home_order.id AS pk, max(CASE WHEN home_orderitem.started_at IS NULL THEN 0 ELSE 1 END) AS works,
        max(CASE WHEN home_orderitem.stage = home_order.stage THEN 1 ELSE 0 END) AS is_in_front,
        max(CASE WHEN home_orderitem.stage = home_order.stage AND NOT home_orderitem.held THEN 1 ELSE 0 END) AS is_free
    FROM home_orderitem JOIN home_order ON home_order.id = home_orderitem.order_id
    WHERE {OPEN_ITEM} GROUP BY home_order.id"""
_OPEN = f"FROM home_order LEFT JOIN cooking ON cooking.pk = home_order.id WHERE {OPEN_ORDER}"
# As home.Order.state says it, but for orders of which any pizza is worked on.
_STATE_OF_ORDER = """CASE
    WHEN home_order.started_at IS NOT NULL OR cooking.works = 1 THEN 'working'
    WHEN cooking.is_in_front = 1 THEN CASE cooking.is_free WHEN 1 THEN 'waiting' ELSE 'held' END
    WHEN home_order.held THEN 'held' ELSE 'waiting' END"""
_ORDERS = f"""
    WITH cooking AS ({_COOKING}), shown AS (
        SELECT home_order.stage, {_STATE_OF_ORDER} AS state, home_order.simulated, home_order.pizzas,
            home_order.joined_at,
            CASE WHEN home_order.stage <> '{stages.READY}' AND ({{late}}) THEN 1 ELSE 0 END AS late
        {_OPEN})
    SELECT stage, state, simulated, count(*), sum(pizzas), min(joined_at), sum(late)
    FROM shown GROUP BY stage, state, simulated"""
# Those that cook are where they are; those of orders that go on as a whole are where their order is.
_PIZZAS = f"""
    WITH cooking AS ({_COOKING}), whole AS (
        SELECT home_order.id, home_order.stage, {_STATE_OF_ORDER} AS state, home_order.simulated
        {_OPEN} AND cooking.pk IS NULL), shown AS (
        SELECT home_orderitem.name, home_orderitem.stage, CASE WHEN home_orderitem.held THEN 'held'
            WHEN home_orderitem.started_at IS NULL THEN 'waiting' ELSE 'working' END AS state, home_order.simulated
        FROM home_orderitem JOIN home_order ON home_order.id = home_orderitem.order_id WHERE {OPEN_ITEM}
        UNION ALL
        SELECT piece.name, whole.stage, whole.state, whole.simulated
        FROM whole JOIN home_orderitem piece ON piece.order_id = whole.id
        WHERE NOT piece.is_done OR piece.stage <> '{stages.CANCELLED.code}')
    SELECT name, stage, state, simulated, count(*) FROM shown GROUP BY name, stage, state, simulated"""
_UNPROMISED = f"""
    SELECT DISTINCT home_order.way, home_order.pizzas FROM home_order
    WHERE {OPEN_ORDER} AND home_order.promised_high IS NULL"""
_PLACED = """
    SELECT home_order.created_at >= %s, home_order.simulated, count(*) FROM home_order
    WHERE home_order.created_at >= %s GROUP BY 1, 2"""

Sizes = dict[tuple[str, str], int]  # works by stage and state


class Totals(NamedTuple):
    """What was counted."""

    sizes: Sizes
    real_sizes: Sizes  # without simulated orders
    frame: dict[str, Any]  # as boards are told


def read_totals(now: datetime, stations: Sequence[Station]) -> Totals:
    """Count in three statements; in a fourth, what is promised if not all orders have a promise."""
    orders, pizzas = _rows(*_orders_sql(now, stations)), _rows(_PIZZAS)
    of_items = {station.stage for station in stations if station.is_of_items}
    works = [tuple(row[:4]) for row in orders if row[0] not in of_items]
    works += [tuple(row[1:]) for row in pizzas if row[1] in of_items]
    frame = {
        "orders": [_orders_dict(*row) for row in sorted(orders, key=lambda row: tuple(row[:3]))],
        "pizzas": _by_name(pizzas),
        "placed": _placed(now),
    }
    return Totals(_sizes(works), _sizes(row for row in works if not row[2]), frame)


def _sizes(works: Iterable[Sequence[Any]]) -> Sizes:
    sizes: Counter[tuple[str, str]] = Counter()
    for stage, state, _, count in works:
        sizes[stage, state] += count
    return dict(sizes)


def _orders_dict(
    stage: str, state: str, simulated: Any, count: int, pizzas: int, since: Any, late: int
) -> dict[str, Any]:
    return {
        "stage": stage,
        "state": state,
        "simulated": bool(simulated),
        "orders": count,
        "pizzas": int(pizzas),
        "late": int(late),
        "since": iso(ORDER_ROWS.convert("joined_at", since)),
    }


def _by_name(rows: Iterable[Sequence[Any]]) -> list[dict[str, Any]]:
    """Return, for each name, how many are where: real ones, and simulated ones; the most first."""
    rows = list(rows)
    sums: Counter[str] = Counter()
    for name, _, _, _, count in rows:
        sums[name] += count
    names = [name for name, _ in sorted(sums.items(), key=lambda one: (-one[1], one[0]))[:BOARD_NAMES]]
    found: dict[str, dict[str, Any]] = {name: {"name": name, "real": {}, "simulated": {}} for name in names}
    for name, stage, state, simulated, count in rows:
        known = name if name in found else OTHERS
        row = found.setdefault(known, {"name": known, "real": {}, "simulated": {}})
        at = row["simulated" if simulated else "real"].setdefault(stage, dict.fromkeys(STATES, 0))
        at[state] += count
    return list(found.values())


def _placed(now: datetime) -> list[dict[str, Any]]:
    """Return how many orders were placed in this minute and the last: who counts each of them learns of a few only."""
    minute = now.replace(second=0, microsecond=0)
    adapt = connection.ops.adapt_datetimefield_value
    counts = {
        (bool(is_now), bool(simulated)): count
        for is_now, simulated, count in _rows(_PLACED, [adapt(minute), adapt(minute - MINUTE)])
    }
    return [
        {
            "minute": iso(minute if is_now else minute - MINUTE),
            "real": counts.get((is_now, False), 0),
            "simulated": counts.get((is_now, True), 0),
        }
        for is_now in (False, True)
    ]


def _orders_sql(now: datetime, stations: Sequence[Station]) -> tuple[str, list[Any]]:
    """Return the statement, with what is late by now. Of orders without a promise it takes each amount of work."""
    adapt = connection.ops.adapt_datetimefield_value
    conditions, values = ["home_order.promised_high < %s"], [adapt(now)]
    for way, pizzas in _rows(_UNPROMISED):
        conditions.append(
            "home_order.promised_high IS NULL AND home_order.way = %s AND home_order.pizzas = %s "
            "AND home_order.created_at < %s"
        )
        age = timedelta(seconds=LATE_AFTER_TIMES * work_seconds(way, pizzas, stations))
        values += [way, pizzas, adapt(now - age)]
    return _ORDERS.format(late=" OR ".join(f"({one})" for one in conditions)), values


def work_seconds(way: str, pizzas: int, stations: Iterable[Station]) -> float:
    """Return how long all work on an order usually takes until it is fulfilled, in wall seconds, as boards show it."""
    passed = [one for one in stations if one.stage != stages.READY and one.stage in stages.ROUTES[way].stages]
    return sum(one.mean_seconds * _rounds(one, pizzas) / one.speed for one in passed)


def _rounds(station: Station, pizzas: int) -> int:
    if not station.is_of_items:
        return station.pieces(pizzas)
    return 1 if station.is_belt else math.ceil(pizzas / station.capacity)


def _rows(sql: str, values: Sequence[Any] = ()) -> list[Sequence[Any]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, list(values))
        return list(cursor.fetchall())
