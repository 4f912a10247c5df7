"""The floor of a broadcast: a bare server (bare.py) with a crowd of its own."""

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from statistics import median

import redis

from benchmarks.processes import Helper, Process, accepts, free_port, helping, running
from benchmarks.sitting import Sitting
from benchmarks.watching.sides import join, received_by_all

CHANNEL = "bare"  # as in bare.py, which is for another environment
FRAME_CHARACTERS = 500  # about as many as ours have


class Floor:
    def __init__(self, port: int, crowd: Helper, valkey_socket: str) -> None:
        self.port, self.crowd = port, crowd
        self.valkey = redis.Redis(unix_socket_path=valkey_socket)

    def last_of(self, watchers: int, changes: int) -> float:
        """Do what `last_of` does with a side: the message is what is committed here."""
        join(self.crowd, self.port, ["any"] * watchers)
        waits: list[float] = []
        for number in range(1, changes + 1):
            payload = {"order_id": "any", "status": str(number), "padding": "x" * FRAME_CHARACTERS}
            sent = time.monotonic()
            self.valkey.publish(CHANNEL, json.dumps({"payload": payload}))
            waits.append(received_by_all(self.crowd, number * watchers, str(number)) - sent)
        self.crowd.ask("leave")
        return median(waits) * 1000


@contextmanager
def floor_of(sitting: Sitting) -> Iterator[Floor | None]:
    """Yield the bare server, None if what it needs is not installed."""
    if sitting.rivals is None:
        yield None
        return
    port, environment = free_port(), dict(os.environ)
    words = [str(sitting.rivals), "-m", "benchmarks.watching.bare", str(port), sitting.valkey_socket]
    server = Process(words, sitting.folder / "bare.log", environment)
    crowd = Helper("benchmarks.watchers", log=sitting.folder / "bare-watchers.log", environment=environment)
    with running(server), helping(crowd):
        server.wait_until(partial(accepts, port))
        yield Floor(port, crowd, sitting.valkey_socket)
