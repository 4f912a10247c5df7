"""One shop of the comparison, in a process of its own (benchmarks.drive)."""

import time
from pathlib import Path

from django.db import connection

from benchmarks.history import paths

REPEATED_SECONDS = 0.1  # each path is asked for at least so long, but at most so often
MOST_TIMES = 20

known: dict[str, paths.Path] = {}


def begin(orders: int) -> float:
    """Fill the shop; return how long that took."""
    began = time.monotonic()
    paths.quiet()
    known.update(paths.paths(paths.begin(orders)))
    return time.monotonic() - began


def names() -> list[str]:
    return list(known)


def cost(name: str) -> float:
    """Return the least processor time of a path, in ms: this process's and its database connection's."""
    path, found = known[name], list[float]()
    path()  # what is remembered from now on
    until = time.monotonic() + REPEATED_SECONDS
    while not found or (time.monotonic() < until and len(found) < MOST_TIMES):
        began = processor_seconds()
        path()
        found.append(1000 * (processor_seconds() - began))
    return min(found)


def processor_seconds() -> float:
    """Return the processor time of this process and, on Linux, of the server process of its connection."""
    return time.process_time() + server_seconds()


def server_seconds() -> float:
    if connection.vendor != "postgresql":
        return 0.0
    connection.ensure_connection()
    statistics = Path(f"/proc/{connection.connection.info.backend_pid}/schedstat")
    return int(statistics.read_text().split()[0]) / 1e9 if statistics.exists() else 0.0
