"""Signs of life that worker, beat and the recovery sweep leave behind, so that nobody has to ask them.

Each is a key in Valkey that is set again and again. Its age is what has gone of its time to live: by Valkey's own
clock, so that several machines agree. With Valkey away there are none, and that is what is said then.
"""

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import redis
from celery.signals import beat_init, heartbeat_sent, task_success
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from kitchen.worker.keeper import keeper
from pizzaProj import waits
from pizzaProj.alive import alive

WORKER, BEAT, SWEEP, WEB = "worker", "beat", "sweep", "web"
SWEEP_TASK = "kitchen.sweep"
KEPT_MILLISECONDS = 24 * 3600 * 1000


class Signs:
    """The keys in Valkey. Each process has one client, and each of its threads a connection."""

    def __init__(self) -> None:
        self.client: Any = None

    def connected(self) -> Any:
        if self.client is None:
            self.client = client_of(settings.REDIS_URL)
        return self.client

    def give(self, name: str) -> None:
        """Leave a sign. A server that is away must not disturb the part that is alive."""
        with suppress(redis.RedisError, OSError):
            self.connected().set(key(name), 1, px=KEPT_MILLISECONDS)

    def ages(self, names: Iterable[str]) -> list[float | None]:
        """Return how many seconds ago each sign was given; None: none was. RedisError if the server is away."""
        pipeline = self.connected().pipeline(transaction=False)
        for name in names:
            pipeline.pttl(key(name))
        return [None if left < 0 else (KEPT_MILLISECONDS - left) / 1000 for left in pipeline.execute()]

    def forget(self) -> None:
        """Remove the signs of an earlier run."""
        self.connected().delete(*map(key, (WORKER, BEAT, SWEEP, WEB)))


def client_of(url: str) -> Any:
    """Return a client that does not wait long."""
    wait = waits.SIGN_ANSWER_SECONDS
    return redis.Redis.from_url(url, retry=Retry(NoBackoff(), 0), socket_timeout=wait, socket_connect_timeout=wait)


signs = Signs()


def key(name: str) -> str:
    return f"shop:sign:{name}"


@heartbeat_sent.connect
def worker_is_alive(**kwargs: Any) -> None:
    """A worker's own loop sends a heartbeat every two seconds. Without the kitchen's work a worker is of no use."""
    if keeper.hangs():
        return
    alive.touch()
    signs.give(WORKER)


@task_success.connect
def has_swept(sender: Any, **kwargs: Any) -> None:
    if sender.name == SWEEP_TASK:
        signs.give(SWEEP)


@beat_init.connect
def watch_beat(sender: Any, **kwargs: Any) -> None:
    """Let each tick of beat's scheduler, whichever it is, leave a sign."""
    scheduler, tick = sender.scheduler, sender.scheduler.tick

    def tick_and_tell(*args: Any, **kwargs: Any) -> Any:
        alive.touch()
        seconds = tick(*args, **kwargs)
        alive.touch()
        signs.give(BEAT)
        return seconds

    scheduler.tick = tick_and_tell
