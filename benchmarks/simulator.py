"""Measure the simulator beside SimPy, Ciw and numba in the same run: `python -m benchmarks.simulator`.

One kitchen, four stations in a row, as the shop opens: 100 replications of 1,000 orders on one thread, then single
runs and short days. Each engine draws its own service times (numba's loop takes ours) and gives the mean time in the
kitchen, which shows that all did the same work. numba is measured where it is installed; the project does not need it.
"""

import argparse
import os
import sys
from collections.abc import Callable

os.environ.update({name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")})

import math
import resource
import statistics
import time
import tracemalloc
from dataclasses import dataclass, field
from random import Random
from typing import Any

import ciw
import numpy
import simpy
from rich.console import Console
from rich.table import Table

from simulation.simulator import Result, read_spec, simulate

ORDERS, REPLICATIONS = 1000, 100
PER_HOUR = 20.0
# (places, mean service in seconds, cv; 0 is always the mean)
STATIONS = ((2, 216.0, 0.4), (6, 450.0, 0.0), (1, 40.0, 0.3), (8, 1200.0, 0.35))
ROUNDS = 5
DAY_ORDERS, DAY_REPLICATIONS = 150, 1000
# The bars: the least multiple of SimPy's speed, and the largest multiple of numba's time
LEAST_RATIO, LEAST_SINGLE, MOST_NUMBA = 70.0, {1000: 10.0, 30_000: 30.0}, 1.5
MEGABYTE = 2**20


@dataclass
class Engine:
    name: str
    run: Callable[[int, int], float]  # orders, replications -> mean seconds in the kitchen
    seconds: list[float] = field(default_factory=list)
    mean: float = math.nan

    def measure(self, orders: int, replications: int) -> None:
        """Add the processor seconds of this thread: other load on the machine does not count."""
        begun = time.process_time()
        self.mean = self.run(orders, replications)
        self.seconds.append(time.process_time() - begun)

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)


def spec(orders: int, replications: int) -> Any:
    stations = [
        {
            "name": str(number),
            "places": places,
            "service": {"law": "lognormal", "mean": mean, "cv": cv} if cv else {"law": "fixed", "mean": mean},
        }
        for number, (places, mean, cv) in enumerate(STATIONS)
    ]
    arrivals = {"law": "poisson", "per_hour": PER_HOUR}
    return {"stations": stations, "arrivals": arrivals, "orders": orders, "replications": replications}


def by_ours(orders: int, replications: int) -> float:
    return mean_of(simulate(read_spec(spec(orders, replications))))


def mean_of(result: Result) -> float:
    return float(result.as_dict()["time_in_system"]["mean"]["value"])


def by_ours_in_one_run(orders: int, replications: int) -> float:
    return by_ours(orders * replications, 1)


def normal(mean: float, cv: float) -> tuple[float, float]:
    sigma_squared = math.log1p(cv**2)
    return math.log(mean) - sigma_squared / 2, math.sqrt(sigma_squared)


def by_simpy(orders: int, replications: int) -> float:
    return statistics.fmean(simpy_run(orders, seed) for seed in range(replications))


def simpy_run(orders: int, seed: int) -> float:
    random, total = Random(seed), 0.0
    env = simpy.Environment()
    benches = [
        (simpy.Resource(env, places), *((mean, 0.0) if not cv else normal(mean, cv))) for places, mean, cv in STATIONS
    ]

    def order() -> Any:
        nonlocal total
        came = env.now
        for bench, mean, sigma in benches:
            with bench.request() as request:
                yield request
                yield env.timeout(random.lognormvariate(mean, sigma) if sigma else mean)
        total += env.now - came

    def door() -> Any:
        for _ in range(orders):
            yield env.timeout(random.expovariate(PER_HOUR / 3600))
            env.process(order())

    env.process(door())
    env.run()
    return total / orders


def by_ciw(orders: int, replications: int) -> float:
    services = [
        ciw.dists.Lognormal(*normal(mean, cv)) if cv else ciw.dists.Deterministic(mean) for _, mean, cv in STATIONS
    ]
    others = [ciw.dists.Exponential(PER_HOUR / 3600), *[None] * (len(STATIONS) - 1)]
    ways = [[float(there == here + 1) for there in range(len(STATIONS))] for here in range(len(STATIONS))]
    network = ciw.create_network(
        arrival_distributions=others,
        service_distributions=services,
        number_of_servers=[places for places, _, _ in STATIONS],
        routing=ways,
    )
    means = []
    for seed in range(replications):
        ciw.seed(seed)
        simulation = ciw.Simulation(network)
        simulation.simulate_until_max_customers(orders, method="Finish")
        records = simulation.get_all_records()
        came = {record.id_number: record.arrival_date for record in records if record.node == 1}
        gone = {record.id_number: record.exit_date for record in records if record.node == len(STATIONS)}
        means.append(statistics.fmean(end - came[number] for number, end in gone.items()))
    return statistics.fmean(means)


def engines() -> list[Engine]:
    return [
        Engine(f"Ciw {ciw.__version__}", by_ciw),
        Engine(f"SimPy {simpy.__version__}", by_simpy),
        Engine("ours, replications together", by_ours),
        Engine("ours, one long run", by_ours_in_one_run),
    ]


def peak_megabytes(orders: int) -> float:
    tracemalloc.start()
    by_ours(orders, 2)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / MEGABYTE


def measure(rounds: int, rows: list[Engine], orders: int, replications: int) -> None:
    """Give each engine its turn in each round, so that all see the same machine."""
    for engine in rows:
        engine.run(10, 2)  # the first use is slower
    for _ in range(rounds):
        for engine in rows:
            engine.measure(orders, replications)


@dataclass
class Bar:
    words: str
    is_met: bool

    def __str__(self) -> str:
        return f"{self.words}, {'met' if self.is_met else 'NOT MET'}"


def single_run(rounds: int, orders: int) -> Bar:
    rows = [Engine("SimPy", by_simpy), Engine("ours", by_ours)]
    measure(rounds, rows, orders, 1)
    ratio, least = rows[0].median / rows[1].median, LEAST_SINGLE[orders]
    words = f"A single run of {orders:,} orders: {1000 * rows[1].median:.1f} ms"
    return Bar(f"{words}, {ratio:.1f} x SimPy (at least {least:g})", ratio >= least)


def days(rounds: int) -> Bar:
    """Compare short days with numba, if it is installed."""
    rows = [Engine("ours", by_ours)]
    try:
        from benchmarks.simulator_numba import mean_seconds
    except ImportError:
        measure(rounds, rows, DAY_ORDERS, DAY_REPLICATIONS)
        return Bar(f"{day_words(rows[0])}; numba is not installed, so there is nothing to compare it with", True)
    rows.append(Engine("numba", lambda orders, replications: mean_seconds(read_spec(spec(orders, replications)))))
    measure(rounds, rows, DAY_ORDERS, DAY_REPLICATIONS)
    ratio = rows[0].median / rows[1].median
    is_same = math.isclose(rows[0].mean, rows[1].mean, rel_tol=1e-9)
    words = f"{day_words(rows[0])}, {ratio:.2f} x numba's {1000 * rows[1].median:.1f} ms (at most {MOST_NUMBA:g})"
    return Bar(words if is_same else f"{words}, with another mean", is_same and ratio <= MOST_NUMBA)


def day_words(ours: Engine) -> str:
    return f"{DAY_REPLICATIONS:,} replications of a day of {DAY_ORDERS} orders: {1000 * ours.median:.1f} ms"


def main(arguments: list[str]) -> int:
    """Return 1 if a bar was missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.simulator", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"how often each has its turn ({ROUNDS})")
    rounds = max(parser.parse_args(arguments).rounds, 1)
    rows = engines()
    measure(rounds, rows, ORDERS, REPLICATIONS)
    ratio = rows[1].median / rows[2].median
    words = f"Replications together: {ratio:.0f} x SimPy (at least {LEAST_RATIO:g})"
    together = Bar(words, ratio >= LEAST_RATIO)
    bars = [together, *(single_run(rounds, orders) for orders in LEAST_SINGLE), days(rounds)]
    console = Console(highlight=False)
    console.print(f"Python {sys.version.split()[0]}, numpy {numpy.__version__}")
    console.print(table(rows, ORDERS * REPLICATIONS))
    console.print(*map(str, bars), sep="\n")
    few, many = peak_megabytes(10_000), peak_megabytes(200_000)
    console.print(f"Memory for two replications of 10,000 and of 200,000 orders: {few:.1f} and {many:.1f} MB")
    console.print(f"The process at its largest: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
    return 0 if all(bar.is_met for bar in bars) else 1


def table(rows: list[Engine], customers: int) -> Table:
    result = Table(title=f"{customers:,} orders, {len(STATIONS)} stations, medians of {len(rows[0].seconds)}")
    for name in ("engine", "seconds", "orders/s", "x SimPy", "mean minutes"):
        result.add_column(name, justify="left" if name == "engine" else "right")
    for engine in rows:
        speed, ratio = customers / engine.median, rows[1].median / engine.median
        result.add_row(engine.name, f"{engine.median:.3f}", f"{speed:,.0f}", f"{ratio:.1f}", f"{engine.mean / 60:.2f}")
    return result


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
