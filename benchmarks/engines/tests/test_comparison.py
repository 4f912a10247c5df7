"""Engines take turns, and what is asked of ours is asked of the fastest that people would pick instead."""

from contextlib import ExitStack, contextmanager
from types import SimpleNamespace

import pytest

from benchmarks.engines import comparison, cpu
from benchmarks.engines.engine import Done
from benchmarks.engines.floors import NoOp
from benchmarks.plan import Plan
from benchmarks.rows import Figures
from benchmarks.sitting import Sitting


class Fake:
    """An engine that says what is done with it. Each change takes it a second of the others' processor time."""

    def __init__(self, name, story, clock):
        self.name, self.story, self.clock = name, story, clock

    @contextmanager
    def at_work(self):
        self.story.append(f"{self.name} starts")
        yield [1]
        self.story.append(f"{self.name} stops")

    def place(self, orders):
        self.orders = orders

    def cook(self):
        self.story.append(f"{self.name} cooks {self.orders}")
        self.clock.seconds += self.orders
        return Done(changes=self.orders * 4, seconds=2.0, sending_cpu_seconds=self.orders)


@pytest.fixture
def clock(monkeypatch):
    clock = SimpleNamespace(seconds=0.0)
    monkeypatch.setattr(cpu, "seconds", lambda pids: clock.seconds)
    monkeypatch.setattr(cpu, "is_readable", lambda: True)
    return clock


@pytest.fixture
def sitting():
    valkey = SimpleNamespace(child=SimpleNamespace(pid=1))
    plan = Plan(rounds=2, orders=10, warm_up_orders=3)
    with ExitStack() as stack:
        yield Sitting(plan, None, valkey, "", None, None, lambda line: None, stack)


def test_each_engine_has_the_machine_to_itself_in_its_turn(sitting, clock):
    story = []
    names = ["ours", "ours, a place for everybody", "tutorial", NoOp.name]
    comparison.compare(sitting, "SQLite", None, [Fake(name, story, clock) for name in names])

    turn = ["{} starts", "{} cooks 3", "{} cooks 10", "{} stops"]
    assert story == [step.format(name) for _ in range(2) for name in names for step in turn]
    # 10 s of the engine and 10 s of whoever sent the orders for 40 changes; the warm-up does not count
    assert [(figures.per_second, figures.cpu_ms) for figures in sitting.figures] == [([20, 20], [500, 500])] * 4
    assert len(sitting.rows) == 5


def test_ours_is_held_against_the_fastest_durable_engine(clock):
    def figures(name, *values):
        return Figures(name, "PostgreSQL", per_second=list(values), cpu_ms=[1.0] * len(values))

    durable = [figures("DBOS", 100, 130, 110), figures("procrastinate", 120, 120, 90)]
    others = [figures("tutorial", 50, 50, 50), figures(NoOp.name, 400, 400, 400)]
    ours = [figures("ours", 180, 210, 190), figures("ours, a place for everybody", 300, 300, 300)]
    rows = comparison.bars({each.engine: each for each in (*ours, *others, *durable)}, durable)

    assert [(row.name, row.beside, row.verdict) for row in rows if row.unit == "changes/s"] == [
        ("PostgreSQL: ours", "tutorial", "NOT MET (at least 4)"),
        ("PostgreSQL: ours", "procrastinate", "met (at least 1.5)"),
        ("PostgreSQL: ours", NoOp.name, "NOT MET (at least 0.5)"),
        ("PostgreSQL: ours, a place for everybody", "tutorial", "met (at least 4)"),
    ]
