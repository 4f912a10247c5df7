"""The orders that are nearest to the door, which are looked ahead for without the long line behind them.

Nobody there is kept waiting by those behind; only a quicker pizza overtakes, so the last ones are read, but not told.
"""

from datetime import datetime
from typing import Any

from django.db import connection

from kitchen import locks, stages
from kitchen.promises.state import STATIONS, Reading, read, stages_of_items

FRONT = 100  # orders
BEYOND = 50  # orders that are read with them, as some of these could overtake
MOST_AHEAD = 100  # orders that are read for a pizza that is ahead of their others

# Those farthest on come first; of a station those who are at work, and then those in line.
_RANK = " ".join(f"WHEN '{code}' THEN {number}" for number, code in enumerate(reversed(STATIONS)))
_NEAREST = f"""
    SELECT id, stage FROM home_order WHERE {locks.OPEN_ORDER} AND stage <> '{stages.READY}' AND NOT held
    ORDER BY CASE stage {_RANK} END, started_at IS NULL, rushed DESC, joined_at, id LIMIT %s"""
# Others can be before them with a pizza: it is at work, or farther on than the last one of its order.
_ITEMS = f"""
    SELECT DISTINCT home_order.id FROM home_orderitem JOIN home_order ON home_order.id = home_orderitem.order_id
    WHERE {locks.OPEN_ITEM} AND home_orderitem.stage IN """
_AT_WORK, _AHEAD = "home_orderitem.due_at IS NOT NULL", "home_orderitem.stage <> home_order.stage"


def read_front(now: datetime) -> tuple[Reading, list[int]]:
    """Read the kitchen as if nobody stood behind the front, and the pks of those of whom that tells the truth.

    Where an oven has hundreds of places, these are only the orders past it: to read all who are in it takes too long.
    """
    apart = tuple(stages_of_items(locks.read_stations(*STATIONS).values()))
    nearest = dict(rows_of(_NEAREST, [FRONT + BEYOND]))
    ahead = {pk for codes, which in ((apart, _AT_WORK), (apart[1:], _AHEAD)) for pk in with_items(codes, which)}
    told = list(nearest)[:FRONT]
    if len(ahead) > MOST_AHEAD:
        ahead, told = set(), [pk for pk in told if nearest[pk] not in apart]
    reading = read(now, sorted({*nearest, *ahead}))
    in_line = set(reading.state.pks)  # without those all of whose pizzas are on hold
    return reading, [pk for pk in told if pk in in_line]


def with_items(codes: tuple[str, ...], which: str) -> list[int]:
    """Return orders with such an item at one of these stages: one more than are read, if there are."""
    if not codes:
        return []
    return [pk for (pk,) in rows_of(f"{_ITEMS} {stages.literal(codes)} AND {which} LIMIT %s", [MOST_AHEAD + 1])]


def rows_of(sql: str, values: list[int]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return list(cursor.fetchall())
