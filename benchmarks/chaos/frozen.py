"""Stop each part of a shop for a while, not dead and not alive, while customers order and readers read.

A frozen process still has its connections, its locks and its place behind the proxy, so nobody is told that it is
away: only time limits help. Every request is timed. At the end the audit reads the books.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from benchmarks.chaos.audit import Audit, audit
from benchmarks.chaos.crowd import Answer, Customers, Pages
from benchmarks.chaos.faults import Fault, repeated
from benchmarks.chaos.readers import Readers
from benchmarks.chaos.records import late_works, open_orders, select
from benchmarks.chaos.shops import Shop

ANSWER_SECONDS = 5.0  # the bar for every answer
PATIENCE_SECONDS = 12.0  # of a customer: longer than the bar, to see by how much it is missed
WELL_SECONDS = 10.0  # the bar for everything, after the fault's end
LATE_SECONDS = 2.0
STALE_SECONDS = 5.0  # at this speed an order is in the kitchen for one or two
CALM_SECONDS = STALE_SECONDS + 1.0  # or an order that came just before the end would not count
BURST = 20  # orders on their way when something happens at a single moment
GIVE_UP_SECONDS = 60.0
END_SECONDS = 180.0
POLL_SECONDS = 0.2
CUSTOMERS = 8
FINE = {"order": {201}, "page": {200}}
BUSY = 503


@dataclass(frozen=True)
class Plan:
    seconds: float = 30.0  # for which each part stands still
    per_second: float = 1.0  # orders
    seed: int = 1
    watched: int = 20  # pages


@dataclass
class Round:
    """One fault: what came back meanwhile and afterwards, and how long it took until all was well."""

    fault: Fault
    meanwhile: list[Answer]
    afterwards: list[Answer]
    well_seconds: float

    @property
    def judged(self) -> list[Answer]:
        """Return the answers that have to keep the bars: none while the only door stood still."""
        return self.afterwards if self.fault.is_the_door else self.meanwhile + self.afterwards

    @property
    def faults(self) -> list[str]:
        late = [answer for answer in self.judged if answer.seconds > ANSWER_SECONDS]
        wrong = [answer for answer in self.judged if not is_allowed(answer)]
        found = []
        if late:
            slowest = max(answer.seconds for answer in late)
            found.append(f"{self.fault.name}: {len(late)} of {len(self.judged)} answers took up to {slowest:.1f} s")
        if wrong:
            statuses = sorted({answer.status for answer in wrong})
            found.append(f"{self.fault.name}: {len(wrong)} of {len(self.judged)} answers were {statuses}")
        if self.well_seconds > WELL_SECONDS:
            found.append(f"{self.fault.name}: all was well only {self.well_seconds:.1f} s after its end")
        return found


def is_allowed(answer: Answer) -> bool:
    return answer.status in FINE[answer.what] or answer.status == BUSY


@dataclass
class Result:
    rounds: list[Round]
    audit: Audit
    orders: int
    restarts: dict[str, int]
    trouble: list[str] = field(default_factory=list)

    @property
    def faults(self) -> list[str]:
        return [fault for one in self.rounds for fault in one.faults] + self.trouble + self.audit.faults


class Frozen:
    """A run: the shop's faults, one after the other, under customers who never stop ordering."""

    def __init__(self, shop: Shop, plan: Plan, say: Callable[[str], None]) -> None:
        self.shop, self.plan, self.say = shop, plan, say
        self.goal: dict[str, int] | None = None  # the seq that each open page has to show

    def run(self, pizzas: list[int], faults: Iterable[Fault]) -> Result:
        self.customers = Customers(self.shop.port, pizzas, self.plan.seed, CUSTOMERS, PATIENCE_SECONDS)
        self.readers = Readers(self.shop.port, self.customers.accepted, PATIENCE_SECONDS)
        self.pages = Pages(self.shop.port)
        with repeated(lambda: self.customers.order(1), (0.0, 2 / self.plan.per_second)):
            self.await_calm()
            rounds = [self.strike(fault) for fault in faults]
        self.readers.close()
        self.await_end()
        return Result(
            rounds=rounds,
            audit=self.shop.read(audit, dict(self.customers.accepted)),
            orders=len(self.customers.accepted),
            restarts=dict(self.shop.restarts),
            trouble=self.customers.trouble + self.pages.faults,
        )

    def strike(self, fault: Fault) -> Round:
        self.open_pages()
        if fault.is_a_moment:
            self.customers.order(BURST)
            self.breathe(1.0)
        began = time.monotonic()
        with fault.begin():
            self.breathe(0 if fault.is_a_moment else self.plan.seconds)
        ended = time.monotonic()
        well_seconds = self.await_calm()
        during = [answer for answer in self.answers if answer.began + answer.seconds > began]
        meanwhile = [answer for answer in during if answer.began < ended]
        afterwards = [answer for answer in during if answer.began >= ended]
        result = Round(fault, meanwhile, afterwards, well_seconds)
        self.say(f"{fault.name}: well again after {well_seconds:.1f} s{''.join(f'; {one}' for one in result.faults)}")
        return result

    @property
    def answers(self) -> list[Answer]:
        return [*self.customers.answers, *self.readers.answers]

    def open_pages(self) -> None:
        for order_id in list(self.customers.accepted.values())[-3:]:
            if len(self.pages.pages) < self.plan.watched:
                self.pages.open(order_id)

    # Waiting

    def breathe(self, seconds: float) -> None:
        """Let time pass, in which what has ended is started again."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.shop.keep()
            time.sleep(min(POLL_SECONDS, seconds))

    def await_calm(self) -> float:
        """Return the seconds until all was well and stayed so for a while. Above GIVE_UP_SECONDS: it never was."""
        began = last_bad = time.monotonic()
        self.goal = None
        while (now := time.monotonic()) < last_bad + CALM_SECONDS and last_bad - began <= GIVE_UP_SECONDS:
            self.breathe(POLL_SECONDS)
            if not self.is_well(since=now):
                last_bad = time.monotonic()
        return last_bad - began

    def is_well(self, since: float) -> bool:
        """Return whether nothing is late, the pages are up to date, and what was asked lately was answered."""
        lately = [answer for answer in self.answers[-200:] if answer.began + answer.seconds >= since]
        if any(answer.status not in FINE[answer.what] for answer in lately):
            return False
        try:
            return not (self.pages_are_behind() or self.has_stale_orders() or self.shop.read(late_works, LATE_SECONDS))
        except Exception:  # the database is away
            return False

    def pages_are_behind(self) -> bool:
        """Return whether an open page still does not show what was true when this was first asked."""
        if self.goal is None:
            seqs = dict(self.shop.read(select, "SELECT order_id, seq FROM home_order"))
            self.goal = {order_id: seqs[order_id] for order_id in self.pages.pages}
        return bool(self.pages.behind(self.goal))

    def has_stale_orders(self) -> bool:
        """Return whether an order that was accepted a while ago, by this machine's clock, is still in the kitchen."""
        border = time.monotonic() - STALE_SECONDS
        stale = {order_id for order_id, at in list(self.customers.accepted_at.items()) if at < border}
        return not stale.isdisjoint(self.shop.read(open_orders))

    def await_end(self) -> None:
        """Wait until all is over, or nothing has happened for a while."""
        deadline = time.monotonic() + END_SECONDS
        while time.monotonic() < deadline:
            if self.customers.is_done() and not self.shop.read(open_orders):
                return
            self.shop.keep()
            time.sleep(POLL_SECONDS)
