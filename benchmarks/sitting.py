"""One sitting: what all measurements share, and what they found."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.databases import Server
from benchmarks.plan import Plan
from benchmarks.processes import Process
from benchmarks.rows import Figures, Row


@dataclass
class Sitting:
    plan: Plan
    folder: Path
    valkey: Process
    valkey_socket: str
    postgresql: Server | None
    rivals: Path | None  # the Python of their environment, None where they could not be installed
    say: Callable[[str], None]
    stack: ExitStack  # what lives as long as the sitting
    rows: list[Row] = field(default_factory=list)
    figures: list[Figures] = field(default_factory=list)

    def servers(self, database: Server | None) -> list[int]:
        """Return the processes that serve all parts of a side. SQLite has none."""
        pids = [self.valkey.child.pid]
        if database is not None and database.pid is not None:
            pids.append(database.pid)
        return pids
