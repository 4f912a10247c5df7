"""The orders that are nearest to the door, which are looked ahead for without the long line behind them.

Nobody there is kept waiting by those behind; only a quicker pizza overtakes, so the last ones are read, but not told.
"""

from datetime import datetime

from django.db import connection

from kitchen import locks, stages
from kitchen.promises.state import STATIONS, Reading, read, stages_of_items

FRONT = 100  # orders
BEYOND = 50  # orders that are read with them, as some of these could overtake

# Those farthest on come first; of a station those who are at work, and then those in line.
_RANK = " ".join(f"WHEN '{code}' THEN {number}" for number, code in enumerate(reversed(STATIONS)))
_NEAREST = f"""
    SELECT id FROM home_order WHERE {locks.OPEN_ORDER} AND stage <> '{stages.READY}' AND NOT held
    ORDER BY CASE stage {_RANK} END, started_at IS NULL, rushed DESC, joined_at, id LIMIT %s"""
# Others can be before them with a pizza: it is at work, or farther on than the last one of its order.
_ITEMS = f"""
    SELECT home_orderitem.order_id FROM home_orderitem JOIN home_order ON home_order.id = home_orderitem.order_id
    WHERE {locks.OPEN_ITEM} AND home_orderitem.stage IN """
_AT_WORK, _AHEAD = "home_orderitem.due_at IS NOT NULL", "home_orderitem.stage <> home_order.stage"


def read_front(now: datetime) -> tuple[Reading, list[int]]:
    """Read the kitchen as if nobody stood behind the front, and the pks of those of whom that tells the truth."""
    apart = tuple(stages_of_items(locks.read_stations(*STATIONS).values()))
    nearest = pks_of(_NEAREST, [FRONT + BEYOND])
    ahead = {pk for codes, which in ((apart, _AT_WORK), (apart[1:], _AHEAD)) for pk in with_items(codes, which)}
    reading = read(now, sorted({*nearest, *ahead}))
    in_line = set(reading.state.pks)  # without those all of whose pizzas are on hold
    return reading, [pk for pk in nearest[:FRONT] if pk in in_line]


def with_items(codes: tuple[str, ...], which: str) -> list[int]:
    return pks_of(f"{_ITEMS} {stages.literal(codes)} AND {which}") if codes else []


def pks_of(sql: str, values: list[int] | None = None) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return [pk for (pk,) in cursor.fetchall()]
