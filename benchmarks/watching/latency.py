"""From the commit to the watcher, with as many watchers as orders and a steady stream of changes."""

from math import inf

from benchmarks.plan import Plan
from benchmarks.processes import Helper
from benchmarks.rows import Row, percentile
from benchmarks.sitting import Sitting
from benchmarks.watching.sides import LOST_SECONDS, join, watched

OF_TUTORIAL = 0.4


def commit_to_socket(sitting: Sitting) -> None:
    plan = sitting.plan
    half = Row("commit to socket, p50", "ms", beside="tutorial")
    most = Row("commit to socket, p99", "ms", beside="tutorial", at_most=OF_TUTORIAL)
    with watched(sitting) as both:
        for _ in range(plan.rounds):
            for side, driver, port, _, crowd in both:
                waits = sorted(stream(plan, driver, port, crowd))
                for row, per_cent in (half, 50), (most, 99):
                    values = row.ours if side.name == "ours" else row.others
                    values.append(percentile(waits, per_cent) * 1000)
                if inf in waits:
                    most.note += f"{side.name} lost {waits.count(inf)} of {len(waits)}. "
    sitting.rows += [half, most]


def stream(plan: Plan, driver: Helper, port: int, crowd: Helper) -> list[float]:
    """Return the seconds of each change from its commit to its watcher; infinite if it never came."""
    order_ids = driver.ask("place", orders=plan.watched, wide=True)
    join(crowd, port, order_ids)
    todo = [order_ids[number % plan.watched] for number in range(plan.changes)]
    changes = driver.ask("change_many", order_ids=todo, per_second=plan.per_second)
    frames = crowd.ask("frames", count=plan.changes, timeout_seconds=LOST_SECONDS)
    crowd.ask("leave")
    received = {(order_id, status): when for each in frames for when, order_id, status in each}
    return [received.get((order_id, status), inf) - committed for order_id, status, committed in changes]
