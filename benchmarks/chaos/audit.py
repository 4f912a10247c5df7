"""Reads the event log of a whole shop and says what is wrong in it. Trusts nothing but the log and the orders.

For orders that nobody touched, or that somebody cancelled: the path of a moved order is that person's.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise

from home.models import Order, OrderEvent
from kitchen import stages

Event = OrderEvent.Event


@dataclass
class Audit:
    """What was found; each a sentence. Nothing in any of them: all is well."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    illegal: list[str] = field(default_factory=list)
    crowded: list[str] = field(default_factory=list)

    @property
    def faults(self) -> list[str]:
        return self.lost + self.doubled + self.stuck + self.illegal + self.crowded


def audit(accepted: dict[str, str], places: dict[str, int]) -> Audit:
    """Against what customers were told ({Idempotency-Key: order_id}), and the most places that each stage had."""
    found = Audit()
    orders = list(Order.objects.prefetch_related("events"))
    found.lost, found.doubled = compare(accepted, [order.order_id for order in orders])
    for order in orders:
        if order.stage not in stages.ENDED:
            found.stuck.append(f"{order.order_id} is still {order.state} at {order.stage}")
        found.illegal += path_faults(order)
    found.crowded = crowds(OrderEvent.objects.order_by("pk").values_list("order_id", "stage", "event"), places)
    return found


def compare(accepted: dict[str, str], placed: list[str]) -> tuple[list[str], list[str]]:
    """Lost: accepted, and not there. Doubled: there for nobody, or one for two clicks."""
    known = Counter(accepted.values())
    lost = [f"{order_id} was accepted and is gone" for order_id in known.keys() - set(placed)]
    doubled = [f"{order_id} is there and nobody was told of it" for order_id in set(placed) - known.keys()]
    doubled += [f"{order_id} is the order of {count} customers" for order_id, count in known.items() if count > 1]
    return lost, doubled


def path_faults(order: Order) -> list[str]:
    """Is each change there once, in order, and is the order where its last event left it?"""
    events = list(order.events.all())
    faults = []
    if [event.seq for event in events] != list(range(1, order.seq + 1)):
        faults.append(f"seq {[event.seq for event in events]}, and the order is at {order.seq}")
    if any(later.at < earlier.at for earlier, later in pairwise(events)):
        faults.append("time runs backwards")
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


def crowds(events: Iterable[tuple[int, str, str]], places: dict[str, int]) -> list[str]:
    """Replays who was in which place, in the order in which it was written: stations are locked for that.

    Not by time: a link looks at its clock before it waits for the locks.
    """
    inside: dict[str, set[int]] = defaultdict(set)
    at: dict[int, str] = {}
    faults = []
    for order, stage, event in events:
        inside[at.pop(order, "")].discard(order)
        if event != Event.STARTED:
            continue
        at[order] = stage
        inside[stage].add(order)
        if len(inside[stage]) > places[stage]:
            faults.append(f"{len(inside[stage])} orders in the {places[stage]} places of {stage}")
    return faults
