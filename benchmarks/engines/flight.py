"""Very many orders in flight on one worker: how late they are delivered, and what memory they take."""

import time

import redis

from benchmarks.engines import cpu
from benchmarks.engines.shops import warm_up
from benchmarks.rows import Row, percentile
from benchmarks.sides import prepared
from benchmarks.sitting import Sitting

DRIVER = "benchmarks.engines.flying_orders"
MOST_LATE_SECONDS, MOST_BYTES = 2.0, 300.0
SPARE_SECONDS = 10.0  # for the worker to start, and to receive the last message


def many_in_flight(sitting: Sitting) -> None:
    """Measure once: a round takes minutes."""
    plan, server = sitting.plan, sitting.postgresql
    name = f"{plan.in_flight:,} orders in flight"
    late = Row(f"{name}, late by, p99", "s", at_most=MOST_LATE_SECONDS)
    memory = Row(f"{name}, memory of the worker", "bytes each", at_most=MOST_BYTES)
    lead_seconds = plan.in_flight * plan.take_off_ms / 1000 + SPARE_SECONDS
    with (
        prepared(server, sitting.folder, sitting.valkey_socket) as ((ours, cook), _),
        ours.drive(DRIVER) as driver,
        ours.worker() as worker,
    ):
        warm_up(cook, plan.warm_up_orders)
        own = [worker.child.pid]
        before = cpu.resident_bytes(own)
        left_seconds = driver.ask(
            "take_off", orders=plan.in_flight, lead_seconds=lead_seconds, per_second=plan.due_per_second
        )
        sitting.say(f"  {plan.in_flight:,} chains sent, {left_seconds:.0f} s before the first falls due")
        time.sleep(max(0.0, left_seconds))
        memory.ours.append((cpu.resident_bytes(own) - before) / plan.in_flight)
        time.sleep(plan.flight_seconds + MOST_LATE_SECONDS)
        lateness = sorted(driver.ask("landed", seconds=plan.flight_seconds))
        late.ours.append(percentile(lateness, 99))
        half = percentile(lateness, 50)
        late.note = f"{plan.due_per_second:g} fall due a second, half of them at most {half:.2f} s late"
    redis.Redis(unix_socket_path=sitting.valkey_socket).flushall()  # the chains of those that are still on the road
    sitting.rows += [late, memory] if cpu.is_readable() else [late]
