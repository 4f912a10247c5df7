"""The shops as engines: ours in several kitchens, and the tutorial's."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from benchmarks.engines.engine import Done
from benchmarks.processes import Helper, accepts, free_port
from benchmarks.sides import Side
from celery_app import POOL

SOLO = ("--pool", "solo", "--without-gossip", "--without-mingle")


@dataclass
class ShopEngine:
    """A shop with its worker, or several, and an idle web."""

    name: str
    side: Side
    driver: Helper
    workers: Sequence[Sequence[str]] = (POOL,)  # the options of each
    kitchen: dict[str, Any] = field(default_factory=lambda: {"wide": False})

    @contextmanager
    def at_work(self) -> Iterator[list[int]]:
        port = free_port()
        with ExitStack() as stack:
            web = stack.enter_context(self.side.web(port))
            workers = [
                stack.enter_context(self.side.worker(options, f"worker-{number}"))
                for number, options in enumerate(self.workers, 1)
            ]
            web.wait_until(partial(accepts, port))
            yield [part.child.pid for part in (web, *workers)]

    def place(self, orders: int) -> None:
        self.driver.ask("place", orders=orders, **self.kitchen)

    def cook(self) -> Done:
        answer = self.driver.ask("run_chains")
        return Done(answer["changes"], answer["seconds"], answer["sending_cpu_seconds"])


def warm_up(driver: Helper, orders: int) -> None:
    """Wait until a worker is ready: when the first orders have gone through."""
    driver.ask("place", orders=orders, wide=True)
    driver.ask("run_chains")


def ours(side: Side, driver: Helper, several: int) -> list[ShopEngine]:
    """Return this shop as it opens, and in other kitchens."""
    return [
        ShopEngine("ours", side, driver),
        ShopEngine("ours, two solo workers", side, driver, workers=(SOLO, SOLO)),
        ShopEngine("ours, a place for everybody", side, driver, kitchen={"wide": True}),
        ShopEngine(f"ours, {several} pizzas an order", side, driver, kitchen={"wide": True, "pizzas": several}),
    ]


def tutorial(side: Side, driver: Helper) -> ShopEngine:
    return ShopEngine("tutorial", side, driver)
