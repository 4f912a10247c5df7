"""Read the event log of a whole shop and report its faults. Trust nothing but the log, the orders and their items.

    python -m benchmarks.chaos.audit var/db.sqlite3                  (or postgres://...)
    python -m benchmarks.chaos.audit var/db.sqlite3 accepted.json    {Idempotency-Key: order_id}, what customers know

The audit imports nothing of the shop and reads its tables by plain SQL, so it can't share a mistake with it. It is for
orders that nobody touched, or that somebody cancelled: a person who moves an order chooses its path.
"""

import json
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby, pairwise
from math import inf
from pathlib import Path
from typing import Any

from benchmarks.chaos.records import ENDED, Limits, Ordered, Row, read_limits, read_log, read_orders, snapshot

# What an order passes, as it was agreed with the customer and not as the shop's code has it
PATHS = {
    "delivery": ("received", "baking", "baked", "out_for_delivery"),
    "carry_out": ("received", "baking", "baked", "ready"),
}
LAST = "delivered"
GOES_ON = ("rushed", "retimed", "overran")  # events that leave an order, or an item, at work
COMPLETIONS = ("done", "assumed")  # of work that a tap ends, or should have ended
OF_HANDS = ("overran", *COMPLETIONS)
HELD = timedelta(seconds=2)  # so far back a clock can go without the log's following it
CLOCK_SECONDS = 2e-6  # times are written in whole microseconds


@dataclass
class Audit:
    """The findings, each a sentence. All lists are empty if all is well."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    illegal: list[str] = field(default_factory=list)
    crowded: list[str] = field(default_factory=list)
    unkept: int = 0  # ended orders whose history is no longer kept, so that nothing can be said of them

    @property
    def faults(self) -> list[str]:
        return self.lost + self.doubled + self.illegal + self.crowded + self.stuck

    @property
    def sentence(self) -> str:
        return (
            f"{len(self.lost)} lost, {len(self.doubled)} doubled, {len(self.stuck)} stuck, "
            f"{len(self.illegal)} with a wrong history, {len(self.crowded)} times too many at a station."
            + (f" Of {self.unkept} ended orders the history is no longer kept." if self.unkept else "")
        )


def audit(database: Any, accepted: dict[str, str] | None = None, limits: Limits | None = None) -> Audit:
    """Check against what customers were told ({Idempotency-Key: order_id}, if known), and what the stations can do."""
    limits = limits or read_limits(database)
    log = read_log(database)
    orders = read_orders(database, log)
    found = Audit()
    if accepted is not None:
        found.lost, found.doubled = compare(accepted, [order.order_id for order in orders])
    for order in orders:
        if (
            accepted is None and order.stage in ENDED and not order.log
        ):  # what customers were told is a trial: all is kept
            found.unkept += 1
            continue
        if order.stage not in ENDED:
            found.stuck.append(f"{order.order_id} is still at {order.stage}{', on hold' * order.is_held}")
        found.illegal += [f"{order.order_id}: {fault}" for fault in faults_of(order, limits)]
    counted = counted_on(log)
    found.crowded = crowds(counted, lambda stage, at: limits.capacity.get(stage, inf))
    found.crowded += rushed_loadings(counted, limits.headway_seconds)
    return found


def compare(accepted: dict[str, str], placed: list[str]) -> tuple[list[str], list[str]]:
    """Find lost orders (accepted, and not there) and doubled ones (there for nobody, or one for two clicks)."""
    known = Counter(accepted.values())
    lost = [f"{order_id} was accepted and is gone" for order_id in known.keys() - set(placed)]
    doubled = [f"{order_id} is there and nobody was told of it" for order_id in set(placed) - known.keys()]
    doubled += [f"{order_id} is the order of {count} customers" for order_id, count in known.items() if count > 1]
    return lost, doubled


# The path of an order and its items


def faults_of(order: Ordered, limits: Limits) -> list[str]:
    """Check that each change is there once, in order, and that order and items are where their last events left them.

    An order that was cancelled, or is still open, has taken the first part of its path.
    """
    rows = order.log
    faults = backwards(rows)
    if [row.seq for row in rows] != list(range(1, order.seq + 1)):
        faults.append(f"seq {[row.seq for row in rows]}, and the order is at {order.seq}")
    once = [(row.item, row.stage, row.event) for row in rows if row.event not in GOES_ON]
    if any(count > 1 for count in Counter(once).values()):
        faults.append("did something twice")
    if rows and (rows[-1].order_stage or rows[-1].stage) != order.stage:
        faults.append(f"is at {order.stage}, its last event at {rows[-1].order_stage}")
    faults += hand_faults(rows, limits.by_hand)
    path = [row for row in rows if row.event not in (*OF_HANDS, "retimed")]
    return faults + path_faults(order, path, limits.of_items) + item_faults(order, rows)


def hand_faults(rows: Sequence[Row], by_hand: frozenset[str]) -> list[str]:
    """Check that only work under way is late or ended, that it then goes on, and that hands end what is in hands."""
    faults = []
    for number in {row.item for row in rows}:
        own = [row for row in rows if row.item == number]
        started, ended = None, None
        for row in own:
            if row.event in OF_HANDS and (row.stage != started or ended):
                faults.append(f"was {row.event} at {row.stage} where nobody worked on it")
            elif row.event in COMPLETIONS:
                ended = row
            elif row.event not in (*GOES_ON, "cancelled"):
                if started in by_hand and not ended:
                    faults.append(f"left {started} and nobody had ended it")
                if ended and (row.stage == started or row.at != ended.at):
                    faults.append(f"was {ended.event} at {ended.stage}, and then {row.event} at {row.stage}")
                started, ended = row.stage if row.event == "started" else None, None
        if ended:
            faults.append(f"was {ended.event} at {ended.stage} and stayed there")
    return faults


def path_faults(order: Ordered, rows: Sequence[Row], of_items: frozenset[str]) -> list[str]:
    """Compare the path of the order, and of each of its items, with the only one that there is."""
    worked = PATHS[order.way]
    alone = [stage for stage in worked if stage in of_items]
    whole = [stage for stage in worked if stage not in of_items]
    item_path = [*((stage, "started") for stage in alone), (whole[0], "joined")]
    order_path = [*((stage, "started") for stage in whole), (LAST, "delivered")]
    faults = []
    for item in order.items if alone else []:
        own = [row for row in rows if row.item == item.number and row.event != "cancelled"]
        path = [(row.stage, row.event) for row in own if row.event != "joined" or row.stage == whole[0]]
        if not is_path(path, item_path, is_whole=order.stage == LAST and not item.is_struck):
            faults.append(f"pizza {item.number} took the path {path}")
    path = [(row.stage, row.event) for row in rows if row.item is None and row.event != "joined"]
    if not is_path(path, order_path, is_whole=order.stage == LAST):
        faults.append(f"took the path {path}")
    went_on = [row.seq for row in rows if row.item is None and row.event != "cancelled"]
    if went_on and any(row.item is not None and row.seq > went_on[0] for row in rows):
        faults.append("went on before all its pizzas were there")
    return faults


def is_path(path: list[tuple[str, str]], legal: Sequence[tuple[str, str]], is_whole: bool) -> bool:
    if path and path[-1][1] == "cancelled":
        path = path[:-1]
    return path == list(legal if is_whole else legal[: len(path)])


def item_faults(order: Ordered, rows: Sequence[Row]) -> list[str]:
    """Check that all pizzas are there, and where the log says that they are."""
    faults = []
    numbers = [item.number for item in order.items if not item.is_struck]
    if len(numbers) != order.pizzas or len(set(numbers)) != len(numbers):
        faults.append(f"has the pizzas {numbers}, and {order.pizzas} were ordered")
    strangers = {row.item for row in rows if row.item is not None} - {item.number for item in order.items}
    if strangers:
        faults.append(f"made pizzas that it does not have: {sorted(strangers)}")
    last = {row.item: row.stage for row in rows}
    for item in order.items:
        if order.stage == LAST and not item.is_done:
            faults.append(f"was delivered without pizza {item.number}")
        if order.stage != "cancelled" and last.get(item.number, item.stage) != item.stage:
            faults.append(f"pizza {item.number} is at {item.stage}, its last event at {last[item.number]}")
    return faults


# The stations


def counted_on(log: Sequence[Row]) -> list[Row]:
    """Where the clock was set back, by more than the log itself holds, count time on from where it was."""
    counted, back = list(log[:1]), timedelta(0)
    for earlier, later in pairwise(log):
        if earlier.at - later.at > HELD:
            back += earlier.at - later.at
        counted.append(later._replace(at=later.at + back))
    return counted


def crowds(events: Iterable[Row], capacity: Callable[[str, datetime], float]) -> list[str]:
    """Find moments at which more works, items or orders, were at a station than its capacity.

    This is the view of an outsider without knowledge of locks: the intervals of the log, compared by their times.
    """
    faults = []
    for stage, intervals in at_work(events).items():
        inside = 0
        for moment, change in sorted(edge for interval in intervals for edge in edges(*interval)):
            inside += change
            if change > 0 and inside > capacity(stage, moment):
                faults.append(f"{inside} works in the {capacity(stage, moment)} places of {stage} at {moment}")
    return faults


def at_work(events: Iterable[Row]) -> dict[str, list[tuple[datetime, datetime | None]]]:
    """Return the intervals of work at each stage: from `started` until the next event of the same item or order.

    An order that goes on as a whole ends what its items were doing, and an item that begins again what its order did.
    """
    intervals: dict[str, list[tuple[datetime, datetime | None]]] = defaultdict(list)
    for _, rows in groupby(sorted(events, key=lambda row: row[:2]), key=lambda row: row.order):
        began: dict[int | None, tuple[str, datetime]] = {}
        for row in rows:
            if row.event in GOES_ON:
                continue
            for number in [*began] if row.item is None else {row.item, None} & began.keys():
                stage, start = began.pop(number)
                intervals[stage].append((start, row.at))
            if row.event == "started":
                began[row.item] = (row.stage, row.at)
        for stage, start in began.values():
            intervals[stage].append((start, None))
    return intervals


def edges(start: datetime, end: datetime | None) -> list[tuple[datetime, int]]:
    """Return +1 at the start and -1 at the end. A departure comes before an arrival at the same moment; an empty
    interval has no edges."""
    if end is None:
        return [(start, 1)]
    return [(start, 1), (end, -1)] if start < end else []


def rushed_loadings(events: Iterable[Row], headway_seconds: dict[str, float]) -> list[str]:
    """Find loadings of a belt that came too soon after the one before."""
    loaded: dict[str, list[datetime]] = defaultdict(list)
    for row in events:
        if row.event == "started" and row.stage in headway_seconds:
            loaded[row.stage].append(row.at)
    return [
        f"the belt of {stage} was loaded at {earlier} and again at {later}"
        for stage, moments in loaded.items()
        for earlier, later in pairwise(sorted(moments))
        if (later - earlier).total_seconds() < headway_seconds[stage] - CLOCK_SECONDS
    ]


def backwards(events: Iterable[Row]) -> list[str]:
    """Find events of one order whose time is before that of the previous one, but where the clock was set back."""
    return [
        f"{later.event} of order {later.order} at {later.at}, before its {earlier.event} at {earlier.at}"
        for earlier, later in pairwise(sorted(events, key=lambda row: row[:2]))
        if earlier.order == later.order and later.at < earlier.at and later.event != "retimed"
    ]


# From the command line


def main(where: str, told: str | None = None) -> int:
    accepted = json.loads(Path(told).read_text()) if told else None
    with snapshot(where) as database:
        found = audit(database, accepted)
    print(found.sentence)
    print("\n".join(found.faults))
    return 1 if found.faults else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
