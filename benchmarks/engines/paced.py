"""The shop at its own pace: real countdowns at a high speed, and how late its changes are."""

import json
from pathlib import Path

from benchmarks.engines import cpu
from benchmarks.engines.shops import ShopEngine, warm_up
from benchmarks.processes import Helper
from benchmarks.rows import Row, percentile
from benchmarks.sides import prepared
from benchmarks.sitting import Sitting

DRIVER = "benchmarks.engines.paced_orders"


def at_its_own_pace(sitting: Sitting) -> None:
    """Measure on PostgreSQL where there is one, else on SQLite."""
    plan, server = sitting.plan, sitting.postgresql
    used = Row("at its own pace", "CPU ms a change")
    half, most = Row("at its own pace, late by, p50", "ms"), Row("at its own pace, late by, p99", "ms")
    with prepared(server, sitting.folder, sitting.valkey_socket) as ((ours, cook), _), ours.drive(DRIVER) as driver:
        engine = ShopEngine("ours", ours, cook)
        for _ in range(plan.rounds):
            log = ours.log("worker-1")
            log.unlink(missing_ok=True)
            with engine.at_work() as own:
                warm_up(cook, plan.warm_up_orders)
                before = len(lateness(log))
                used.ours.append(cpu_ms(sitting, driver, [*own, *sitting.servers(server)]))
            late = sorted(lateness(log)[before:])
            half.ours.append(percentile(late, 50) * 1000)
            most.ours.append(percentile(late, 99) * 1000)
    where = "SQLite" if server is None else "PostgreSQL"
    used.note = f"{where}, {plan.paced_per_second:g} orders/s at speed {plan.speed:g}, load {plan.load:g}"
    sitting.rows += [used, half, most] if cpu.is_readable() else [half, most]


def cpu_ms(sitting: Sitting, driver: Helper, pids: list[int]) -> float:
    """Let customers come, and return the processor time a change. Their own process is not counted."""
    plan = sitting.plan
    driver.ask("open_kitchen", speed=plan.speed, orders_per_second=plan.paced_per_second, load=plan.load)
    before = cpu.seconds(pids)
    driver.ask("place", orders_per_second=plan.paced_per_second, seconds=plan.paced_seconds)
    changes = driver.ask("wait_and_count")
    return (cpu.seconds(pids) - before) * 1000 / float(changes)


def lateness(log: Path) -> list[float]:
    """Return by how many seconds each link of a chain was late, as the worker's log says it."""
    lines = (json.loads(line) for line in log.read_text().splitlines() if line.startswith("{"))
    return [entry["late_seconds"] for entry in lines if entry.get("late_seconds") is not None]
