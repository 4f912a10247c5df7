"""Both sides with a web and watchers."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from math import inf
from typing import NamedTuple

from benchmarks.processes import Helper, accepts, free_port, helping
from benchmarks.sides import Side, prepared
from benchmarks.sitting import Sitting

SETTLE_SECONDS = 1.0
LOST_SECONDS = 10.0  # a frame that has not come by then counts as lost


class Watched(NamedTuple):
    side: Side
    driver: Helper
    port: int  # of its web
    web: int  # its process
    crowd: Helper  # its watchers


@contextmanager
def watched(sitting: Sitting) -> Iterator[list[Watched]]:
    """Yield ours and the tutorial's, both on SQLite."""
    with prepared(None, sitting.folder, sitting.valkey_socket) as pairs, ExitStack() as stack:
        ports = [free_port() for _ in pairs]
        webs = [stack.enter_context(side.web(port)) for (side, _), port in zip(pairs, ports, strict=True)]
        for web, port in zip(webs, ports, strict=True):
            web.wait_until(partial(accepts, port))
        yield [
            Watched(side, driver, port, web.child.pid, stack.enter_context(crowd_of(side)))
            for (side, driver), port, web in zip(pairs, ports, webs, strict=True)
        ]


@contextmanager
def crowd_of(side: Side) -> Iterator[Helper]:
    """Start the process of a side's watchers."""
    with helping(Helper("benchmarks.watchers", log=side.log("watchers"), environment=side.environment)) as crowd:
        yield crowd


def join(crowd: Helper, port: int, order_ids: list[str]) -> None:
    """Connect a watcher to each order, then let the server come to rest."""
    crowd.ask("connect", port=port, paths=paths_of(order_ids))
    time.sleep(SETTLE_SECONDS)


def paths_of(order_ids: list[str]) -> list[str]:
    return [f"/ws/pizza/{order_id}" for order_id in order_ids]


def received_by_all(crowd: Helper, frames: int, status: str) -> float:
    """Return when the last watcher had this status; infinity if one never had it."""
    by_watcher: list[list[tuple[float, str, str]]] = crowd.ask("frames", count=frames, timeout_seconds=LOST_SECONDS)
    return max(first_with(status, frames_of_one) for frames_of_one in by_watcher)


def first_with(status: str, frames: list[tuple[float, str, str]]) -> float:
    return min((when for when, _, has in frames if has == status), default=inf)
