"""Read the event log of a whole shop and report its faults. Trust nothing but the log and the orders.

The audit is for orders that nobody touched, or that somebody cancelled: a person who moves an order chooses its path.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby, pairwise
from operator import itemgetter

from home.models import Order, OrderEvent
from kitchen import stages

Event = OrderEvent.Event
GOES_ON = (Event.RUSHED, Event.RETIMED)  # events that leave an order at work

Row = tuple[int, int, str, str, datetime]  # order, seq, stage, event, at


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


def audit(accepted: dict[str, str], capacity: dict[str, int]) -> Audit:
    """Check against what customers were told ({Idempotency-Key: order_id}), and the largest capacity of each stage."""
    found = Audit()
    orders = list(Order.objects.prefetch_related("events"))
    found.lost, found.doubled = compare(accepted, [order.order_id for order in orders])
    for order in orders:
        if order.stage not in stages.ENDED:
            found.stuck.append(f"{order.order_id} is still {order.state} at {order.stage}")
        found.illegal += path_faults(order)
    found.crowded = crowds(log(), lambda stage, at: capacity[stage])
    return found


def log() -> list[Row]:
    return list(OrderEvent.objects.values_list("order_id", "seq", "stage", "event", "at"))


def compare(accepted: dict[str, str], placed: list[str]) -> tuple[list[str], list[str]]:
    """Find lost orders (accepted, and not there) and doubled ones (there for nobody, or one for two clicks)."""
    known = Counter(accepted.values())
    lost = [f"{order_id} was accepted and is gone" for order_id in known.keys() - set(placed)]
    doubled = [f"{order_id} is there and nobody was told of it" for order_id in set(placed) - known.keys()]
    doubled += [f"{order_id} is the order of {count} customers" for order_id, count in known.items() if count > 1]
    return lost, doubled


def path_faults(order: Order) -> list[str]:
    """Check that each change is there once, in order, and that the order is where its last event left it."""
    events = list(order.events.all())
    faults = []
    if [event.seq for event in events] != list(range(1, order.seq + 1)):
        faults.append(f"seq {[event.seq for event in events]}, and the order is at {order.seq}")
    faults += backwards([(order.pk, event.seq, event.stage, event.event, event.at) for event in events])
    path = [(event.stage, event.event) for event in events if event.event != Event.JOINED]
    legal = [(stage, Event.STARTED) for stage in stages.WORKED] + [(stages.LAST, Event.DELIVERED)]
    if path and path[-1][1] == Event.CANCELLED:
        path.pop()
        legal = legal[: len(path)]
    if path != (legal if order.stage in stages.ENDED else legal[: len(path)]):
        faults.append(f"took the path {path}")
    if any(count > 1 for count in Counter((event.stage, event.event) for event in events).values()):
        faults.append("did something twice")
    if events and events[-1].stage != order.stage:
        faults.append(f"is at {order.stage}, its last event at {events[-1].stage}")
    return [f"{order.order_id}: {fault}" for fault in faults]


def crowds(events: Iterable[Row], capacity: Callable[[str, datetime], int]) -> list[str]:
    """Find moments at which more orders were at work in a station than its capacity.

    This is the view of an outsider without knowledge of locks: the intervals of the log, compared by their times.
    """
    faults = []
    for stage, intervals in at_work(events).items():
        inside = 0
        for moment, change in sorted(edge for interval in intervals for edge in edges(*interval)):
            inside += change
            if change > 0 and inside > capacity(stage, moment):
                faults.append(f"{inside} orders in the {capacity(stage, moment)} places of {stage} at {moment}")
    return faults


def at_work(events: Iterable[Row]) -> dict[str, list[tuple[datetime, datetime | None]]]:
    """Return the intervals of work at each stage: from an order's `started` until its next event."""
    intervals: dict[str, list[tuple[datetime, datetime | None]]] = defaultdict(list)
    for _, rows in groupby(sorted(events), key=itemgetter(0)):
        began: tuple[str, datetime] | None = None
        for _, _, stage, event, at in rows:
            if began and event in GOES_ON:
                continue
            if began:
                intervals[began[0]].append((began[1], at))
            began = (stage, at) if event == Event.STARTED else None
        if began:
            intervals[began[0]].append((began[1], None))
    return intervals


def edges(start: datetime, end: datetime | None) -> list[tuple[datetime, int]]:
    """Return +1 at the start and -1 at the end. A departure comes before an arrival at the same moment; an empty
    interval has no edges."""
    if end is None:
        return [(start, 1)]
    return [(start, 1), (end, -1)] if start < end else []


def backwards(events: Iterable[Row]) -> list[str]:
    """Find events of one order whose time is before that of the previous one."""
    return [
        f"{later[3]} of order {later[0]} at {later[4]}, before its {earlier[3]} at {earlier[4]}"
        for earlier, later in pairwise(sorted(events))
        if earlier[0] == later[0] and later[4] < earlier[4]
    ]
