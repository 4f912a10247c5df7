"""The processes of a shop on this machine: started, found, frozen, thawed, and started again when they end."""

import os
import random
import signal
import subprocess
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Any

from benchmarks.processes import Process

CATCH_SECONDS = 20.0  # to find a moment at which a process holds a lock
LOOKS, LOOK_SECONDS = 4, 0.05  # a lock that is held at each of these looks belongs to the process that stands still

Find = Callable[[], list[int]]  # the ids of the processes that are meant, as they are now


@dataclass
class Part:
    """One service: its command, and how to ask whether it answers."""

    name: str
    command: list[str]
    answers: Callable[[], bool]
    options: dict[str, Any] = field(default_factory=dict)  # of its process, such as its user
    environment: dict[str, str] = field(default_factory=dict)  # besides that of all parts
    process: Process | None = None
    started_at: float = 0.0  # time.monotonic

    def start(self, logs: Path, environment: dict[str, str]) -> None:
        whole = {**environment, **self.environment}
        self.process = Process(self.command, logs / f"{self.name}.log", whole, **self.options)
        self.started_at = time.monotonic()

    def wait(self) -> None:
        assert self.process is not None
        self.process.wait_until(self.answers)

    def stop(self) -> None:
        if self.process is not None:
            thaw(self.pids())  # a stopped process does not hear that it should end
            self.process.stop()

    @property
    def has_ended(self) -> bool:
        return self.process is not None and self.process.child.poll() is not None

    def pids(self) -> list[int]:
        """Return the process and all that come from it, as PostgreSQL's for each connection."""
        return family(self.process.child.pid) if self.process is not None else []

    def first(self) -> list[int]:
        return self.pids()[:1]

    def children(self) -> list[int]:
        return self.pids()[1:]


# Which processes there are


def processes() -> dict[int, tuple[int, str]]:
    """Return {pid: (parent's pid, command line)} of all processes of this machine."""
    listed = subprocess.run(
        ["ps", "-ax", "-o", "pid=", "-o", "ppid=", "-o", "command="], capture_output=True, text=True, check=True
    )
    rows = (line.split(None, 2) for line in listed.stdout.splitlines())
    return {int(row[0]): (int(row[1]), row[2] if len(row) > 2 else "") for row in rows}


def family(pid: int) -> list[int]:
    """Return a process and its descendants, parents before children; nothing once it is gone."""
    children = defaultdict(list)
    known = processes()
    for child, (parent, _) in known.items():
        children[parent].append(child)
    found = [pid] if pid in known else []
    for each in found:
        found += children[each]
    return found


def numbered(name: str, pids: list[int]) -> dict[str, int]:
    """Return {"name 1": pid, ...}."""
    return {f"{name} {number}": pid for number, pid in enumerate(pids, 1)}


# Standing still


@contextmanager
def frozen(find: Find) -> Iterator[None]:
    """Stop processes, also those that they start at the last moment, and let them go on afterwards."""
    stopped = freeze(find)
    try:
        yield
    finally:
        thaw(stopped)


@contextmanager
def frozen_with_a_lock(find: Find, is_held: Callable[[], bool]) -> Iterator[None]:
    """Stop the first of some processes that can be caught holding the lock; any of them if none can."""
    stopped = catch(find, is_held)
    try:
        yield
    finally:
        thaw(stopped)


def catch(find: Find, is_held: Callable[[], bool]) -> list[int]:
    deadline = time.monotonic() + CATCH_SECONDS
    pids = find()
    for pid in cycle(pids):
        os.kill(pid, signal.SIGSTOP)
        if stays_held(is_held):
            break
        if time.monotonic() > deadline:
            print(f"After {CATCH_SECONDS:g} s none was caught with the lock: one stands still without it.")
            break
        os.kill(pid, signal.SIGCONT)
        time.sleep(random.uniform(0, LOOK_SECONDS / 10))
    return [pid]


def stays_held(is_held: Callable[[], bool]) -> bool:
    for _ in range(LOOKS):
        if not is_held():
            return False
        time.sleep(LOOK_SECONDS)
    return True


def freeze(find: Find) -> list[int]:
    stopped: list[int] = []
    while new := [pid for pid in find() if pid not in stopped]:
        for pid in new:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
        stopped += new
    return stopped


def thaw(pids: list[int]) -> None:
    """Let processes go on, children first. Some may have been killed meanwhile."""
    for pid in reversed(pids):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
