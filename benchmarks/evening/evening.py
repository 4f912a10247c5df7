"""Ten minutes of the real mix: orders over HTTP, thousands of pages, a kitchen at a load of 0.8, and the books."""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from benchmarks.chaos.audit import Audit, audit
from benchmarks.chaos.postgresql import PostgreSQL, programs
from benchmarks.chaos.records import open_orders, snapshot
from benchmarks.engines.paced import lateness
from benchmarks.evening.house import House, Queues, opened
from benchmarks.evening.waits import commits_of, waits
from benchmarks.plan import Plan
from benchmarks.processes import Died, Helper, helping
from benchmarks.rows import Row, percentile
from benchmarks.sides import Side, both
from benchmarks.sitting import Sitting

KITCHEN = "benchmarks.evening.kitchen"
MORE = ("track_commit_timestamp=on",)
CARRY_OUT = 0.4
SEED = 1
MOST_MS = 250.0
CHAINS_A_SECOND = 35.0  # orders of the largest chain, over the whole world
FILL_SECONDS = 300.0  # until all pages are open
CALM_SECONDS = 90.0  # until the last orders are delivered
GROWN_TIMES, GROWN_MORE = 1.25, 20  # from the first third to the last


@dataclass
class Evening:
    """What was seen from the first moment with all pages open to the last order."""

    began: float  # time.time
    ended: float = 0.0
    queues: list[Queues] = field(default_factory=list)
    kilobytes: float = 0.0  # by which the database has grown
    used: dict[str, float] = field(default_factory=dict)  # processor seconds by part
    guests: dict[str, Any] = field(default_factory=dict)  # what they say at the end
    books: dict[str, Any] = field(default_factory=dict)
    waits: list[float] = field(default_factory=list)
    late: list[float] = field(default_factory=list)
    audit: Audit = field(default_factory=Audit)

    @property
    def orders(self) -> int:
        """Return how many were accepted in this time."""
        return len(self.answers)

    @property
    def answers(self) -> list[float]:
        return sorted(took for at, took in self.books["took"] if self.began <= at < self.ended)


def real_mix(sitting: Sitting) -> None:
    """Measure once: a round takes ten minutes."""
    found = programs()
    if found is None:
        sitting.say("PostgreSQL is not installed, which has to note when it commits: not measured.")
        return
    side = both(sitting.folder / "evening")[0]
    with on_postgresql(PostgreSQL(found, more=MORE), sitting, side) as server:
        with side.drive(KITCHEN) as kitchen:
            menu = kitchen.ask("open_kitchen", **evening_of(sitting.plan))
        log = side.log("guests")
        with (
            opened(sitting, side, server) as house,
            helping(Helper("benchmarks.evening.guests", log=log, environment=side.environment)) as guests,
        ):
            house.pids["guests"] = [guests.child.pid]
            evening = spend(sitting, house, guests, menu)
    sitting.rows += rows(sitting, evening)


def evening_of(plan: Plan) -> dict[str, float]:
    """Return the kitchen that these orders need."""
    return {
        "speed": plan.speed,
        "orders_per_second": plan.evening_per_second,
        "load": plan.load,
        "carry_out": CARRY_OUT,
    }


@contextmanager
def on_postgresql(server: PostgreSQL, sitting: Sitting, side: Side) -> Iterator[PostgreSQL]:
    """Start this server, whose commits are as durable as anywhere, and create the shop's tables."""
    try:
        server.start(sitting.folder, dict(side.environment))
        server.wait()
        side.migrate(server.url, sitting.valkey_socket).wait_for_end()
        yield server
    finally:
        server.stop()
        shutil.rmtree(server.folder, ignore_errors=True)


def spend(sitting: Sitting, house: House, guests: Helper, menu: list[int]) -> Evening:
    plan = sitting.plan
    guests.ask(
        "begin",
        ports=house.ports,
        per_second=plan.evening_per_second,
        pages=plan.evening_pages,
        menu=menu,
        carry_out=CARRY_OUT,
        seed=SEED,
    )
    wait_for_pages(sitting, guests)
    logs = [house.side.log(f"worker-{number}") for number in range(1, plan.evening_workers + 1)]
    late_before = [len(lateness(log)) for log in logs]
    evening, before, size = Evening(time.time()), house.used(), house.kilobytes()
    look(sitting, house, guests, evening)
    evening.ended, after = time.time(), house.used()
    evening.kilobytes = house.kilobytes() - size
    evening.used = {part: after[part] - before[part] for part in after}
    evening.late = sorted(late for log, n in zip(logs, late_before, strict=True) for late in lateness(log)[n:])
    guests.ask("end_orders")
    wait_for_end(house)
    evening.guests, evening.books = guests.ask("so_far"), guests.ask("books")
    with snapshot(house.side.database_url) as books:
        evening.audit = audit(books, evening.books["accepted"])
        evening.waits = sorted(waits(evening.books["pages"], commits_of(books), evening.began, evening.ended))
    return evening


def wait_for_pages(sitting: Sitting, guests: Helper) -> None:
    deadline = time.monotonic() + FILL_SECONDS
    while (seen := guests.ask("so_far"))["pages"] < sitting.plan.evening_pages - seen["failed"]:
        if time.monotonic() > deadline:
            raise Died(f"After {FILL_SECONDS:g} s only {seen['pages']} pages were open: {seen}")
        time.sleep(0.5)
    sitting.say(f"  {seen['pages']} pages are open, {seen['accepted']} orders accepted, {seen['failed']} failures")
    time.sleep(sitting.plan.evening_warm_up_seconds)


def look(sitting: Sitting, house: House, guests: Helper, evening: Evening) -> None:
    """Look at the queues every half minute until the evening is over."""
    plan = sitting.plan
    until = time.monotonic() + plan.evening_seconds
    while (left := until - time.monotonic()) > 0:
        time.sleep(min(left, plan.evening_look_seconds))
        seen = guests.ask("so_far")
        evening.queues.append(house.queues(seen["waiting"]))
        sitting.say(f"  {time.time() - evening.began:.0f} s: {evening.queues[-1]}, {seen['pages']} pages")


def wait_for_end(house: House) -> None:
    """Wait until nothing is open; what still is then, the audit calls stuck."""
    deadline = time.monotonic() + CALM_SECONDS
    while time.monotonic() < deadline:
        with snapshot(house.side.database_url) as books:
            if not open_orders(books):
                return
        time.sleep(0.5)


# What it says


def rows(sitting: Sitting, evening: Evening) -> list[Row]:
    plan, faults = sitting.plan, evening.audit
    wrong = [*faults.lost, *faults.doubled, *faults.stuck, *faults.illegal]
    closed = sum(evening.guests["closed"].values())
    setting = (
        f"{plan.evening_per_second:g} orders/s, {plan.evening_seconds:g} s, {plan.evening_pages} pages, "
        f"{plan.evening_webs} webs, {plan.evening_workers} workers, speed {plan.speed:g}, load {plan.load:g}"
    )
    found = [
        row("orders accepted a second", "orders/s", evening.orders / (evening.ended - evening.began), note=setting),
        row("orders lost, doubled, stuck or out of order", "orders", len(wrong), 0, "; ".join(wrong[:3])),
        row("places exceeded", "times", len(faults.crowded), 0, "; ".join(faults.crowded[:3])),
        row("orders refused", "orders", sum(evening.guests["refused"].values()), 0, words(evening.guests["refused"])),
        row("pages failed or closed", "pages", evening.guests["failed"] + closed, 0, words(evening.guests["closed"])),
        row("queues that grew", "queues", len(grown(evening.queues)), 0, "; ".join(grown(evening.queues))),
        row("an order on the disk", "KB", evening.kilobytes / max(1, evening.orders)),
        *of_time("an order's answer", evening.answers),
        *of_time("links late by", evening.late),
        *of_time("commit to socket", evening.waits, MOST_MS),
    ]
    return found + of_cpu(evening) if any(evening.used.values()) else found


def row(name: str, unit: str, value: float, at_most: float | None = None, note: str = "") -> Row:
    return Row(f"an evening: {name}", unit, at_most=at_most, ours=[value], note=note)


def words(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} x {what}" for what, count in counts.items())


def of_time(name: str, ordered: list[float], at_most: float | None = None) -> list[Row]:
    if not ordered:
        return []
    return [
        row(f"{name}, p50", "ms", percentile(ordered, 50) * 1000, note=f"of {len(ordered)}"),
        row(f"{name}, p99", "ms", percentile(ordered, 99) * 1000, at_most),
        row(f"{name}, the last", "ms", ordered[-1] * 1000),
    ]


def of_cpu(evening: Evening) -> list[Row]:
    """Return what an order took of each part's processor, and how many cores so many orders take."""
    shop = {part: seconds for part, seconds in evening.used.items() if part != "guests"}
    seconds = evening.ended - evening.began
    an_order = sum(shop.values()) / max(1, evening.orders)
    return [
        *(row(f"{part}, of an order", "CPU ms", used * 1000 / max(1, evening.orders)) for part, used in shop.items()),
        row("all parts, of an order", "CPU ms", an_order * 1000),
        row("processors that the shop kept busy", "cores", sum(shop.values()) / seconds),
        row("processors that the guests kept busy", "cores", evening.used["guests"] / seconds),
        row(f"{CHAINS_A_SECOND:g} orders/s would take", "cores", an_order * CHAINS_A_SECOND),
    ]


def grown(queues: list[Queues]) -> list[str]:
    """Name the queues that were longer in the last third of the evening than in the first."""
    third = len(queues) // 3
    if not third:
        return []
    first, last = queues[:third], queues[-third:]
    sides = ((name, of(first, name), of(last, name)) for name in ("orders", "late", "messages", "answers"))
    return [f"{name}: {a:g}, then {b:g}" for name, a, b in sides if b > GROWN_TIMES * a + GROWN_MORE]


def of(queues: list[Queues], name: str) -> float:
    return float(median(getattr(each, name) for each in queues))
