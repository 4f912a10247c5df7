"""The durable engines that people would pick instead."""

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from itertools import pairwise
from pathlib import Path

from benchmarks.engines.engine import Command, Done
from benchmarks.engines.rival_orders import STEPS, Orders, timed
from benchmarks.processes import Helper, helping

DBOS = "benchmarks.engines.dbos_steps"
PROCRASTINATE = "benchmarks.engines.procrastinate_tasks"
PROCESSES = 2
JOBS = 10  # at once in a worker of procrastinate, as many as its pool has connections


class Rival(ABC):
    """What both have in common: their environment, their orders, their logs."""

    name: str

    def __init__(self, python: Path, url: str, folder: Path, version: str) -> None:
        self.python, self.url, self.folder = python, url, folder
        self.name = f"{self.name} {version}"
        self.orders = Orders(url)
        self.environment = {**os.environ, "BENCH_URL": url}
        folder.mkdir(parents=True, exist_ok=True)

    def helper(self, module: str, name: str, *arguments: str) -> Helper:
        log = self.folder / f"{name}.log"
        return Helper(module, *arguments, log=log, environment=self.environment, python=str(self.python))

    def place(self, orders: int) -> None:
        self.orders.place(orders)

    @abstractmethod
    def prepared(self) -> "AbstractContextManager[Rival]":
        """Make what outlives a turn."""

    @abstractmethod
    def at_work(self) -> AbstractContextManager[list[int]]: ...

    @abstractmethod
    def cook(self) -> Done: ...


class Dbos(Rival):
    """Its threads share one interpreter, so it depends on the machine whether a second process is worth it."""

    name = "DBOS"

    def __init__(self, python: Path, url: str, folder: Path, version: str, processes: int = PROCESSES) -> None:
        super().__init__(python, url, folder, version)
        self.name += {1: ", one process", 2: ", two processes"}[processes]
        self.processes = processes

    @contextmanager
    def prepared(self) -> Iterator["Dbos"]:
        with closing(self.orders):
            yield self

    @contextmanager
    def at_work(self) -> Iterator[list[int]]:
        with ExitStack() as stack:
            names = [f"executor-{number}" for number in range(self.processes)]
            # One after the other: the first makes the tables.
            self.executors = []
            for name in names:
                executor = stack.enter_context(helping(self.helper(DBOS, name, self.url, name)))
                executor.ask("start", first=1, last=0)
                self.executors.append(executor)
            yield [executor.child.pid for executor in self.executors]

    def cook(self) -> Done:
        with timed() as clock:
            for executor, (first, last) in zip(self.executors, self.shares(), strict=True):
                executor.tell("start", first=first, last=last)
            self.orders.wait_until_delivered()
        for executor in self.executors:
            executor.listen()
        return Done(self.orders.count * STEPS, clock.seconds)

    def shares(self) -> list[tuple[int, int]]:
        """Return the (first, last) order of each executor."""
        ends = [self.orders.first + self.orders.count * part // self.processes for part in range(self.processes + 1)]
        return [(first, end - 1) for first, end in pairwise(ends)]


class Procrastinate(Rival):
    name = "procrastinate"
    sender: Helper

    @contextmanager
    def prepared(self) -> Iterator["Procrastinate"]:
        """Make the tables, and start the process that defers jobs."""
        with closing(self.orders), helping(self.helper(PROCRASTINATE, "sender")) as self.sender:
            self.sender.ask("make_tables")
            yield self

    @contextmanager
    def at_work(self) -> Iterator[list[int]]:
        words = [str(self.python), "-m", "procrastinate", "--app", f"{PROCRASTINATE}.app", "worker"]
        words += ["--concurrency", str(JOBS)]
        with ExitStack() as stack:
            commands = [
                Command(words, self.folder / f"worker-{number}.log", self.environment) for number in range(PROCESSES)
            ]
            yield [stack.enter_context(command.running()) for command in commands]

    def cook(self) -> Done:
        with timed() as clock:
            sending = self.sender.ask("defer", first=self.orders.first, last=self.orders.last)
            self.orders.wait_until_delivered()
        return Done(self.orders.count * STEPS, clock.seconds, sending)
