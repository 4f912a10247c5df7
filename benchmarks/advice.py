"""Compare the planner's advice with another simulator: `python -m benchmarks.advice`. Reproducible; about two minutes.

The shop as it opens, 170 orders a day, 1 to 5 pizzas each: make line and oven work on pizzas, cutting bench and
drivers on orders. What would one more place save, and what if half of the orders were collected? The planner answers
in this process (`plan --json`, on an empty database in a temporary folder), and so does a plain event loop
(simulation/tests/oracle.py), which shares no line with it and draws its own days. Every figure has to be the same
within the intervals of both, and within 0.2 minutes.
"""

import argparse
import json
import math
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import StringIO

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.promises.shops import PIZZA_SHARES, PIZZAS, SHARES
from simulation.confidence import Estimate, difference, ratio
from simulation.tests.oracle import WHOLE, Order, Part, Station, run

SEED, DAYS = 20261128, 2_000
ORDERS_A_DAY, HOUR_SECONDS, MINUTE = 170, 3600.0, 60.0
NAMES = MAKE, OVEN, CUTTING, DRIVERS = "make", "oven", "cutting", "drivers"
DELIVERED, COLLECTED = (0, 1, 2, 3), (0, 1, 2)  # the stations of each way out
CARRY_OUT = "carry_out"  # the share of orders that are collected
AS_IT_OPENS: dict[str, float] = {MAKE: 2, OVEN: 6, CUTTING: 1, DRIVERS: 8, CARRY_OUT: 0}
OF_ITEMS = {MAKE, OVEN}
BAKING_SECONDS = 450.0
VARYING = {MAKE: (120.0, 0.4), CUTTING: (40.0, 0.3), DRIVERS: (1200.0, 0.35)}  # lognormal: mean seconds, cv
SCENARIOS: tuple[dict[str, float], ...] = ({MAKE: 3}, {OVEN: 7}, {OVEN: 8}, {DRIVERS: 9}, {CARRY_OUT: 0.5})
MOST_MINUTES = 0.2  # apart

Array = NDArray[np.float64]


# The event loop


@dataclass(frozen=True)
class Day:
    """The customers of a day and all times that work on their orders takes, whoever does it and when."""

    came_seconds: list[float]
    pizzas: list[int]
    chances: list[float]  # an order is collected if this is below the share of those
    seconds: dict[str, list[list[float]]]  # {station: for each order, those of the whole and of each pizza}

    def services(self, station: int, part: Part) -> float:
        name = NAMES[station]
        return BAKING_SECONDS if name == OVEN else self.seconds[name][part.order][part.number]


def draw_day(seed: int, number: int) -> Day:
    random = np.random.default_rng([seed, number])
    came = np.concatenate(
        [
            np.sort(hour + random.random(random.poisson(ORDERS_A_DAY * share / sum(SHARES)))) * HOUR_SECONDS
            for hour, share in enumerate(SHARES)
        ]
    )
    pizzas = random.choice(PIZZAS, size=came.size, p=PIZZA_SHARES)
    seconds = {}
    for name, (mean, cv) in VARYING.items():
        variance = math.log1p(cv**2)
        columns = 1 + max(PIZZAS) if name in OF_ITEMS else 1
        times = random.lognormal(math.log(mean) - variance / 2, math.sqrt(variance), (came.size, columns))
        seconds[name] = times.tolist()
    return Day(came.tolist(), pizzas.tolist(), random.random(came.size).tolist(), seconds)


def total_minutes(day: Day, shop: dict[str, float]) -> float:
    """Return the time from the order to the door, or until it is ready to collect, summed up over the day's orders."""
    stations = [Station(int(shop[name]), name in OF_ITEMS) for name in NAMES]
    customers = zip(day.came_seconds, day.pizzas, day.chances, strict=True)
    orders = [
        Order(came, pizzas, COLLECTED if chance < shop[CARRY_OUT] else DELIVERED) for came, pizzas, chance in customers
    ]
    visits = run(stations, orders, day.services)
    ends = [visits[order.route[-1], Part(number, WHOLE)].end for number, order in enumerate(orders)]
    return sum(end - order.came_seconds for end, order in zip(ends, orders, strict=True)) / MINUTE


def by_events(days: int, seed: int = SEED) -> list[Estimate]:
    """Return the mean minutes, and what each scenario saves on the same days."""
    shops = [{**AS_IT_OPENS, **changes} for changes in ({}, *SCENARIOS)]
    orders, minutes = np.zeros(days), np.zeros((len(shops), days))
    for number in range(days):
        day = draw_day(seed, number)
        orders[number] = len(day.pizzas)
        minutes[:, number] = [total_minutes(day, shop) for shop in shops]
    now, *others = minutes
    return [ratio(now, orders), *(difference(now, orders, other, orders) for other in others)]


# The planner


def by_planner(*options: str) -> list[Estimate]:
    """Return the same figures from `plan --json`, for the shop of the database that Django has."""
    from django.core.management import call_command

    asked = [f"--scenario={written(changes)}" for changes in SCENARIOS]
    demand = ("--demand", "day", "--per-hour", str(ORDERS_A_DAY / len(SHARES)))
    output = StringIO()
    call_command("plan", "--json", "--yes", *demand, *asked, *options, stdout=output)
    now, *others = json.loads(output.getvalue())["scenarios"]
    found = [now["mean_minutes"], *(row["saves_minutes"] for row in others)]
    return [Estimate(row["value"], row["half_width"]) for row in found]


def written(changes: dict[str, float]) -> str:
    return " ".join(f"{name}={value:g}" for name, value in changes.items())


def open_shop(folder: str) -> None:
    """Set Django up with the database of a shop that has just opened."""
    os.environ["DATA_DIR"] = folder  # before Django reads it, so that no running shop is touched
    os.environ.pop("DATABASE_URL", None)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pizzaProj.settings")
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)


# Side by side


@dataclass(frozen=True)
class Row:
    name: str
    events: Estimate
    planner: Estimate

    @property
    def apart(self) -> float:
        return self.planner.value - self.events.value

    @property
    def is_same(self) -> bool:
        """True if the figures differ by less than chance explains (in 95 of 100 cases), and by little."""
        return abs(self.apart) <= min(math.hypot(self.events.half_width, self.planner.half_width), MOST_MINUTES)


def rows(events: Sequence[Estimate], planner: Sequence[Estimate]) -> Iterator[Row]:
    names = ("the shop as it opens, mean", *(f"{written(changes)} saves" for changes in SCENARIOS))
    for name, ours, theirs in zip(names, events, planner, strict=True):
        yield Row(name, ours, theirs)


def table(found: Sequence[Row]) -> Table:
    shown = Table("Minutes", "event loop", "planner", "apart", "")
    for row in found:
        cells = [f"{side.value:.2f} ± {side.half_width:.2f}" for side in (row.events, row.planner)]
        shown.add_row(row.name, *cells, f"{row.apart:+.2f}", "the same" if row.is_same else "NOT THE SAME")
    return shown


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--days", type=int, default=DAYS, help=f"for each of the two ({DAYS})")
    days = parser.parse_args().days
    with tempfile.TemporaryDirectory(prefix="pizza-advice-") as folder:
        open_shop(folder)
        planner = by_planner("--most", str(days), "--half-width", "0.001")
    found = list(rows(by_events(days), planner))
    Console(highlight=False).print(table(found))
    sys.exit(not all(row.is_same for row in found))


if __name__ == "__main__":
    main()
