"""The whole shop of an evening: its processes by part, what each has used, and how long its queues are."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import redis

from benchmarks.chaos.postgresql import PostgreSQL
from benchmarks.chaos.records import connect, late_works, open_orders, select
from benchmarks.engines import cpu
from benchmarks.processes import accepts, free_port
from benchmarks.sides import Side
from benchmarks.sitting import Sitting

LATE_SECONDS = 2.0
QUEUES = "celery*"  # the broker's, one for each priority
TAKEN = "unacked"  # messages that a worker holds


@dataclass
class Queues:
    """What waits at one moment."""

    orders: int  # open ones
    late: int  # works that should have ended two seconds ago
    messages: int  # at the broker
    answers: int = 0  # guests who wait for one

    def __str__(self) -> str:
        return f"{self.orders} open orders, {self.late} late, {self.messages} messages, {self.answers} unanswered"


@dataclass
class House:
    side: Side
    valkey_socket: str
    ports: list[int] = field(default_factory=list)
    pids: dict[str, list[int]] = field(default_factory=dict)  # by part

    def used(self) -> dict[str, float]:
        """Return the processor seconds of each part."""
        return {part: cpu.seconds(pids) for part, pids in self.pids.items()}

    def queues(self, answers: int) -> Queues:
        books = connect(self.side.database_url)
        try:
            return Queues(len(open_orders(books)), late_works(books, LATE_SECONDS), self.messages(), answers)
        finally:
            books.close()

    def kilobytes(self) -> float:
        """Return the size of the database on the disk."""
        books = connect(self.side.database_url)
        try:
            ((size,),) = select(books, "SELECT pg_database_size(current_database())")
            return float(size) / 1000
        finally:
            books.close()

    def messages(self) -> int:
        client: Any = redis.Redis(unix_socket_path=self.valkey_socket)
        lists = [key for key in client.keys(QUEUES) if client.type(key) == b"list"]
        return int(sum(map(client.llen, lists)) + client.hlen(TAKEN))


@contextmanager
def opened(sitting: Sitting, side: Side, server: PostgreSQL) -> Iterator[House]:
    """Start webs, workers and beat on a database that is ready."""
    plan, house = sitting.plan, House(side, sitting.valkey_socket)
    house.pids = {"database": server.first(), "broker": [sitting.valkey.child.pid]}
    with ExitStack() as stack:
        house.ports = [free_port() for _ in range(plan.evening_webs)]
        webs = [
            stack.enter_context(side.web(port, ["--proxy-headers"], f"web-{number}"))
            for number, port in enumerate(house.ports, 1)
        ]
        workers = [
            stack.enter_context(side.worker(name=f"worker-{number}")) for number in range(1, plan.evening_workers + 1)
        ]
        beat = stack.enter_context(side.beat())
        for web, port in zip(webs, house.ports, strict=True):
            web.wait_until(partial(accepts, port))
        parts = {"web": webs, "worker": workers, "beat": [beat]}
        house.pids |= {name: [part.child.pid for part in of_kind] for name, of_kind in parts.items()}
        yield house
