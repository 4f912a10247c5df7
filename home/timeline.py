"""What happened to an order, in the words that people read: on its page, in the API and in its conversation.

An order of several pizzas has an event for each of them at each station. Here they get the pizzas' names, and what
happens to several pizzas becomes one line.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import zip_longest

from home.models import Order, OrderEvent, OrderItem
from home.whereabouts import capital, lower
from kitchen import stages

MOST_NAMED = 3  # different pizzas in one line; more are counted
MOST_APART = 5  # pizzas in an order whose lines say what happened when; with more, what happened alike is one line

Event = OrderEvent.Event
BY_THE_KITCHEN = (Event.JOINED, Event.STARTED)
SAID_BY_THE_NEXT = (Event.DONE, Event.ASSUMED)  # what follows from them says it
OF_EACH_PIZZA = (*BY_THE_KITCHEN, Event.OVERRAN)


@dataclass
class Line:
    """One line of the timeline: events of one kind, of one pizza or of several."""

    events: list[OrderEvent] = field(default_factory=list)

    @property
    def at(self) -> datetime:
        return self.events[0].at

    def is_like(self, event: OrderEvent) -> bool:
        """Return True if an event says the same of another pizza."""
        first = self.events[0]
        return (
            event.item is not None
            and event.item not in [known.item for known in self.events]
            and [getattr(first, name) for name in KIND] == [getattr(event, name) for name in KIND]
        )


KIND = ("event", "stage", "by_person", "reason")


NOT_KEPT = "What happened is no longer kept: it is too long ago"
EARLIER_NOT_KEPT = "What happened earlier is no longer kept"


def timeline(order: Order) -> list[tuple[datetime, str]]:
    """Return (moment, sentence) for each line of an order's timeline. Reads its events and items."""
    log = list(order.events.all())
    return [*removed(order, log), *lines_of(log, order)]


def removed(order: Order, log: Sequence[OrderEvent]) -> list[tuple[datetime, str]]:
    """Say so if the first events are no longer there (keeping.ages)."""
    if log:
        return [] if log[0].seq == 1 else [(order.created_at, EARLIER_NOT_KEPT)]
    return [(order.fulfilled_at or order.created_at, NOT_KEPT)] if order.seq else []


def lines_of(log: Sequence[OrderEvent], order: Order) -> list[tuple[datetime, str]]:
    events = told(log, order.parts)
    several = len(order.parts) > 1
    lines: list[Line] = []
    for event in events:
        earlier = lines if several and len(order.parts) > MOST_APART else lines[-1:]
        line = next((line for line in reversed(earlier) if several and line.is_like(event)), None)
        if line is None:
            lines.append(line := Line())
        line.events.append(event)
    return [(line.at, sentence(line.events, order.parts)) for line in lines]


def told(events: Sequence[OrderEvent], items: Sequence[OrderItem]) -> list[OrderEvent]:
    """Leave out what the next line says as well, and, of several pizzas, that one of them waits while others go on.

    Leave out, too, what happened to pizzas that a change of the order has removed: without a name it would read as if
    it were about the order.
    """
    there = {None, *(item.number for item in items)}
    events = told_once([event for event in events if event.item in there and is_for_customers(event)])
    waits = {(item.number, item.stage) for item in items if item.is_cooking}
    begun = {(event.item, event.stage) for event in events if event.event == Event.STARTED}
    return [
        event
        for event, after in zip_longest(events, events[1:])
        if event.event != Event.JOINED
        or event.item is None
        or (event.seq == 1 and len(items) > 1)
        or (
            (event.item, event.stage) not in waits | begun
            if len(items) > 1
            else after is None or (after.event, after.stage, after.at) != (Event.STARTED, event.stage, event.at)
        )
    ]


def told_once(events: Sequence[OrderEvent]) -> list[OrderEvent]:
    """Leave out that work is late where that was said, and that an order was taken along by mistake."""
    kept: list[OrderEvent] = []
    late: set[tuple[int | None, str]] = set()
    for event in events:
        where = event.item, event.stage
        if event.event == Event.OVERRAN and where in late:
            continue
        if event.event == Event.OVERRAN:
            late.add(where)
        if event.event == Event.UNDONE and kept and was_taken(kept[-1]) and where == (kept[-1].item, kept[-1].stage):
            kept.pop()
            continue
        kept.append(event)
    return kept


def was_taken(event: OrderEvent) -> bool:
    return event.event == Event.STARTED and event.by_person and stages.BY_CODE[event.stage].is_taken


def is_for_customers(event: OrderEvent) -> bool:
    """Leave out what the next event says as well, and that somebody is late to collect."""
    return event.event not in SAID_BY_THE_NEXT and (event.event, event.stage) != (Event.OVERRAN, stages.READY)


def worth_telling(events: Sequence[OrderEvent], items: Sequence[OrderItem]) -> list[tuple[OrderEvent, str]]:
    """Return the events that a conversation about the order shows, with what they say.

    Of several pizzas it need not be told how each of them fares, but for what people do to it.
    """
    return [
        (event, event.sentence if event.seq == 1 else sentence([event], items))
        for event in told(events, items)
        if len(items) < 2 or event.item is None or event.seq == 1 or event.event not in OF_EACH_PIZZA
    ]


def sentence(events: Sequence[OrderEvent], items: Sequence[OrderItem]) -> str:
    """Return what events of one kind say: with the pizzas' names, where the order has several."""
    first = events[0]
    numbers = [event.item for event in events]
    names = [item.name or f"pizza {item.number}" for item in items if item.number in numbers]
    if first.event == Event.REMADE and names:
        said = f"We are making your {listed(names, len(items))} again"
        return f"{said}: {first.reason}" if first.reason else said
    if len(items) < 2 or not names or (first.seq == 1 and first.event == Event.JOINED):
        return first.sentence
    if first.event not in BY_THE_KITCHEN:
        if len(names) == len(items):
            return first.sentence
        said = f"{subject(names, len(items))}: {lower(first.said)}"
        return f"{said} ({first.reason})" if first.reason else said
    stage = stages.BY_CODE[first.stage]
    words = stage.working if first.event == Event.STARTED else stage.together or stage.waiting
    return f"{subject(names, len(items))}: {lower(words)}"


def sentence_of(event: OrderEvent, order: Order) -> str:
    """Return what one event says. Reads the order's items."""
    return sentence([event], order.parts)


def subject(names: Sequence[str], total: int) -> str:
    if len(names) == total:
        return "Both pizzas" if total == 2 else f"All {total} pizzas"
    return capital(listed(names, total))


def listed(names: Sequence[str], total: int) -> str:
    """Return "Margherita", "2 × Margherita and Diavola", or "7 of 12 pizzas"."""
    counts = Counter(names)
    if len(counts) > MOST_NAMED:
        return f"{len(names)} of {total} pizzas"
    words = [name if count == 1 else f"{count} × {name}" for name, count in counts.items()]
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))
