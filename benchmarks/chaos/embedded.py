"""The shop that `python3 run.py` opens: SQLite, and Valkey, web, worker and beat under the stack's supervisor."""

import fcntl
import os
import sqlite3
import sys
from functools import partial
from pathlib import Path

from benchmarks.chaos.faults import Fault, without_memory
from benchmarks.chaos.parts import Find, Part, family, frozen, frozen_with_a_lock, numbered, processes
from benchmarks.chaos.shops import Shop, workers_answer
from benchmarks.processes import ROOT

# A word of the command line of each of the stack's children
MARKS = {"valkey": "valkey", "web": "daphne", "worker": " worker ", "beat": " beat "}


class Embedded(Shop):
    def __init__(self, folder: Path, port: int, speed: float) -> None:
        super().__init__(folder, port, speed)
        data = folder / "data"
        self.database = str(data / "db.sqlite3")
        self.broker = f"unix://{data / 'valkey.sock'}?db=0"
        command = [sys.executable, str(ROOT / "manage.py"), "stack", "--port", str(port), "--no-demo"]
        self.parts = [Part("stack", command, self.page_answers)]

    def open(self) -> list[int]:
        self.migrate()
        pizzas = self.furnish(sqlite3.connect(self.database))
        self.start(self.parts[0])
        return pizzas

    def faults(self) -> list[Fault]:
        return [
            Fault("web", lambda: frozen(lambda: self.find("web")), is_the_door=True),
            Fault("worker", lambda: frozen(lambda: self.find("worker"))),
            Fault("pool child with the turn", lambda: frozen_with_a_lock(self.pool, self.turn_is_taken)),
            Fault("worker and its pool", lambda: frozen(lambda: self.find("worker") + self.pool())),
            Fault("beat", lambda: frozen(lambda: self.find("beat"))),
            Fault("valkey", lambda: frozen(lambda: self.find("valkey"))),
            Fault("valkey out of memory", lambda: without_memory(self.broker)),
        ]

    def mortal(self) -> dict[str, Find]:
        """Return the stack's children. It starts each of them again, five times in ten minutes."""
        return {name: partial(self.family_of, name) for name in MARKS}

    def is_the_door(self, names: set[str]) -> bool:
        return "web" in names

    def is_up(self) -> bool:
        is_there = all(self.find(name) for name in MARKS) and self.page_answers()
        return is_there and workers_answer(f"redis+socket://{self.folder / 'data' / 'valkey.sock'}", 1)

    def family_of(self, name: str) -> list[int]:
        return [pid for child in self.find(name) for pid in family(child)]

    def find(self, name: str) -> list[int]:
        """Return the stack's child of this name."""
        (stack,) = self.parts[0].first() or [0]
        return [pid for pid, (parent, line) in processes().items() if parent == stack and MARKS[name] in f"{line} "]

    def processes(self) -> dict[str, int]:
        found = [("stack", self.parts[0].first()), *((name, self.find(name)) for name in MARKS)]
        return {name: pid for name, pids in found for pid in pids} | numbered("pool process", sorted(self.pool()))

    def webs(self) -> list[int]:
        return self.find("web")

    def pool(self) -> list[int]:
        return [child for worker in self.find("worker") for child in family(worker)[1:]]

    def turn_is_taken(self) -> bool:
        """Return whether a writer has the turn at this moment (pizzaProj.sqlite)."""
        turn = os.open(f"{self.database}-turn", os.O_RDWR)
        try:
            fcntl.flock(turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(turn)
        return False
