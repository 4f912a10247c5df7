"""Floors: a Celery task that does nothing, and the bare SQL of a step."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.engines.engine import Command, Done
from benchmarks.engines.rival_orders import STEPS, timed
from benchmarks.processes import Helper, helping
from celery_app import POOL

NOTHING = "benchmarks.engines.nothing"


class NoOp:
    """A worker like the shop's, and one message a task: as many tasks as orders have steps."""

    name = "no-op Celery task"
    sender: Helper

    def __init__(self, folder: Path, valkey_socket: str) -> None:
        self.folder = folder
        self.environment = {**os.environ, "VALKEY_SOCKET": valkey_socket}
        self.tasks = 0
        folder.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def prepared(self) -> Iterator["NoOp"]:
        log = self.folder / "sender.log"
        with helping(Helper(NOTHING, log=log, environment=self.environment)) as self.sender:
            yield self

    @contextmanager
    def at_work(self) -> Iterator[list[int]]:
        words = [sys.executable, "-m", "celery", "-A", NOTHING, "worker", *POOL, "--loglevel", "warning"]
        with Command(words, self.folder / "worker.log", self.environment).running() as pid:
            yield [pid]

    def place(self, orders: int) -> None:
        self.tasks = orders * STEPS

    def cook(self) -> Done:
        with timed() as clock:
            sending = self.sender.ask("send", tasks=self.tasks)
            self.sender.ask("wait")
        return Done(self.tasks, clock.seconds, sending)


class BareSql:
    """One process and one connection, in the tables of ours."""

    name = "bare SQL of a step"

    def __init__(self, folder: Path, url: str, driver: Helper) -> None:
        self.folder, self.url, self.driver = folder, url, driver
        self.steps = 0
        folder.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def at_work(self) -> Iterator[list[int]]:
        self.driver.ask("place", orders=1, wide=True)
        log = self.folder / "steps.log"
        helper = Helper("benchmarks.engines.bare_sql", self.url, log=log, environment=dict(os.environ))
        with helping(helper) as self.helper:
            yield [self.helper.child.pid]

    def place(self, orders: int) -> None:
        self.steps = orders * STEPS

    def cook(self) -> Done:
        with timed() as clock:
            self.helper.ask("steps", count=self.steps)
        return Done(self.steps, clock.seconds)
