"""Many sockets: all at once, and held by one web, directly."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from benchmarks.processes import Helper, accepts, free_port
from benchmarks.rows import Row
from benchmarks.sides import Side, prepared
from benchmarks.sitting import Sitting
from benchmarks.watchers import AT_ONCE
from benchmarks.watching.sides import crowd_of, paths_of

HELD_SECONDS = 10.0  # long enough for each look at credentials and each check for missed frames


def many_sockets(sitting: Sitting) -> None:
    plan = sitting.plan
    failed = Row(f"{plan.at_once:,} sockets at once", "failures", at_most=0)
    took = Row(f"{plan.at_once:,} sockets at once, the last has its snapshot", "s")
    held = Row(f"{plan.held:,} sockets held by one web", "failures", at_most=0)
    with prepared(None, sitting.folder, sitting.valkey_socket) as ((ours, driver), _):
        paths = paths_of(driver.ask("place", orders=plan.at_once, wide=True))
        for _ in range(plan.rounds):
            with opened(ours, paths, plan.at_once) as (_, failures, seconds):
                failed.ours.append(failures)
                took.ours.append(seconds)
        many = (paths * (plan.held // plan.at_once + 1))[: plan.held]
        with opened(ours, many, AT_ONCE) as (crowd, _, _):
            time.sleep(HELD_SECONDS)
            still, codes = crowd.ask("open")
            held.ours.append(plan.held - still)
            held.note = f"closed with {codes}" if codes else ""
    sitting.rows += [failed, took, held]


@contextmanager
def opened(side: Side, paths: list[str], at_once: int) -> Iterator[tuple[Helper, int, float]]:
    """Start a web, and open sockets. Yield those who hold them, how many failed, and how long it took."""
    port = free_port()
    with side.web(port) as web, crowd_of(side) as crowd:
        web.wait_until(partial(accepts, port))
        failures, seconds = crowd.ask("rush", port=port, paths=paths, at_once=at_once)
        yield crowd, failures, seconds
