"""Chaos: a shop of real parts whose parts are killed at random while customers keep ordering.

It runs in a separate process and data folder (see management/commands/chaos.py), as it must not reach a real shop.
Three files help: `crowd` orders and watches, `doubler` doubles messages, `audit` reads the event log at the end.
"""

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import redis
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.db.models import F
from kombu.exceptions import OperationalError as BrokerDown

from benchmarks.chaos.audit import Audit, audit
from benchmarks.chaos.crowd import Customers, Pages
from benchmarks.chaos.doubler import Doubler
from benchmarks.chaos.kills import blows
from benchmarks.chaos.records import late_works
from benchmarks.rows import percentile
from home.models import Order, OrderEvent, Pizza
from kitchen.models import Shop, Station
from pizzaProj.management.commands import stack as shop
from pizzaProj.supervision.supervisor import Supervisor

KINDS = ("valkey", "web", "worker", "beat")
MORE_PLACES = 4  # times the default shop's, so that at this speed the parts are tested and not the lines
WATCHED = 100  # pages
LATE_SECONDS = 1.0  # work that is overdue by more than this is late; a normal link never is
CALM_SECONDS = 2.5  # without anything late: longer than a lost link can stay unseen (service time + LATE_SECONDS)
BAR_SECONDS, PAGE_BAR_SECONDS = 5.0, 5.0
BAR_PER_CENT = 99  # of the rounds are recovered from by then
MOST_OPEN = 40  # orders at the beginning of a round: it is about accidents, not about overload
GIVE_UP_SECONDS = 60.0  # without any progress
LONGEST_END_SECONDS = 600.0
POLL_SECONDS = 0.1


@dataclass(frozen=True)
class Plan:
    orders: int = 1000
    kills: int = 10  # of each kind of part
    seed: int = 1
    speed: float = 3000
    port: int = 8000
    judges_times: bool = True  # by the bars above; a short run has too few rounds for a percentile


@dataclass
class Round:
    """One blow, and how the shop recovered from it."""

    kinds: tuple[str, ...]
    back_seconds: float  # from the kill until the last part answered again
    recovery_seconds: float  # from then until nothing was late
    pages_seconds: float  # from then until the open pages showed what had happened before

    @property
    def was_given_up(self) -> bool:
        return max(self.recovery_seconds, self.pages_seconds) > GIVE_UP_SECONDS


@dataclass
class Result:
    plan: Plan
    rounds: list[Round]
    audit: Audit
    orders: int
    retries: int
    doubled_messages: int
    seconds: float
    pages_end_seconds: float  # from the last delivery until the last page showed it
    trouble: list[str] = field(default_factory=list)

    @property
    def kills(self) -> dict[str, int]:
        return {kind: sum(kind in one.kinds for one in self.rounds) for kind in KINDS}

    @property
    def faults(self) -> list[str]:
        """Return every reason why this run failed."""
        trouble = self.audit.faults + self.trouble
        trouble += [
            f"The shop had not got over {one.kinds} after {GIVE_UP_SECONDS:.0f} s"
            for one in self.rounds
            if one.was_given_up
        ]
        if self.pages_end_seconds >= GIVE_UP_SECONDS:
            trouble.append(f"Pages did not show the end within {GIVE_UP_SECONDS:.0f} s")
        if self.orders != self.plan.orders:
            trouble.append(f"{self.orders} of {self.plan.orders} orders were accepted")
        return trouble + (self.slow if self.plan.judges_times else [])

    @property
    def slow(self) -> list[str]:
        """Return what took longer than the bars allow."""
        slow = []
        if percentile(sorted(one.recovery_seconds for one in self.rounds), BAR_PER_CENT) > BAR_SECONDS:
            worst = max(self.rounds, key=lambda one: one.recovery_seconds)
            slow.append(f"It took {worst.recovery_seconds:.1f} s to get over {worst.kinds}")
        slow += [
            f"Pages were behind for {one.pages_seconds:.1f} s after {one.kinds}"
            for one in self.rounds
            if one.pages_seconds > PAGE_BAR_SECONDS
        ]
        if self.pages_end_seconds > PAGE_BAR_SECONDS:
            slow.append(f"Pages were behind for {self.pages_end_seconds:.1f} s at the end")
        return slow


def furnish(plan: Plan) -> None:
    """Set up a menu without pictures, the speed, and enough places."""
    call_command("migrate", verbosity=0, interactive=False)
    Pizza.objects.bulk_create(Pizza(name=name, price=Decimal(9)) for name in ("Margherita", "Marinara", "Diavola"))
    Shop.objects.update(speed=plan.speed)
    Station.objects.update(capacity=F("capacity") * MORE_PLACES)


class Chaos:
    """One run, from the first child to the last."""

    def __init__(self, plan: Plan, say: Callable[[str], None] = shop.say) -> None:
        self.plan = plan
        self.say = say
        self.chance = random.Random(plan.seed)
        self.parts = Supervisor(settings.DATA_DIR / "logs", settings.BASE_DIR, shop.environment())
        self.doubler = Doubler(self.chance)

    def run(self) -> Result:
        self.parts.listen()
        furnish(self.plan)
        began = time.monotonic()
        try:
            shop.start(self.parts, self.plan.port, None)
            self.customers = Customers(
                self.plan.port, list(Pizza.objects.values_list("pk", flat=True)), self.plan.seed
            )
            self.pages = Pages(self.plan.port)
            rounds = list(self.rounds())
            self.await_end()
            pages_end_seconds = self.time_pages(seqs(self.pages.pages))
        finally:
            self.parts.stop(*shop.STOP_ORDER)
        return Result(
            plan=self.plan,
            rounds=rounds,
            audit=audit(connection, self.customers.accepted),
            orders=len(self.customers.accepted),
            retries=self.customers.retries,
            doubled_messages=self.doubler.count,
            seconds=time.monotonic() - began,
            pages_end_seconds=pages_end_seconds,
            trouble=self.customers.trouble + self.customers.broken + self.pages.faults,
        )

    # The rounds

    def rounds(self) -> Iterator[Round]:
        """Strike in rounds, with the orders spread over them so that each blow falls into the middle of work."""
        turns = blows(KINDS, self.plan.kills, self.chance)
        for number, kinds in enumerate(turns, 1):
            self.await_that(lambda: Order.objects.open().count() <= MOST_OPEN)
            self.customers.order(self.plan.orders * number // len(turns) - self.customers.asked)
            self.breathe(self.chance.uniform(0.3, 1.5))
            self.open_pages()
            result = self.blow(kinds)
            self.say(
                f"{number:3}/{len(turns)}  {' + '.join(kinds):16} back after {result.back_seconds:4.1f} s, "
                f"recovered {result.recovery_seconds:4.1f} s later, pages {result.pages_seconds:4.1f} s; "
                f"{len(self.customers.accepted)} orders accepted"
            )
            yield result

    def blow(self, kinds: tuple[str, ...]) -> Round:
        killed = time.monotonic()
        fallen = self.parts.kill(*kinds)
        self.breathe(self.chance.uniform(0.2, 2))
        self.bring_back(fallen)
        back = time.monotonic()
        recovery_seconds, pages_seconds = self.await_calm()
        return Round(kinds, back - killed, recovery_seconds, pages_seconds)

    def bring_back(self, fallen: list[tuple[str, list[str]]]) -> None:
        """Restart all at once, Valkey first. Beat answers no requests, so it counts as back when its process runs."""
        for name, command in fallen:
            if name == "valkey":
                shop.start_valkey(self.parts)
            else:
                self.parts.start(name, command)
        names = {name for name, _ in fallen}
        if "web" in names:
            self.await_that(lambda: shop.page_answers(self.plan.port))
        if "worker" in names:
            self.await_that(worker_answers)

    def await_calm(self) -> tuple[float, float]:
        """Return the seconds until nothing is late, and until the pages have caught up with the present state.

        One of them exceeds GIVE_UP_SECONDS if that has not come to pass by then.
        """
        began = last_late = time.monotonic()
        goal = seqs(self.pages.pages)
        pages_seconds = 0.0
        while time.monotonic() < max(last_late, began + pages_seconds) + CALM_SECONDS:
            self.breathe(POLL_SECONDS)
            now = time.monotonic()
            if late_works(connection, LATE_SECONDS):
                last_late = now
            if self.pages.behind(goal):
                pages_seconds = now - began
            if now - began > GIVE_UP_SECONDS:
                break
        return last_late - began, pages_seconds

    def time_pages(self, goal: dict[str, int]) -> float:
        began = time.monotonic()
        while self.pages.behind(goal) and time.monotonic() < began + GIVE_UP_SECONDS:
            time.sleep(POLL_SECONDS)
        return time.monotonic() - began

    def open_pages(self) -> None:
        """Open pages of the newest orders, a few more in each round."""
        for order_id in list(self.customers.accepted.values())[-3:]:
            if len(self.pages.pages) < WATCHED:
                self.pages.open(order_id)

    # Waiting, with mischief

    def breathe(self, seconds: float) -> None:
        """Let time pass; double a message sometimes. Raise Broken if a part dies that nobody killed."""
        until = time.monotonic() + seconds
        while True:
            self.parts.check()
            self.doubler.double_now_and_then()
            if time.monotonic() >= until:
                return
            time.sleep(min(POLL_SECONDS, seconds))

    def await_that(self, is_true: Callable[[], bool]) -> None:
        deadline = time.monotonic() + GIVE_UP_SECONDS
        while not is_true() and time.monotonic() < deadline:
            self.breathe(POLL_SECONDS)

    def await_end(self) -> None:
        """Wait until all is over, or nothing has happened for GIVE_UP_SECONDS."""
        began = moved = time.monotonic()
        last_event = None
        while not self.all_is_over() and time.monotonic() < min(moved + GIVE_UP_SECONDS, began + LONGEST_END_SECONDS):
            self.breathe(POLL_SECONDS)
            newest = OrderEvent.objects.order_by("-pk").values_list("pk", flat=True).first()
            if newest != last_event:
                last_event, moved = newest, time.monotonic()

    def all_is_over(self) -> bool:
        return self.customers.is_done() and not Order.objects.open().exists()


def worker_answers() -> bool:
    """Return True if the worker answers. A connection that died with Valkey is replaced for the next try."""
    try:
        return shop.worker_answers()
    except (BrokerDown, redis.RedisError, OSError):
        return False


def seqs(order_ids: Any) -> dict[str, int]:
    return dict(Order.objects.filter(order_id__in=list(order_ids)).values_list("order_id", "seq"))
