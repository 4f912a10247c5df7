"""What takes orders through four steps: an engine's parts, and what it did in one turn."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from benchmarks.processes import Process, running


class Done(NamedTuple):
    """What was done with the orders that were placed."""

    changes: int
    seconds: float  # from sending the first order until the last change
    sending_cpu_seconds: float = 0.0  # of a process that is none of the engine's parts


class Engine(Protocol):
    name: str

    def at_work(self) -> AbstractContextManager[list[int]]:
        """Start the engine's own processes; yield their ids."""

    def place(self, orders: int) -> None:
        """Place orders that nobody cooks yet."""

    def cook(self) -> Done:
        """Send these orders to the engine, and wait until all are delivered."""


@dataclass
class Command:
    """A process of an engine, which is ready for work when the first order has gone through it."""

    words: list[str]
    log: Path
    environment: dict[str, str]

    @contextmanager
    def running(self) -> Iterator[int]:
        with running(Process(self.words, self.log, self.environment)) as process:
            yield process.child.pid
