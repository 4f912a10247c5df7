"""How many rows the shop writes and how many frames it sends for a change: none can be left out to be fast."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import redis

from benchmarks.engines.shops import ShopEngine
from benchmarks.rows import Row
from benchmarks.sides import prepared
from benchmarks.sitting import Sitting

WRITTEN = "SELECT sum(n_tup_ins + n_tup_upd) FROM pg_stat_user_tables"
ORDERS = "*order_*"  # the channels of their groups; boards get what changed in a while as one frame


def rows_and_frames(sitting: Sitting) -> None:
    """Measure once: it is the same each time."""
    server = sitting.postgresql
    if server is None:
        sitting.say("Only PostgreSQL counts what is written: not measured.")
        return
    with prepared(server, sitting.folder, sitting.valkey_socket) as ((ours, driver), _):
        engine = ShopEngine("ours", ours, driver)
        engine.place(sitting.plan.written_orders)
        driver.ask("disconnect")  # a connection reports what it wrote when it ends
        before = written(ours.database_url)
        with listening(sitting.valkey_socket) as frames, engine.at_work():
            answer = driver.ask("run_chains")
        driver.ask("disconnect")
        rows = written(ours.database_url) - before
    changes = answer["changes"]
    sitting.rows += [
        Row("rows written a change", "rows", ours=[rows / changes]),
        Row("events of an order, all told, a change", "events", ours=[answer["events"] / changes]),
        Row("frames sent a change to an order's watchers", "frames", ours=[len(frames) / changes]),
    ]


def written(url: str) -> int:
    """Return how many rows were inserted or updated in a database."""
    with psycopg.connect(url) as connection:
        row = connection.execute(WRITTEN).fetchone()
    return int(row[0]) if row else 0


@contextmanager
def listening(valkey_socket: str) -> Iterator[list[bytes]]:
    """Yield a list that has, afterwards, all that was sent to the groups of orders."""
    heard: list[bytes] = []
    client: Any = redis.Redis(unix_socket_path=valkey_socket)
    with client.pubsub(ignore_subscribe_messages=True) as subscription:
        subscription.psubscribe(ORDERS)
        subscription.get_message(timeout=1)  # the answer to that
        yield heard
        while message := subscription.get_message(timeout=1):
            heard.append(message["data"])
