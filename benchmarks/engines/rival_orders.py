"""The orders that the rivals cook: a row each, in which each step writes one status. In both environments."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

STATUSES = ("baking", "baked", "out for delivery", "delivered")
STEPS = len(STATUSES)
ADD = "INSERT INTO orders (id) SELECT generate_series(%s::int, %s::int)"
POLL_SECONDS = 0.02
GIVE_UP_SECONDS = 120


class Clock:
    seconds = 0.0


@contextmanager
def timed() -> Iterator[Clock]:
    """Yield a clock that has the wall seconds of the block afterwards."""
    clock, began = Clock(), time.monotonic()
    yield clock
    clock.seconds = time.monotonic() - began


class Orders:
    def __init__(self, url: str) -> None:
        self.connection = psycopg.connect(url, autocommit=True)
        self.connection.execute("CREATE TABLE orders (id serial PRIMARY KEY, status text NOT NULL DEFAULT 'received')")
        self.first, self.last = 1, 0

    @property
    def count(self) -> int:
        return self.last - self.first + 1

    def place(self, count: int) -> None:
        """Replace all orders by new ones."""
        self.connection.execute("DELETE FROM orders")
        self.first, self.last = self.last + 1, self.last + count
        self.connection.execute(ADD, [self.first, self.last])

    def wait_until_delivered(self) -> None:
        """Wait for the last step of the last order."""
        deadline = time.monotonic() + GIVE_UP_SECONDS
        while left := self.left():
            assert time.monotonic() < deadline, f"{left} orders are not delivered after {GIVE_UP_SECONDS} s"
            time.sleep(POLL_SECONDS)

    def left(self) -> int:
        row = self.connection.execute("SELECT count(*) FROM orders WHERE status <> %s", [STATUSES[-1]]).fetchone()
        assert row is not None
        return int(row[0])

    def close(self) -> None:
        self.connection.close()
