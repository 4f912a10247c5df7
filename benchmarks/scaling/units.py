"""What each thing costs: a part that has nothing to do, a page that is open, a sign of life, a frame, an order."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

from benchmarks.engines import cpu
from benchmarks.evening.evening import KITCHEN, evening_of
from benchmarks.plan import Plan
from benchmarks.processes import Helper, accepts, free_port, helping
from benchmarks.rows import Row
from benchmarks.sides import Side, prepared
from benchmarks.sitting import Sitting
from benchmarks.watching.sides import SETTLE_SECONDS

PAGES_OF_ORDER = 2


def of_each(sitting: Sitting) -> None:
    """Measure once, on PostgreSQL where there is one, with one process of each kind."""
    if not cpu.is_readable():
        sitting.say("This system does not tell what its processes used: not measured.")
        return
    plan, server = sitting.plan, sitting.postgresql
    with prepared(server, sitting.folder, sitting.valkey_socket) as ((ours, driver), _):
        sitting.rows += idle_parts(ours, plan)
        stores = sitting.servers(server)
        with one_web(ours) as (port, web), guests_of(ours) as guests:
            sitting.rows += of_pages(sitting, Prices(web, stores), driver, guests, port)
            guests.ask("leave_all")
            with ours.drive(KITCHEN) as kitchen:
                menu = kitchen.ask("open_kitchen", **evening_of(sitting.plan))
            send: Any = partial(guests.ask, "order_for", ports=[port], menu=menu, orders=plan.unit_orders)
            sitting.rows += Prices(web, stores).of("an order that is placed", "CPU ms", send)


class Prices:
    """What a web, and the stores behind it, use while something happens."""

    def __init__(self, web: int, stores: Sequence[int]) -> None:
        self.web, self.stores = [web], list(stores)

    def of(self, what: str, unit: str, happen: Callable[[], int]) -> list[Row]:
        """Let it happen, and share what it took among how many there were."""
        before = cpu.seconds(self.web), cpu.seconds(self.stores)
        count = happen()
        after = cpu.seconds(self.web), cpu.seconds(self.stores)
        ms = [(late - early) * 1000 / count for early, late in zip(before, after, strict=True)]
        return [Row(f"{what}, web", unit, ours=ms[:1]), Row(f"{what}, stores", unit, ours=ms[1:])]


def idle_parts(side: Side, plan: Plan) -> list[Row]:
    """Return what a web, a worker and beat take that have nothing to do."""
    with ExitStack() as stack:
        _, web = stack.enter_context(one_web(side))
        worker, beat = stack.enter_context(side.worker()), stack.enter_context(side.beat())
        pids = {"web": [web], "worker": [worker.child.pid], "beat": [beat.child.pid]}
        time.sleep(plan.unit_rest_seconds)
        before = {part: cpu.seconds(own) for part, own in pids.items()}
        time.sleep(plan.unit_seconds)
        rows = []
        for part, own in pids.items():
            share = (cpu.seconds(own) - before[part]) / plan.unit_seconds
            rows.append(Row(f"idle {part}", "cores", ours=[share]))
            rows.append(Row(f"idle {part}, memory", "MB", ours=[cpu.resident_bytes(own) / 1e6]))
        return rows


def of_pages(sitting: Sitting, prices: Prices, driver: Helper, guests: Helper, port: int) -> list[Row]:
    """Open pages, two for each order; then let them be, ask for signs of life, and be told of changes."""
    plan = sitting.plan
    order_ids = driver.ask("place", orders=plan.unit_pages // PAGES_OF_ORDER, wide=True)
    memory = cpu.resident_bytes(prices.web)
    rows = prices.of("a page that is opened", "CPU ms", lambda: open_pages(guests, port, order_ids))
    kibibytes = (cpu.resident_bytes(prices.web) - memory) / plan.unit_pages / 1024
    rows.append(Row("an open page, memory", "KiB", ours=[kibibytes]))
    rows += prices.of("an open page, each second", "CPU ms", partial(rest, plan.unit_pages, plan.unit_seconds))
    beats = partial(guests.ask, "beat_for", seconds=plan.unit_seconds)
    rows += prices.of("a sign of life", "CPU ms", beats)
    change = partial(driver.ask, "change_many", per_second=plan.per_second)
    return rows + prices.of("a frame", "CPU ms", lambda: len(change(order_ids=order_ids)) * PAGES_OF_ORDER)


def open_pages(guests: Helper, port: int, order_ids: list[str]) -> int:
    opened = int(guests.ask("open_pages", port=port, order_ids=order_ids * PAGES_OF_ORDER))
    assert opened == len(order_ids) * PAGES_OF_ORDER
    time.sleep(SETTLE_SECONDS)
    return opened


def rest(pages: int, seconds: float) -> int:
    time.sleep(seconds)
    return round(pages * seconds)


@contextmanager
def one_web(side: Side) -> Iterator[tuple[int, int]]:
    port = free_port()
    with side.web(port, ["--proxy-headers"]) as web:
        web.wait_until(partial(accepts, port))
        yield port, web.child.pid


@contextmanager
def guests_of(side: Side) -> Iterator[Helper]:
    with helping(Helper("benchmarks.evening.guests", log=side.log("guests"), environment=side.environment)) as guests:
        yield guests
