"""Find the warm-up of a run: MSER-5 (White, "An effective truncation heuristic for bias reduction", 1997).

The times in the system, in the order of arrival, are averaged over the replications and over batches of 5 orders. The
number of batches to leave out, at most half of them, minimises the standard error of the mean of the rest: leaving out
a beginning that differs makes the rest more equal, and leaving out more than that makes it fewer. It does not matter
whether the kitchen begins empty or full.

The warm-up is found in a separate run with the same random numbers. The spec then gives the same figures as if that
number had been asked for.
"""

from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from simulation.engine import Array, take
from simulation.replications import Run, run_length
from simulation.spec import Spec
from simulation.stations import Passage

BATCH = 5  # orders
LEAST_BATCHES, MOST_BATCHES = 10, 20_000
MOST_ORDERS, MOST_REPLICATIONS = 1_000_000, 100  # of the pilot run
MOST_IN_ALL = 2_000_000  # orders


@lru_cache(maxsize=16)
def settled(spec: Spec) -> Spec:
    """Return the spec with its warm-up as a number."""
    if not spec.auto_warmup:
        return spec
    batches = int(min(spec.expected_orders, MOST_ORDERS) // BATCH)
    if batches < LEAST_BATCHES:
        return replace(spec, auto_warmup=False)
    means = batch_means(_pilot(spec), min(batches, MOST_BATCHES))
    return replace(spec, auto_warmup=False, warmup=_share(spec, mser(means) / len(means)))


def mser(means: Array) -> int:
    """Return how many of these batch means to leave out: at most half of them."""
    left = np.arange(len(means), 0, -1)
    values = (means - means.mean())[::-1]
    squares = np.cumsum(values**2)[::-1] - np.cumsum(values)[::-1] ** 2 / left
    most = len(means) // 2
    return int(np.argmin((squares / left**2)[: most + 1]))


def batch_means(spec: Spec, batches: int) -> Array:
    """Return the mean times in the system of each batch, all replications together."""
    seconds, orders = np.zeros(batches), np.zeros(batches)
    step = run_length(spec).rows
    for first in range(0, spec.replications, step):
        run = _Pilot(spec, first, min(step, spec.replications - first), batches)
        run.part()
        seconds += run.batch_seconds
        orders += run.batch_orders
    return seconds[orders > 0] / orders[orders > 0]


class _Pilot(Run):
    """Replications that add up the times in the system in the order of arrival, too."""

    def __init__(self, spec: Spec, first: int, rows: int, batches: int) -> None:
        super().__init__(spec, first, rows)
        self.batch_seconds, self.batch_orders = np.zeros(batches), np.zeros(batches)

    def _visit(self, passage: Passage) -> None:
        super()._visit(passage)
        number, visits, table = passage
        if number == self.sums.exit:
            numbers, arrivals = take(table.numbers, visits.orders), take(table.arrivals, visits.orders)
            counts = np.isfinite(visits.ends) & (numbers >= 0)
            batch = self._batch(numbers[counts], arrivals[counts])
            self.batch_seconds += np.bincount(batch, visits.ends[counts] - arrivals[counts], len(self.batch_orders))
            self.batch_orders += np.bincount(batch, minlength=len(self.batch_orders))

    def _batch(self, numbers: NDArray[np.intp], arrivals: Array) -> NDArray[np.intp]:
        spec = self.spec
        if spec.orders is not None:
            return numbers * len(self.batch_orders) // spec.orders
        share = (arrivals - spec.opening_seconds) / (spec.closing_seconds - spec.opening_seconds)
        return np.minimum(share * len(self.batch_orders), len(self.batch_orders) - 1).astype(np.intp)


def _pilot(spec: Spec) -> Spec:
    orders = None if spec.orders is None else min(spec.orders, MOST_ORDERS)
    enough = max(1, int(MOST_IN_ALL // min(spec.expected_orders, MOST_ORDERS)))
    replications = min(spec.replications, MOST_REPLICATIONS, enough)
    plain = replace(
        spec, auto_warmup=False, trace=False, grid_seconds=None, promise_seconds=None, slots=(), by_items=False
    )
    return replace(plain, orders=orders, replications=replications)


def _share(spec: Spec, share: float) -> float:
    """Turn a share of the pilot run into one of the whole run."""
    return share if spec.orders is None else share * min(spec.orders, MOST_ORDERS) / spec.orders
