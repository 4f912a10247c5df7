"""What could grow in a shop that works for long: the memory of each process, what it has open, keys, connections."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from benchmarks.chaos.records import connect, select
from benchmarks.chaos.shops import Shop

ANSWER_SECONDS = 2.0
SESSIONS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"


class Gauge(NamedTuple):
    """Something that is counted again and again."""

    name: str
    unit: str
    slack: float  # it can differ by so much by chance, however small it is

    def told(self, value: float) -> str:
        return f"{value:.0f}{self.unit}"


def read(shop: Shop) -> dict[Gauge, float]:
    """Return how much there is of everything now."""
    return dict([*of_processes(shop), *of_broker(shop), *of_database(shop), *of_folders(shop)])


def of_processes(shop: Shop) -> Iterator[tuple[Gauge, float]]:
    for name, pid in shop.processes().items():
        with suppress(OSError, StopIteration):  # it has just ended
            yield Gauge(f"{name}, memory", " MB", 2.0), memory_mb(pid)
            yield Gauge(f"{name}, threads", "", 2.0), status(pid, "Threads")
            yield Gauge(f"{name}, open files", "", 5.0), len(os.listdir(f"/proc/{pid}/fd"))


def memory_mb(pid: int) -> float:
    """Return the memory that is the process's own: not what it shares with others, or has mapped from files."""
    return status(pid, "RssAnon") / 1024


def status(pid: int, name: str) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return float(next(line.split()[1] for line in lines if line.startswith(f"{name}:")))


def of_broker(shop: Shop) -> Iterator[tuple[Gauge, float]]:
    with redis.Redis.from_url(shop.broker, retry=Retry(NoBackoff(), 0), socket_timeout=ANSWER_SECONDS) as server:
        yield Gauge("keys in Redis", "", 10.0), server.dbsize()
        yield Gauge("connections to Redis", "", 5.0), server.info("clients")["connected_clients"]


def of_database(shop: Shop) -> Iterator[tuple[Gauge, float]]:
    if not shop.is_sqlite:
        with connect(shop.database) as books:
            ((sessions,),) = select(books, SESSIONS)
        yield Gauge("connections to PostgreSQL", "", 3.0), sessions


def of_folders(shop: Shop) -> Iterator[tuple[Gauge, float]]:
    files = sum(len(names) for *_, names in os.walk(shop.folder))
    yield Gauge("files", "", 3.0), files
