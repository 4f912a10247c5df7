"""Stop each part of a shop for a while, not dead and not alive, while customers order and readers read.

A frozen process still has its connections, its locks and its place behind the proxy, so nobody is told that it is
away: only time limits help. Every request is timed. At the end the audit reads the books.
"""

import sqlite3
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import psycopg

from benchmarks.chaos.audit import Audit, audit
from benchmarks.chaos.crowd import BUSY, Answer, Customers, Pages
from benchmarks.chaos.faults import Fault, Seen, repeated
from benchmarks.chaos.readers import Readers
from benchmarks.chaos.records import late_works, open_orders, select, snapshot
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
DATABASE_AWAY = (sqlite3.Error, psycopg.Error)
FINE = {"order": {201}, "page": {200}}


@dataclass(frozen=True)
class Plan:
    seconds: float = 30.0  # for which each part stands still
    per_second: float = 0.5  # orders, of few pizzas: it is about accidents, not about overload
    most_pizzas: int = 3
    judges_times: bool = True  # by the bars above
    seed: int = 1
    watched: int = 20  # pages


@dataclass
class Round:
    """One fault: what came back meanwhile and afterwards, and how long it took until all was well."""

    fault: Fault
    meanwhile: list[Answer]
    afterwards: list[Answer]
    well_seconds: float
    last_trouble: str = ""
    judges_times: bool = True
    seen: Seen = field(default_factory=Seen)

    @property
    def judged(self) -> list[Answer]:
        """Return the answers that have to keep the bars: none while the only door stood still."""
        return self.afterwards if self.fault.is_the_door else self.meanwhile + self.afterwards

    @property
    def bar_seconds(self) -> float:
        return self.fault.well_seconds or WELL_SECONDS

    @property
    def slow_pages(self) -> list[Answer]:
        bar = self.fault.page_seconds
        return [one for one in self.judged if bar is not None and one.what == "page" and one.seconds > bar]

    @property
    def faults(self) -> list[str]:
        late = [answer for answer in self.judged if answer.seconds > ANSWER_SECONDS]
        wrong = [answer for answer in self.judged if not is_allowed(answer)]
        found = [f"{self.fault.name}: {problem}" for problem in self.seen.problems]
        if late and self.judges_times:
            slowest = max(answer.seconds for answer in late)
            found.append(f"{self.fault.name}: {len(late)} of {len(self.judged)} answers took up to {slowest:.1f} s")
        if self.slow_pages and self.judges_times:
            slowest = max(answer.seconds for answer in self.slow_pages)
            found.append(f"{self.fault.name}: {len(self.slow_pages)} pages took up to {slowest:.1f} s")
        if wrong:
            statuses = sorted({answer.status for answer in wrong})
            found.append(f"{self.fault.name}: {len(wrong)} of {len(self.judged)} answers were {statuses}")
        is_strict = self.judges_times and not self.fault.leaves_work
        if self.well_seconds > (self.bar_seconds if is_strict else GIVE_UP_SECONDS):
            found.append(f"{self.fault.name}: {self.last_trouble} until {self.well_seconds:.1f} s after its end")
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
        return [fault for one in self.rounds for fault in one.faults] + self.audit.faults + self.trouble


class Frozen:
    """A run: the shop's faults, one after the other, under customers who never stop ordering."""

    def __init__(self, shop: Shop, plan: Plan, say: Callable[[str], None]) -> None:
        self.shop, self.plan, self.say = shop, plan, say
        self.goal: dict[str, int] | None = None  # the seq that each open page has to show

    def run(self, pizzas: list[int], faults: Iterable[Fault]) -> Result:
        self.customers = Customers(
            self.shop.port, pizzas, self.plan.seed, CUSTOMERS, PATIENCE_SECONDS, self.plan.most_pizzas
        )
        self.readers = Readers(self.shop.port, self.customers.accepted, PATIENCE_SECONDS)
        self.pages = Pages(self.shop.port)
        with repeated(lambda: self.customers.order(1), (0.0, 2 / self.plan.per_second)):
            self.await_calm()
            rounds = [self.strike(fault) for fault in faults]
        self.readers.close()
        self.await_end()
        return Result(
            rounds=rounds,
            audit=self.read_books({key: id for one in rounds for key, id in one.seen.accepted.items()}),
            orders=len(self.customers.accepted),
            restarts=dict(self.shop.restarts),
            trouble=self.customers.trouble + self.pages.faults,
        )

    def read_books(self, by_others: dict[str, str]) -> Audit:
        with snapshot(self.shop.database) as books:
            return audit(books, self.customers.accepted | by_others)

    def strike(self, fault: Fault) -> Round:
        self.open_pages()
        if fault.is_a_moment:
            self.customers.order(BURST)
            self.breathe(1.0)
        began = time.monotonic()
        with fault.begin() as seen:
            self.breathe(0 if fault.is_a_moment else self.plan.seconds)
        ended = time.monotonic()
        well_seconds, last_trouble = self.await_calm()
        during = [answer for answer in self.answers if answer.began + answer.seconds > began]
        meanwhile = [answer for answer in during if answer.began < ended]
        afterwards = [answer for answer in during if answer.began >= ended]
        seen = seen or Seen()
        result = Round(fault, meanwhile, afterwards, well_seconds, last_trouble, self.plan.judges_times, seen)
        more = "".join(f"; {one}" for one in (*seen.notes, *result.faults))
        self.say(f"{fault.name}: well again after {well_seconds:.1f} s{more}")
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

    def await_calm(self) -> tuple[float, str]:
        """Return the seconds until all was well and stayed so, and the last trouble. Above GIVE_UP_SECONDS: never."""
        began = last_bad = time.monotonic()
        last_trouble = ""
        self.goal = None
        while (now := time.monotonic()) < last_bad + CALM_SECONDS and last_bad - began <= GIVE_UP_SECONDS:
            self.breathe(POLL_SECONDS)
            if trouble := self.trouble(since=now):
                last_bad, last_trouble = time.monotonic(), trouble
        return last_bad - began, last_trouble

    def trouble(self, since: float) -> str:
        """Return what is not well: answers that came lately, late or forgotten work, open pages. Empty: all is."""
        try:
            found = {
                "some were sent away or not answered": self.was_refused(since),
                "work was late": self.shop.read(late_works, LATE_SECONDS),
                "orders stood still": self.has_stale_orders(),
                "pages were behind": self.pages_are_behind(),
            }
        except DATABASE_AWAY:
            return "the database was away"
        return " and ".join(words for words, is_true in found.items() if is_true)

    def was_refused(self, since: float) -> bool:
        lately = [answer for answer in self.answers if answer.began + answer.seconds >= since]
        return any(answer.status not in FINE[answer.what] for answer in lately)

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
