"""Many links in one transaction: what is due together is done together, and committed once.

`kitchen.worker` uses this. Any set of links leaves the same state and the same events as `flow.finish`,
`flow.finish_item` and `flow.load` would at that moment, one after the other, in the order in which they are due. Works
that join a line at the same moment stand there in the order of their numbers.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from heapq import heappop, heappush
from itertools import count
from typing import NamedTuple

from home.models import Order
from kitchen import stages
from kitchen.locks import NEVER, Clock, Kitchen, Work, lock_kitchen
from kitchen.transitions import move, order_of, seat_each
from kitchen.verbs.batch import Batch
from kitchen.verbs.due import read_due
from kitchen.verbs.links import EARLY_SECONDS, is_over, load_belt
from kitchen.verbs.transaction import TooEarly, forget_noted, loadings, pull_back_first, repeatable
from telemetry import trace


class Link(NamedTuple):
    """What the link of a chain is about: an item of an order, or (no number) the order itself."""

    pk: int
    number: int | None
    epoch: int
    stage: str

    @classmethod
    def of(cls, work: Work) -> "Link":
        number = None if isinstance(work, Order) else work.number
        return cls(order_of(work).pk, number, work.epoch, work.stage)


class Loading(NamedTuple):
    """The next loading of a belt."""

    stage: str
    busy_until: datetime


@dataclass
class Round:
    """What came of a round: how many links were run, and when the next ones are due.

    Moments are by this process's `time.monotonic`. The caller must keep them: no chain is sent for what has begun.
    """

    links: int = 0
    due_monotonic: list[float] = field(default_factory=list)


class Agenda:
    """Links and loadings in the order in which they are due; of two at the same moment, a loading comes first."""

    def __init__(self) -> None:
        self.heap: list[tuple[datetime, int, int, int, Link | Loading]] = []
        self.number = count()

    def __bool__(self) -> bool:
        return bool(self.heap)

    def add(self, link: Link | Loading, due_at: datetime | None) -> None:
        pk, number = (0, 0) if isinstance(link, Loading) else (link.pk, link.number or 0)
        heappush(self.heap, (due_at or NEVER, pk, number, next(self.number), link))

    def pop(self) -> Link | Loading:
        return heappop(self.heap)[-1]


@repeatable
def finish_many(links: Sequence[Link | Loading], *, clock: Clock | None = None) -> Round:
    """Run these links, those that are due first. What is out of date, or of an order that is gone, does nothing."""
    with locked_batch(clock) as kitchen:
        kitchen.read_orders(link.pk for link in links if isinstance(link, Link))
        agenda = Agenda()
        for link in links:
            agenda.add(link, due_at(kitchen, link))
        return run_all(kitchen, agenda, len(links), is_followed=False)


@repeatable
def finish_due(most: int, leave: Iterable[Link | Loading] = (), *, clock: Clock | None = None) -> Round:
    """Run whatever is due, so many links at most, and what becomes due by that; but leave some alone."""
    left = frozenset(leave)
    with locked_batch(clock) as kitchen:
        agenda = Agenda()
        for link, moment in what_is_due(kitchen, most + len(left)):
            if link not in left:
                agenda.add(link, moment)
        read_lines_ahead(kitchen, agenda)
        done = run_all(kitchen, agenda, most, is_followed=True)
        if done.links >= most:  # more may be due
            done.due_monotonic.append(kitchen.monotonic(kitchen.now))
        return done


@repeatable
def due(most: int, *, clock: Clock | None = None) -> list[Link | Loading]:
    """Return the links and loadings that are due, so many at most, the oldest first."""
    with locked_batch(clock) as kitchen:
        found = sorted(what_is_due(kitchen, most), key=lambda each: each[1])
        return [link for link, _ in found[:most]]


def what_is_due(kitchen: Batch, most: int) -> Iterator[tuple[Link | Loading, datetime]]:
    """Yield links and loadings with the moments when they were due: of each station the first so many, at least."""
    for work in read_due(kitchen, most):
        assert work.due_at is not None
        yield Link.of(work), work.due_at
    for station in kitchen.stations.values():
        waited_for = station.busy_until if station.is_belt and station.is_open and station.has_line else None
        if waited_for is not None and is_due(kitchen, waited_for):
            yield Loading(station.stage, waited_for), waited_for


@contextmanager
def locked_batch(clock: Clock | None) -> Iterator[Batch]:
    """Open the transaction of a round; at its end, write all that it noted."""
    with lock_kitchen():
        kitchen = Batch(clock, pull_back_first)
        kitchen.read()
        yield kitchen
        kitchen.flush()


def run_all(kitchen: Batch, agenda: Agenda, most: int, *, is_followed: bool) -> Round:
    """Run links in turn. What they begin is followed if it is due at once, as in a kitchen whose clock runs fast."""
    done = Round()
    while agenda and done.links < most:
        link = agenda.pop()
        try:
            with in_course_of(kitchen, link):
                run(kitchen, link)
                begun = end_link(kitchen)
        except TooEarly as early:
            done.due_monotonic.append(kitchen.monotonic(kitchen.now + timedelta(seconds=early.seconds)))
            continue
        done.links += 1
        for each, moment in begun:
            if is_followed and is_due(kitchen, moment):
                agenda.add(each, moment)
            else:
                done.due_monotonic.append(kitchen.monotonic(moment))
    return done


@contextmanager
def in_course_of(kitchen: Kitchen, link: Link | Loading) -> Iterator[None]:
    """Let the log say what it would say of the task of this link."""
    if isinstance(link, Loading):
        request, name = "", "kitchen.load"
    else:
        order = kitchen.orders.get(link.pk)
        request = "" if order is None else order.request_id
        name = "kitchen.finish" if link.number is None else "kitchen.finish_item"
    with trace.in_task(request, name):
        yield


def run(kitchen: Batch, link: Link | Loading) -> None:
    """Do what the verb for this link alone does."""
    kitchen.late_seconds = None
    if isinstance(link, Loading):
        return load_belt(kitchen, *link)
    work = find(kitchen, link)
    if work is not None and not is_over(kitchen, work, link.epoch, link.stage):
        move(kitchen, work, stages.after(link.stage, order_of(work).way))


def end_link(kitchen: Batch) -> list[tuple[Link | Loading, datetime]]:
    """Write what a link noted; return the links of what it began, with the moments when they are due."""
    seat_each(kitchen, kitchen.unseated.values())
    kitchen.write()
    kitchen.end_link()
    ahead: list[tuple[Link | Loading, datetime]] = []
    for work in kitchen.begun:
        if work.due_at is not None:
            ahead.append((Link.of(work), work.due_at))
    ahead += [(Loading(station.stage, busy_until), busy_until) for station, busy_until in loadings(kitchen)]
    forget_noted(kitchen)
    return ahead


def read_lines_ahead(kitchen: Batch, agenda: Agenda) -> None:
    """Read the lines where works will leave their places, as far as they will be called up, in one statement."""
    leaving = Counter(link.stage for *_, link in agenda.heap if isinstance(link, Link))
    stations = kitchen.stations
    kitchen.read_lines({stage: most + 1 for stage, most in leaving.items() if stations[stage].has_line})


def find(kitchen: Kitchen, link: Link) -> Work | None:
    order = kitchen.orders.get(link.pk)
    if order is None or link.number is None:
        return order
    return next((item for item in order.parts if item.number == link.number), None)


def due_at(kitchen: Kitchen, link: Link | Loading) -> datetime | None:
    if isinstance(link, Loading):
        return link.busy_until
    work = find(kitchen, link)
    return None if work is None else work.due_at


def is_due(kitchen: Kitchen, moment: datetime) -> bool:
    return (moment - kitchen.now).total_seconds() <= EARLY_SECONDS
