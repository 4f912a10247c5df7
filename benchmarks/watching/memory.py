"""The memory of an idle watcher, beside Daphne with an empty consumer."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

from benchmarks.engines import cpu
from benchmarks.processes import Helper, accepts, free_port
from benchmarks.rows import Row
from benchmarks.sides import Side, prepared
from benchmarks.sitting import Sitting
from benchmarks.watching.sides import crowd_of, join

OF_BARE = 1.3
EMPTY = "benchmarks.watching.empty:application"
FIRST_WATCHERS = 100  # what a process makes once is made for them


def of_idle_watcher(sitting: Sitting) -> None:
    if not cpu.is_readable():
        sitting.say("This system does not tell how much memory a process has: not measured.")
        return
    row = Row("memory of an idle watcher", "KiB", beside="Daphne with an empty consumer", at_most=OF_BARE)
    with prepared(None, sitting.folder, sitting.valkey_socket) as ((ours, driver), _):
        (order_id,) = driver.ask("place", orders=1, wide=True)
        bare = replace(ours, asgi=EMPTY)
        for _ in range(sitting.plan.rounds):
            row.ours.append(kibibytes(ours, order_id, sitting.plan.idle))
            row.others.append(kibibytes(bare, order_id, sitting.plan.idle))
    sitting.rows.append(row)


def kibibytes(side: Side, order_id: str, watchers: int) -> float:
    """Return what one more watcher takes in a web that was just started."""
    with web_and_crowd(side) as (port, web, crowd):
        join(crowd, port, [order_id] * FIRST_WATCHERS)
        before = cpu.resident_bytes([web])
        with crowd_of(side) as many:
            join(many, port, [order_id] * watchers)
            return (cpu.resident_bytes([web]) - before) / watchers / 1024


@contextmanager
def web_and_crowd(side: Side) -> Iterator[tuple[int, int, Helper]]:
    port = free_port()
    with side.web(port) as web, crowd_of(side) as crowd:
        web.wait_until(partial(accepts, port))
        yield port, web.child.pid, crowd
