"""What can go wrong with a part other than that it stands still, each for as long as a `with` block lasts."""

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from benchmarks.chaos.proxy import Proxy

SLOW_SECONDS = 0.2  # each way, for each chunk
RESET_EVERY_SECONDS = (1.0, 4.0)
RESTART_EVERY_SECONDS = (5.0, 20.0)


@dataclass
class Seen:
    """What a fault that looks around has seen by its end."""

    notes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    accepted: dict[str, str] = field(default_factory=dict)  # orders of its own: {"key": "order id"}


class Fault(NamedTuple):
    """Something that goes wrong, and whether the shop's only door goes with it."""

    name: str
    begin: Callable[[], AbstractContextManager[Seen | None]]
    is_the_door: bool = False  # no request can be answered meanwhile
    is_a_moment: bool = False  # over as soon as it has happened
    page_seconds: float | None = None  # a bar for pages alone
    well_seconds: float | None = None  # a bar of its own, from its end until all is well
    leaves_work: bool = False  # for the kitchen, which takes as long as it takes


def of_connections(name: str, proxy: Proxy) -> list[Fault]:
    """Return the faults of the connections to a server."""
    return [
        Fault(f"{name} swallows everything", lambda: healed(proxy, proxy.swallow)),
        Fault(f"{name} half-open", lambda: healed(proxy, proxy.forget)),
        Fault(f"{name} slow", lambda: healed(proxy, lambda: proxy.slow(SLOW_SECONDS))),
        Fault(f"{name} resets", lambda: repeated(proxy.reset, RESET_EVERY_SECONDS)),
    ]


@contextmanager
def healed(proxy: Proxy, break_it: Callable[[], None]) -> Iterator[None]:
    break_it()
    try:
        yield
    finally:
        proxy.heal()


@contextmanager
def repeated(act: Callable[[], None], every_seconds: tuple[float, float]) -> Iterator[None]:
    """Act at once and then again and again, at random moments, in a thread."""
    has_ended = threading.Event()

    def run() -> None:
        while not has_ended.is_set():
            act()
            has_ended.wait(random.uniform(*every_seconds))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        has_ended.set()
        thread.join()


@contextmanager
def without_memory(url: str) -> Iterator[None]:
    """Let Redis refuse every command that needs memory."""
    with redis.Redis.from_url(url, retry=Retry(NoBackoff(), 0)) as server:
        server.config_set("maxmemory", "1")
        try:
            yield
        finally:
            server.config_set("maxmemory", "0")
