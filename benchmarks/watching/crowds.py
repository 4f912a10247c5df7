"""One change of an order that everybody watches, until the last has it."""

from statistics import median

from benchmarks.rows import Row
from benchmarks.sitting import Sitting
from benchmarks.watching.floor import floor_of
from benchmarks.watching.sides import Watched, join, received_by_all, watched

OF_TUTORIAL, OF_FLOOR = 0.25, 2.0


def one_to_all(sitting: Sitting) -> None:
    plan = sitting.plan
    beside_tutorial = Row(named(plan.crowd), "ms", beside="tutorial", at_most=OF_TUTORIAL)
    beside_floor, large = (
        Row(named(count), "ms", beside="bare websockets", at_most=OF_FLOOR) for count in (plan.crowd, plan.large_crowd)
    )
    with watched(sitting) as (ours, tutorial), floor_of(sitting) as floor:
        for _ in range(plan.rounds):
            beside_tutorial.ours.append(last_of(ours, plan.crowd, plan.crowd_changes))
            beside_tutorial.others.append(last_of(tutorial, plan.crowd, plan.crowd_changes))
            if floor is not None:
                beside_floor.others.append(floor.last_of(plan.crowd, plan.crowd_changes))
                large.ours.append(last_of(ours, plan.large_crowd, plan.crowd_changes))
                large.others.append(floor.last_of(plan.large_crowd, plan.crowd_changes))
        beside_floor.ours = beside_tutorial.ours
    sitting.rows += [beside_tutorial] if floor is None else [beside_tutorial, beside_floor, large]


def named(watchers: int) -> str:
    return f"one change to {watchers:,} watchers, the last"


def last_of(one: Watched, watchers: int, changes: int) -> float:
    """Return the median of a few changes, in milliseconds."""
    (order_id,) = one.driver.ask("place", orders=1, wide=True)
    join(one.crowd, one.port, [order_id] * watchers)
    waits: list[float] = []
    for number in range(1, changes + 1):
        status, committed = one.driver.ask("change", order_id=order_id)
        waits.append(received_by_all(one.crowd, number * watchers, status) - committed)
    one.crowd.ask("leave")
    return median(waits) * 1000
