"""Many sockets at once, directly at the web."""

from functools import partial

from benchmarks.processes import accepts, free_port
from benchmarks.rows import Row
from benchmarks.sides import prepared
from benchmarks.sitting import Sitting
from benchmarks.watching.sides import crowd_of, paths_of


def at_once(sitting: Sitting) -> None:
    count = sitting.plan.at_once
    failed = Row(f"{count:,} sockets at once, directly", "failures", at_most=0)
    took = Row(f"{count:,} sockets at once, the last has its snapshot", "s")
    with prepared(None, sitting.folder, sitting.valkey_socket) as ((ours, driver), _):
        order_ids = driver.ask("place", orders=count, wide=True)
        for _ in range(sitting.plan.rounds):
            port = free_port()
            with ours.web(port) as web, crowd_of(ours) as crowd:
                web.wait_until(partial(accepts, port))
                failures, seconds = crowd.ask("rush", port=port, paths=paths_of(order_ids))
                failed.ours.append(failures)
                took.ours.append(seconds)
                crowd.ask("leave")
    sitting.rows += [failed, took]
