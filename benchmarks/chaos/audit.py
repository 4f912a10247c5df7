"""Read the event log of a whole shop and report its faults. Trust nothing but the log, the orders and their items.

The audit is for orders that nobody touched, or that somebody cancelled: a person who moves an order chooses its path.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby, pairwise
from math import inf
from typing import NamedTuple

from home.models import Order, OrderEvent
from kitchen import stages
from kitchen.models import Station

Event = OrderEvent.Event
GOES_ON = (Event.RUSHED, Event.RETIMED, Event.OVERRAN)  # events that leave an order, or an item, at work
COMPLETIONS = (Event.DONE, Event.ASSUMED)  # of work that a tap ends, or should have ended
OF_HANDS = (Event.OVERRAN, *COMPLETIONS)
CLOCK_SECONDS = 2e-6  # times are written in whole microseconds


class Row(NamedTuple):
    """One event of the log."""

    order: int
    seq: int
    item: int | None
    stage: str
    event: str
    at: datetime


@dataclass(frozen=True)
class Limits:
    """What the stations can do: how many at once, or how often, and whether they work on items."""

    capacity: dict[str, int]  # the largest that each station with places had
    headway_seconds: dict[str, float]  # of belts, on the wall
    of_items: frozenset[str]
    by_hand: frozenset[str] = frozenset()  # stages whose work ends with a tap, during the whole of the log

    @classmethod
    def read(cls) -> "Limits":
        stations = [station.with_shop() for station in Station.objects.select_related("shop")]
        return cls(
            capacity={station.stage: station.capacity for station in stations if not station.is_belt},
            headway_seconds={station.stage: station.loading_seconds(1) for station in stations if station.is_belt},
            of_items=frozenset(station.stage for station in stations if station.is_of_items),
            by_hand=frozenset(station.stage for station in stations if station.is_by_hand),
        )


@dataclass
class Audit:
    """The findings, each a sentence. All lists are empty if all is well."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    illegal: list[str] = field(default_factory=list)
    crowded: list[str] = field(default_factory=list)

    @property
    def faults(self) -> list[str]:
        return self.lost + self.doubled + self.stuck + self.illegal + self.crowded


def audit(accepted: dict[str, str], limits: Limits) -> Audit:
    """Check against what customers were told ({Idempotency-Key: order_id}), and what the stations can do."""
    found = Audit()
    orders = list(Order.objects.with_items().prefetch_related("events"))
    found.lost, found.doubled = compare(accepted, [order.order_id for order in orders])
    for order in orders:
        if order.stage not in stages.ENDED:
            found.stuck.append(f"{order.order_id} is still {order.state} at {order.stage}")
        found.illegal += [f"{order.order_id}: {fault}" for fault in faults_of(order, limits)]
    found.crowded = crowds(log(), lambda stage, at: limits.capacity.get(stage, inf))
    found.crowded += rushed_loadings(log(), limits.headway_seconds)
    return found


def log() -> list[Row]:
    return [Row(*row) for row in OrderEvent.objects.values_list("order_id", "seq", "item", "stage", "event", "at")]


def compare(accepted: dict[str, str], placed: list[str]) -> tuple[list[str], list[str]]:
    """Find lost orders (accepted, and not there) and doubled ones (there for nobody, or one for two clicks)."""
    known = Counter(accepted.values())
    lost = [f"{order_id} was accepted and is gone" for order_id in known.keys() - set(placed)]
    doubled = [f"{order_id} is there and nobody was told of it" for order_id in set(placed) - known.keys()]
    doubled += [f"{order_id} is the order of {count} customers" for order_id, count in known.items() if count > 1]
    return lost, doubled


# The path of an order and its items


def faults_of(order: Order, limits: Limits) -> list[str]:
    """Check that each change is there once, in order, and that order and items are where their last events left them.

    An order that was cancelled, or is still open, has taken the first part of its path.
    """
    events = list(order.events.all())
    rows = [Row(order.pk, event.seq, event.item, event.stage, event.event, event.at) for event in events]
    faults = backwards(rows)
    if [row.seq for row in rows] != list(range(1, order.seq + 1)):
        faults.append(f"seq {[row.seq for row in rows]}, and the order is at {order.seq}")
    once = [(row.item, row.stage, row.event) for row in rows if row.event not in GOES_ON]
    if any(count > 1 for count in Counter(once).values()):
        faults.append("did something twice")
    if events and (events[-1].order_stage or events[-1].stage) != order.stage:
        faults.append(f"is at {order.stage}, its last event at {events[-1].order_stage}")
    faults += hand_faults(rows, limits.by_hand)
    path = [row for row in rows if row.event not in (*OF_HANDS, Event.RETIMED)]
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
            elif row.event not in (*GOES_ON, Event.CANCELLED):
                if started in by_hand and not ended:
                    faults.append(f"left {started} and nobody had ended it")
                if ended and (row.stage == started or row.at != ended.at):
                    faults.append(f"was {ended.event} at {ended.stage}, and then {row.event} at {row.stage}")
                started, ended = row.stage if row.event == Event.STARTED else None, None
        if ended:
            faults.append(f"was {ended.event} at {ended.stage} and stayed there")
    return faults


def path_faults(order: Order, rows: Sequence[Row], of_items: frozenset[str]) -> list[str]:
    """Compare the path of the order, and of each of its items, with the only one that there is."""
    worked = stages.remaining(stages.FIRST, order.way)
    alone = [stage for stage in worked if stage in of_items]
    whole = [stage for stage in worked if stage not in of_items]
    item_path = [*((stage, Event.STARTED) for stage in alone), (whole[0], Event.JOINED)]
    order_path = [*((stage, Event.STARTED) for stage in whole), (stages.LAST, Event.DELIVERED)]
    faults = []
    for item in order.parts if alone else []:
        own = [row for row in rows if row.item == item.number and row.event != Event.CANCELLED]
        path = [(row.stage, row.event) for row in own if row.event != Event.JOINED or row.stage == whole[0]]
        if not is_path(path, item_path, is_whole=order.stage == stages.LAST and not item.is_struck):
            faults.append(f"pizza {item.number} took the path {path}")
    path = [(row.stage, row.event) for row in rows if row.item is None and row.event != Event.JOINED]
    if not is_path(path, order_path, is_whole=order.stage == stages.LAST):
        faults.append(f"took the path {path}")
    went_on = [row.seq for row in rows if row.item is None and row.event != Event.CANCELLED]
    if went_on and any(row.item is not None and row.seq > went_on[0] for row in rows):
        faults.append("went on before all its pizzas were there")
    return faults


def is_path(path: list[tuple[str, str]], legal: Sequence[tuple[str, str]], is_whole: bool) -> bool:
    if path and path[-1][1] == Event.CANCELLED:
        path = path[:-1]
    return path == list(legal if is_whole else legal[: len(path)])


def item_faults(order: Order, rows: Sequence[Row]) -> list[str]:
    """Check that all pizzas are there, and where the log says that they are."""
    faults = []
    numbers = [item.number for item in order.parts if not item.is_struck]
    if len(numbers) != order.pizzas or len(set(numbers)) != len(numbers):
        faults.append(f"has the pizzas {numbers}, and {order.pizzas} were ordered")
    strangers = {row.item for row in rows if row.item is not None} - {item.number for item in order.parts}
    if strangers:
        faults.append(f"made pizzas that it does not have: {sorted(strangers)}")
    last = {row.item: row.stage for row in rows}
    for item in order.parts:
        if order.stage == stages.LAST and not item.is_done:
            faults.append(f"was delivered without pizza {item.number}")
        if order.stage != stages.CANCELLED.code and last.get(item.number, item.stage) != item.stage:
            faults.append(f"pizza {item.number} is at {item.stage}, its last event at {last[item.number]}")
    return faults


# The stations


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
            if row.event == Event.STARTED:
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
        if row.event == Event.STARTED and row.stage in headway_seconds:
            loaded[row.stage].append(row.at)
    return [
        f"the belt of {stage} was loaded at {earlier} and again at {later}"
        for stage, moments in loaded.items()
        for earlier, later in pairwise(sorted(moments))
        if (later - earlier).total_seconds() < headway_seconds[stage] - CLOCK_SECONDS
    ]


def backwards(events: Iterable[Row]) -> list[str]:
    """Find events of one order whose time is before that of the previous one."""
    return [
        f"{later.event} of order {later.order} at {later.at}, before its {earlier.event} at {earlier.at}"
        for earlier, later in pairwise(sorted(events, key=lambda row: row[:2]))
        if earlier.order == later.order and later.at < earlier.at
    ]
