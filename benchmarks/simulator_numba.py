"""The floor for the simulator: the same kitchen as a compiled loop.

The draws are the simulator's own, so both follow the same orders. One replication after another, each station is a
loop over the orders as they arrive (Kiefer and Wolfowitz): the places' free times stay sorted, and orders that leave
are sorted by insertion, which is cheap as they nearly are in order. The same is counted: waits, how many wait and the
work at each station, and mean and percentiles of the time in the system.
"""

import numba
import numpy as np
from numpy.typing import NDArray

from simulation.draws import Draws
from simulation.replications import run_length
from simulation.spec import Spec

Array = NDArray[np.float64]
SHARES = np.array([0.05, 0.5, 0.95])


@numba.njit
def _replication(row, arrivals, services, capacities, free, turn, moments, seconds, sums):  # type: ignore[no-untyped-def]
    """Follow the orders of one replication and return the sum of their times in the system."""
    orders = arrivals.shape[1]
    for number in range(orders):
        turn[number] = number
        moments[number] = arrivals[row, number]
    for station in range(len(services)):
        work, count = services[station], capacities[station]
        free[:count] = -np.inf
        for place in range(orders):
            order, came = turn[place], moments[place]
            start = max(came, free[0])
            end = start + work[row, order]
            sums[station, 0] += start - came
            sums[station, 1] += start > came
            sums[station, 2] += work[row, order]
            slot = 0
            while slot + 1 < count and free[slot + 1] < end:
                free[slot] = free[slot + 1]
                slot += 1
            free[slot] = end
            slot = place
            while slot > 0 and (moments[slot - 1] > end or (moments[slot - 1] == end and turn[slot - 1] > order)):
                moments[slot], turn[slot] = moments[slot - 1], turn[slot - 1]
                slot -= 1
            moments[slot], turn[slot] = end, order
    total = 0.0
    for place in range(orders):
        seconds[place] = moments[place] - arrivals[row, turn[place]]
        total += seconds[place]
    return total


@numba.njit
def _replications(arrivals, services, capacities, seconds, sums):  # type: ignore[no-untyped-def]
    rows, orders = arrivals.shape
    free, turn, moments = np.empty(capacities.max()), np.empty(orders, dtype=np.int64), np.empty(orders)
    total = 0.0
    for row in range(rows):
        total += _replication(row, arrivals, services, capacities, free, turn, moments, seconds[row], sums[row])
    return total


def mean_seconds(spec: Spec) -> float:
    """Return the mean time in the system of all orders."""
    assert spec.orders is not None
    total, step = 0.0, run_length(spec).rows
    capacities = np.array([station.capacity for station in spec.stations])
    pooled = []
    for first in range(0, spec.replications, step):
        rows = min(step, spec.replications - first)
        draws = Draws(spec, first, rows)
        arrivals = np.ascontiguousarray(draws.arrivals(0, spec.orders))
        services = tuple(np.ascontiguousarray(work) for work in draws.services(0, spec.orders))
        seconds, sums = np.empty((rows, spec.orders)), np.zeros((rows, len(capacities), 3))
        total += _replications(arrivals, services, capacities, seconds, sums)
        pooled.append(seconds)
    np.quantile(np.concatenate(pooled), SHARES)
    return total / (spec.replications * spec.orders)
