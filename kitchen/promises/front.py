"""The orders that are nearest to the door, which are looked ahead for without the long line behind them.

Nobody there is kept waiting by those behind; only a quicker pizza overtakes, so the last ones are read, but not told.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import connection

from kitchen import locks, stages
from kitchen.promises.state import STATIONS, Reading, read, stages_of_items
from simulation.lookahead import Standing

FRONT = 100  # orders
BEYOND = 50  # orders that are read with them, as some of these could overtake
MOST_AT_WORK = 100  # orders that are read for a pizza at work, wherever the others are
ITEMS = 3  # an order, that are read of a line

# Those farthest on come first; of a station those who are at work, and then those in line.
_RANK = " ".join(f"WHEN '{code}' THEN {number}" for number, code in enumerate(reversed(STATIONS)))
_WHOLE = f"""
    SELECT id FROM home_order WHERE {locks.OPEN_ORDER} AND stage IN {{}} AND NOT held
    ORDER BY CASE stage {_RANK} END, started_at IS NULL, rushed DESC, joined_at, id LIMIT %s"""
_AT_WORK = f"""
    SELECT DISTINCT order_id FROM home_orderitem
    WHERE {locks.OPEN_ITEM} AND home_orderitem.stage IN {{}} AND due_at IS NOT NULL LIMIT %s"""


def read_front(now: datetime) -> tuple[Reading, list[int]]:
    """Read the kitchen as if nobody stood behind the front, and the pks of those of whom that tells the truth.

    Where an oven has hundreds of places, these are only the orders past it: to read all who are in it takes too long.
    """
    apart = tuple(stages_of_items(locks.read_stations(*STATIONS).values()))
    size = FRONT + BEYOND
    whole = pks_of(_WHOLE.format(stages.literal(tuple(code for code in STATIONS if code not in apart))), [size])
    at_work = pks_of(_AT_WORK.format(stages.literal(apart)), [MOST_AT_WORK + 1]) if apart else []
    if len(at_work) > MOST_AT_WORK:
        at_work, apart = [], ()
    in_line = nearest_in_line(apart, at_work, max(0, size - len(whole) - len(at_work)))
    reading = read(now, sorted({*whole, *at_work, *in_line}))
    orders = dict(zip(reading.state.pks, reading.state.orders, strict=True))
    found, last = Counter(in_line), {pk: place for place, pk in enumerate(in_line)}
    ranked = [*whole, *sorted({*at_work, *in_line}, key=lambda pk: (last.get(pk, -1), pk))]
    told = [pk for pk in ranked if pk in orders and waiting(orders[pk]) == found[pk]]  # the others can't be known
    return reading, told[:FRONT]


def nearest_in_line(codes: Sequence[str], at_work: Sequence[int], others: int) -> list[int]:
    """Return the order of each item in the lines, those farthest on first, until there are so many others.

    An order says little about the turn of its pizzas: one that is made again is rushed, one that is sent back is last.
    """
    found = list[int]()
    for code in reversed(codes):
        found += pks_of(locks.ITEM_LINE, [code, ITEMS * (FRONT + BEYOND)])
    nearest = {*at_work, *[pk for pk in dict.fromkeys(found) if pk not in at_work][:others]}
    end = next((place for place, pk in enumerate(found) if pk not in nearest), len(found))
    return found[:end]


def waiting(order: Standing) -> int:
    """Return how many of its items stand in a line."""
    return sum(not item.is_done and item.elapsed_seconds is None for item in order.items)


def pks_of(sql: str, values: list[Any]) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return [row[0] for row in cursor.fetchall()]
