"""The three measurements, each with both sides up, in turn: A B A B A B."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from math import ceil, inf
from pathlib import Path
from statistics import median

from benchmarks.databases import database
from benchmarks.processes import Helper, accepts, free_port, helping
from benchmarks.sides import Side, both

SETTLE_SECONDS = 1.0
LOST_SECONDS = 10.0  # a frame that has not come by then counts as lost


@dataclass
class Plan:
    """The size of a run. The whole takes about five minutes, `quick` less than one."""

    rounds: int = 3
    orders: int = 200
    several: int = 3  # pizzas an order, where each is cooked by itself
    warm_up_orders: int = 20
    watched: int = 500
    changes: int = 1000
    per_second: float = 100
    crowd: int = 1000
    crowd_changes: int = 4  # all changes that an order has

    @classmethod
    def quick(cls) -> "Plan":
        return cls(rounds=1, orders=40, warm_up_orders=4, watched=50, changes=100, crowd=100)


@dataclass
class Row:
    """One line of the table: a value per round and side, and what the ratio (ours to the tutorial's) should be."""

    name: str
    unit: str
    at_least: float | None = None
    at_most: float | None = None
    ours: list[float] = field(default_factory=list)
    tutorial: list[float] = field(default_factory=list)
    note: str = ""

    def add(self, side: Side, value: float) -> None:
        (self.ours if side.name == "ours" else self.tutorial).append(value)

    @property
    def ratio(self) -> float:
        """Return the median of the rounds' ratios: what slowed the machine slowed both sides of a round."""
        return median(ours / tutorial for ours, tutorial in zip(self.ours, self.tutorial, strict=True))

    @property
    def verdict(self) -> str:
        if self.at_least is not None:
            return f"{'met' if self.ratio >= self.at_least else 'NOT MET'} (at least {self.at_least:g})"
        if self.at_most is not None:
            return f"{'met' if self.ratio <= self.at_most else 'NOT MET'} (at most {self.at_most:g})"
        return ""


Setup = tuple[Side, Helper, int, Helper]  # a side, its driver, its web server's port, its crowd of watchers


@contextmanager
def prepared(engine: str, folder: Path, valkey_socket: str) -> Iterator[list[tuple[Side, Helper]]]:
    """Yield both sides with tables, and a driver for each."""
    sides = both(folder)
    with ExitStack() as stack:
        urls = [stack.enter_context(database(engine, side.name, folder)) for side in sides]
        migrations = [side.migrate(url, valkey_socket) for side, url in zip(sides, urls, strict=True)]
        for process in migrations:
            process.wait_for_end()
        yield [(side, stack.enter_context(side.drive())) for side in sides]


def stage_changes(plan: Plan, engine: str, folder: Path, valkey_socket: str) -> list[Row]:
    """(1) Measure stage changes per second, from the first to the last of `plan.orders` orders placed beforehand."""
    narrow = Row(f"(1) through the worker, {engine}, default places", "changes/s", at_least=1.5)
    wide = Row(f"(1) through the worker, {engine}, a place for everybody", "changes/s", at_least=1.5)
    several = Row(f"(1) through the worker, {engine}, {plan.several} pizzas an order", "changes/s")
    with prepared(engine, folder, valkey_socket) as pairs, ExitStack() as stack:
        for side, _ in pairs:
            stack.enter_context(side.worker())
        for _, driver in pairs:
            cook(driver, plan.warm_up_orders, wide=False)
        for _ in range(plan.rounds):
            for side, driver in pairs:
                speed, events = cook(driver, plan.orders, wide=False)
                narrow.add(side, speed)
                if side.name == "ours":
                    narrow.note = f"{plan.orders} orders left {events} events"
                    speed, _ = cook(driver, plan.orders, wide=True)
                    pizzas_speed, _ = cook(driver, plan.orders, wide=True, pizzas=plan.several)
                wide.add(side, speed)  # the tutorial has no capacities and no pizzas: one run counts for all
                several.add(side, pizzas_speed if side.name == "ours" else speed)
    return [narrow, wide, several]


def cook(driver: Helper, orders: int, wide: bool, pizzas: int = 1) -> tuple[float, int]:
    """Return (stage changes per second, rows of history). A pizza that goes on by itself is one of them."""
    driver.ask("place", orders=orders, wide=wide, pizzas=pizzas)
    answer = driver.ask("run_chains")
    return answer["changes"] / answer["seconds"], answer["events"]


@contextmanager
def watched(folder: Path, valkey_socket: str) -> Iterator[list[Setup]]:
    """Yield both sides with a web server and watchers."""
    with prepared("SQLite", folder, valkey_socket) as pairs, ExitStack() as stack:
        setups = []
        for side, driver in pairs:
            crowd = Helper("benchmarks.watchers", log=side.log("watchers"), environment=side.environment)
            setups.append((side, driver, free_port(), stack.enter_context(helping(crowd))))
        servers = [stack.enter_context(side.web(port)) for side, _, port, _ in setups]
        for (_, _, port, _), server in zip(setups, servers, strict=True):
            server.wait_until(partial(accepts, port))
        yield setups


def sockets(plan: Plan, only: set[int], folder: Path, valkey_socket: str) -> list[Row]:
    """Measure those of (2) and (3) that are wanted, with the same servers."""
    with watched(folder, valkey_socket) as setups:
        rows = commit_to_socket(plan, setups) if 2 in only else []
        return rows + (one_to_all(plan, setups) if 3 in only else [])


def commit_to_socket(plan: Plan, setups: list[Setup]) -> list[Row]:
    """(2) Measure from the commit to the watcher, with as many watchers as orders and a steady stream of changes."""
    half, most = Row("(2) commit to socket, p50", "ms"), Row("(2) commit to socket, p99", "ms", at_most=0.6)
    for _ in range(plan.rounds):
        for side, driver, port, crowd in setups:
            waits = sorted(stream(plan, driver, port, crowd))
            half.add(side, percentile(waits, 50) * 1000)
            most.add(side, percentile(waits, 99) * 1000)
            if inf in waits:
                most.note += f"{side.name} lost {waits.count(inf)} of {len(waits)}. "
    return [half, most]


def stream(plan: Plan, driver: Helper, port: int, crowd: Helper) -> list[float]:
    """Return the seconds of each change from its commit to its watcher; infinite if it never came."""
    order_ids = driver.ask("place", orders=plan.watched, wide=True)
    join(crowd, port, order_ids)
    todo = [order_ids[number % plan.watched] for number in range(plan.changes)]
    changes = driver.ask("change_many", order_ids=todo, per_second=plan.per_second)
    frames = crowd.ask("frames", count=plan.changes, timeout_seconds=LOST_SECONDS)
    crowd.ask("leave")
    received = {(order_id, status): when for each in frames for when, order_id, status in each}
    return [received.get((order_id, status), inf) - committed for order_id, status, committed in changes]


def one_to_all(plan: Plan, setups: list[Setup]) -> list[Row]:
    """(3) Measure one change of an order that everybody watches, until the last has it."""
    last = Row(f"(3) one change to {plan.crowd} watchers, the last", "ms", at_most=0.25)
    for _ in range(plan.rounds):
        for side, driver, port, crowd in setups:
            last.add(side, median(broadcast(plan, driver, port, crowd)) * 1000)
    return [last]


def broadcast(plan: Plan, driver: Helper, port: int, crowd: Helper) -> list[float]:
    """Return the seconds from each commit until the last watcher had the change; infinite if one never had it."""
    (order_id,) = driver.ask("place", orders=1, wide=True)
    join(crowd, port, [order_id] * plan.crowd)
    waits = []
    for number in range(1, plan.crowd_changes + 1):
        status, committed = driver.ask("change", order_id=order_id)
        frames = crowd.ask("frames", count=number * plan.crowd, timeout_seconds=LOST_SECONDS)
        received = [max((when for when, _, has in each if has == status), default=inf) for each in frames]
        waits.append(max(received) - committed)
    crowd.ask("leave")
    return waits


def join(crowd: Helper, port: int, order_ids: list[str]) -> None:
    """Connect a watcher to each order, then let the server come to rest."""
    crowd.ask("connect", port=port, paths=[f"/ws/pizza/{order_id}" for order_id in order_ids])
    time.sleep(SETTLE_SECONDS)


def percentile(ordered: list[float], per_cent: float) -> float:
    """Return the smallest value that this share of values does not exceed."""
    return ordered[max(0, ceil(len(ordered) * per_cent / 100) - 1)]
