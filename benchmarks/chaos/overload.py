"""Overload: the workers are away while thousands of orders fall due, and then they come.

Every link is in the broker, none is lost, and the recovery sweep must not take them for lost: each needless restart
is one more task for workers that are overloaded already.
"""

import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings

from benchmarks.chaos.chaos import Plan, furnish
from home.models import Order, Pizza
from kitchen import flow, stages
from kitchen.models import Station
from pizzaProj.management.commands import stack as shop
from pizzaProj.supervision.supervisor import Supervisor

EXECUTED = re.compile(r"Task kitchen\.(\w+)\[[^]]*\] (succeeded in ([\d.]+)s|ignored|retry|raised)")
GATHERED = re.compile(r'"late_seconds": [\d.]+')  # a change that a link made
AWAY_SECONDS = 6.0  # after the last order has fallen due; beat keeps asking for sweeps
GIVE_UP_SECONDS = 900.0
MOST_EXECUTIONS = 2.0  # for each due stage


@dataclass
class Backlog:
    orders: int
    delivered: int
    finishes: int  # links that ran
    sweeps: list[float]  # seconds that each took
    seconds: float  # from the worker's start to the last delivery

    @property
    def executions_a_stage(self) -> float:
        return self.finishes / (self.orders * len(stages.remaining(stages.FIRST)))

    @property
    def faults(self) -> list[str]:
        faults = []
        if self.delivered != self.orders:
            faults.append(f"{self.orders - self.delivered} orders are stuck")
        if self.executions_a_stage > MOST_EXECUTIONS:
            faults.append(f"{self.executions_a_stage:.2f} executions for each due stage")
        return faults


def overload(plan: Plan, say: Callable[[str], None] = shop.say) -> Backlog:
    """Run an overload, with a place for everybody so that all orders fall due at once."""
    parts = Supervisor(settings.DATA_DIR / "logs", settings.BASE_DIR, shop.environment())
    parts.listen()
    furnish(plan)
    Station.objects.update(capacity=plan.orders)
    try:
        shop.start_valkey(parts)
        parts.start("beat", shop.celery("beat"))
        say(f"Placing {plan.orders} orders, without a worker ...")
        place(plan.orders)
        time.sleep(AWAY_SECONDS)
        began = time.monotonic()
        pool = ("--hostname", f"{shop.WORKER}@%h", "--concurrency", "2", "--without-gossip", "--without-mingle")
        parts.start("worker", [*shop.celery("worker", *pool), "--loglevel", "info"])
        await_end(parts, say)
        seconds = time.monotonic() - began
    finally:
        parts.stop(*shop.STOP_ORDER)
    finishes, sweeps = executions((parts.logs / "worker.log").read_text())
    delivered = Order.objects.filter(stage=stages.LAST).count()
    return Backlog(plan.orders, delivered, finishes, sweeps, seconds)


def place(count: int) -> None:
    pizza = Pizza.objects.first()
    assert pizza is not None
    for _ in range(count):
        flow.place([(pizza, 1)])


def await_end(parts: Supervisor, say: Callable[[str], None]) -> None:
    deadline = time.monotonic() + GIVE_UP_SECONDS
    said = 0.0
    while (left := Order.objects.open().count()) and time.monotonic() < deadline:
        parts.check()
        if time.monotonic() > said + 5:
            said = time.monotonic()
            say(f"{left} orders are in the kitchen")
        time.sleep(0.5)


def executions(log: str) -> tuple[int, list[float]]:
    """Read from the worker's own log how many links ran and how long each sweep took.

    Links that are gathered are no tasks: they are counted by what they changed.
    """
    ran = [match.groups() for match in EXECUTED.finditer(log)]
    counts = Counter(name for name, *_ in ran)
    sweeps = [float(seconds) for name, _, seconds in ran if name == "sweep" and seconds]
    links = counts["finish"] + counts["finish_item"]
    return links or len(GATHERED.findall(log)), sweeps
