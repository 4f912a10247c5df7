"""The kitchen behind its lock, for many links in one transaction.

Each link changes the kitchen in memory, and the next one finds it so. What they write goes to the database together,
in the order in which it was noted: as many rows as if each had written its own, and a signal for each save.
"""

from bisect import insort
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from django.db import DatabaseError

from home.models import (
    EVENT_ROWS,
    ITEM_ROWS,
    ITEM_STATE_FIELDS,
    ORDER_ROWS,
    STATE_FIELDS,
    Order,
    OrderEvent,
    OrderItem,
)
from kitchen.locks import ITEM_LINE, ORDER_LINE, Kitchen, Work
from kitchen.models import Station

FURTHER = 8  # so many more of a line are read than are called up now


class Saved(NamedTuple):
    """What one link wrote of one order: the order as it was then."""

    order: Order
    items: list[OrderItem]
    events: Sequence[OrderEvent]


class Line:
    """Those who wait at a station, in turn; of a long line the first ones, as far as it was read."""

    def __init__(self, works: Iterable[Work], is_whole: bool) -> None:
        self.works = list(works)
        self.is_whole = is_whole

    def reaches(self, most: int) -> bool:
        """Return whether the first so many are known, if there are so many."""
        return self.is_whole or len(self.works) >= most

    def add(self, work: Work) -> None:
        """Let somebody in, unless that is behind those who are known."""
        if (self.is_whole or (self.works and turn(work) < turn(self.works[-1]))) and work not in self.works:
            insort(self.works, work, key=turn)


def turn(work: Work) -> tuple[Any, ...]:
    """Return the key by which a line is sorted, as the database does."""
    pk, number = (work.pk, 0) if isinstance(work, Order) else (work.order_id, work.number)
    return not work.rushed, work.joined_at, pk, number


@dataclass
class Batch(Kitchen):
    """Write with `flush` what would otherwise be written at once. Whatever reads the database flushes first."""

    saved: list[Saved] = field(default_factory=list)
    lines: dict[str, Line] = field(default_factory=dict)  # by stage; one that nobody asked for is not there
    # Works of which something was noted since the lines were brought up to date
    joined: list[Work] = field(default_factory=list)

    def note(self, event: OrderEvent) -> None:
        super().note(event)
        self.joined.append(event.order if event.item is None else event.order.item(event.item))

    def next_in_line(self, station: Station, most: int) -> list[Work]:
        if most <= 0 or not station.has_line:
            return []
        self.join_lines()
        line = self.lines.get(station.stage)
        if line is None or not line.reaches(most):
            self.write()  # those who were called up just now stand in the line no longer
            self.read_lines({station.stage: most + FURTHER})
        return self.lines[station.stage].works[:most]

    def read_lines(self, wanted: Mapping[str, int]) -> None:
        """Read the first so many of the lines of some stations, in one statement."""
        if not wanted:
            return
        self.flush()
        selects, values = [], list[Any]()
        for stage, most in wanted.items():
            of_items = self.is_of_items(stage)
            line, pk = (ITEM_LINE, "order_id") if of_items else (ORDER_LINE, "id")
            selects.append(f"SELECT {pk} FROM ({line}) AS line")
            values += [stage, most]
        self.read_with_items(f"({' UNION ALL '.join(selects)})", values)
        waiting = self.waiting(wanted)
        for stage, most in wanted.items():
            # All of the first `most` were read, so they are the first `most` of all that are known.
            works = sorted(waiting[stage], key=turn)
            self.lines[stage] = Line(works[:most], is_whole=len(works) < most)
        self.joined.clear()

    def waiting(self, stages: Iterable[str]) -> dict[str, list[Work]]:
        """Return who waits at these stations, of all the orders that were read."""
        found: dict[str, list[Work]] = {stage: [] for stage in stages}
        for order in self.orders.values():
            works: list[Work] = [order, *order.parts]
            for work in works:
                if work.stage in found and self.waits(work):
                    found[work.stage].append(work)
        return found

    def waits(self, work: Work) -> bool:
        """Return whether a work stands in the line of its station."""
        if work.started_at is not None or work.held:
            return False
        if isinstance(work, Order):
            return not self.is_of_items(work.stage)
        return self.is_of_items(work.stage) and not work.is_done

    def join_lines(self) -> None:
        """Bring the lines up to date: those who joined them are in, those who were called up are out."""
        for work in self.joined:
            line = self.lines.get(work.stage)
            if line is not None and self.waits(work):
                line.add(work)
        self.joined.clear()
        for stage, line in self.lines.items():
            while line.works and not (line.works[0].stage == stage and self.waits(line.works[0])):
                del line.works[0]

    def end_link(self) -> None:
        """Let the next link find the stations as if it had read them."""
        self.join_lines()
        for stage, line in list(self.lines.items()):
            if not line.works and not line.is_whole:  # there may be others behind those who were read
                self.read_lines({stage: FURTHER})
            self.stations[stage].has_line = bool(self.lines[stage].works)

    def save(self, order: Order, events: Sequence[OrderEvent], items: Sequence[OrderItem]) -> None:
        """Note what is to be written, and go on as if it were."""
        seen = as_it_is(order)
        self.saved.append(Saved(seen, [seen.item(item.number) for item in items], events))
        for item in items:
            item.remember()
        order.stage_read = order.stage

    def write_belts(self) -> None:
        """Leave them to `flush`."""

    def flush(self) -> None:
        """Write what was noted so far, a statement for all rows of a table. DatabaseError if one of them is gone."""
        saved, self.saved = self.saved, []
        orders = [each.order for each in saved]
        items = [item for each in saved for item in each.items]
        written = ORDER_ROWS.update_all(orders, STATE_FIELDS) + ITEM_ROWS.update_all(items, ITEM_STATE_FIELDS)
        if written != len(orders) + len(items):
            raise DatabaseError(f"One of these is gone: {', '.join(map(str, {order.pk for order in orders}))}.")
        EVENT_ROWS.insert_all(event for each in saved for event in each.events)
        for each in saved:
            each.order.state_was_saved(each.items)
        super().write_belts()

    def _read_as_it_is(self, codes: Sequence[str], pk: int | None) -> list[Sequence[Any]]:
        self.flush()
        rows = super()._read_as_it_is(codes, pk)
        self.lines = {stage: Line([], is_whole=True) for stage, row in self.stations.items() if not row.has_line}
        self.joined.clear()
        return rows


def as_it_is(order: Order) -> Order:
    """Return a copy of an order and its items: the frame of a save shows what was saved, whatever comes next."""
    seen = order.as_it_is()
    for item in seen.parts:
        item.order = seen
    return seen
