"""Fit a distribution to measured works.

Few works follow a kitchen that has changed, many say more of one that has not: a hundred works by hand leave an error
of 4 to 6 % in the mean, and at a make line that is busy for nine tenths of the time that is a line twice as long. So
the newest works count from where the mean before and after differ by more than chance explains, up to MOST_SAMPLES
(the adaptive window of Bifet and Gavaldà, Learning from time-changing data with adaptive windowing, SDM 2007, with a
few places to cut).
"""

from collections.abc import Hashable, Sequence
from math import sqrt
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulation.works import components
from simulation.works.components import Components
from simulation.works.service import ServiceTime

Array = NDArray[np.float64]
Ids = NDArray[np.intp]

LEAST_SAMPLES = 50
FIXED_CV = 0.01  # a spread below this share of the mean is the clock's, not the work's


# Where works can be cut, as a number of the newest; and by how many standard errors the means have to differ.
CUTS = (50, 70, 100, 140, 200, 280, 400)
DIFFER = 3.0
MOST_SAMPLES = 500
CHANGED = 0.05  # of the mean: it moves by more at once where a change is noticed, and by less from work to work


class Sample(NamedTuple):
    pizzas: int
    seconds: float  # kitchen seconds
    order: Hashable = None  # whose pizza it is, where a sample is a single one; None: nobody else's
    began: Any = None  # a moment on the reader's clock


class Fit(NamedTuple):
    """A distribution of simulation.distributions, by its moments, for one pizza or one order."""

    distribution: str
    mean_seconds: float
    spread_seconds: float
    shared_seconds: float = 0.0  # the part of the spread that the pizzas of an order have in common

    def service_time(self, per_pizza: bool) -> ServiceTime:
        code, mean, spread, shared = self
        return ServiceTime(code, mean, spread, per_pizza, shared=shared)


def fit_distribution(samples: Sequence[Sample], per_pizza: bool) -> Fit | None:
    """Return the distribution with the moments of the works; None if too little was seen.

    Per pizza the work on n is a sum of n: means and third moments add up, so each is its sum over all samples, divided
    by all pizzas; variances are those of simulation.works.components. Of lognormal and gamma, the one whose skewness
    (3 cv + cv³ and 2 cv) is nearer.
    """
    if len(samples) < LEAST_SAMPLES:
        return None
    counts = [sample.pizzas if per_pizza else 1 for sample in samples]
    parts = _parts(samples, per_pizza)
    mean, spread = parts.mean, parts.spread
    if mean <= 0:
        return None
    cv = spread / mean
    if cv < FIXED_CV:
        return Fit("fixed", mean, 0.0)
    errors = [sample.seconds - count * mean for sample, count in zip(samples, counts, strict=True)]
    skewness = (
        sum(error**3 for error in errors) / sum(counts) / sqrt(sum(error**2 for error in errors) / sum(counts)) ** 3
    )
    skewness_of = {"lognormal": 3 * cv + cv**3, "gamma": 2 * cv}
    code = min(skewness_of, key=lambda name: abs(skewness - skewness_of[name]))
    return Fit(code, mean, spread, parts.shared)


def newest_alike(samples: Sequence[Sample], per_pizza: bool) -> Sequence[Sample]:
    """Return the newest works, the last ones, from where the kitchen has not changed since."""
    newest = samples[-MOST_SAMPLES:]
    cuts = [cut for cut in CUTS if cut + CUTS[0] <= len(newest)]
    if not cuts:
        return newest
    works = np.array([(row.seconds, row.pizzas if per_pizza else 1) for row in newest], dtype=np.float64)
    numbers: dict[Hashable, int] = {}
    orders = np.array(
        [
            numbers.setdefault((place, None) if row.order is None else row.order, len(numbers))
            for place, row in enumerate(newest)
        ]
    )
    differ = {cut: _errors_apart(works, orders, cut) for cut in cuts}
    cut = max(differ, key=lambda cut: differ[cut])
    return newest[-cut:] if differ[cut] > DIFFER else newest


def change_noticed(works: Sequence[Sample], alike: Sequence[Sample], before: float | None, mean: float) -> Any:
    """Return when the kitchen changed, if that is noticed just now: when the first of the works since then began.

    alike: the newest of the works, by `newest_alike`, and their mean. before: the mean that was used until now.
    """
    is_cut = len(alike) < min(len(works), MOST_SAMPLES)
    return alike[0].began if is_cut and before is not None and abs(mean - before) > CHANGED * before else None


def _errors_apart(works: Array, orders: Ids, cut: int) -> float:
    """Return by how many standard errors the means of the newest `cut` works and of those before them differ.

    The spread is that of all works around the mean of their own part, with what the pizzas of an order share: of few
    works, those that happen to be short also seem to be alike, and would prove a change.
    """
    parts = (slice(None, -cut), slice(-cut, None))
    seconds, pieces = works.T
    older, newer = (float(seconds[part].sum() / pieces[part].sum()) for part in parts)
    off = seconds - pieces * np.repeat((older, newer), (len(works) - cut, cut))
    of_orders = zip(np.bincount(orders, pieces), np.bincount(orders, off), strict=True)
    spread = components.of_orders([(int(number), seconds) for number, seconds in of_orders])
    error = sqrt(sum(_error_squared(np.bincount(orders[part], pieces[part]), spread) for part in parts))
    return abs(newer - older) / max(error, FIXED_CV / DIFFER * older, 1e-9)


def _error_squared(pieces: NDArray[Any], spread: Components) -> float:
    """Return the squared standard error of the mean per piece. pieces: how many each order has."""
    return float(spread.own**2 * pieces.sum() + spread.shared**2 * (pieces**2).sum()) / float(pieces.sum()) ** 2


def _parts(samples: Sequence[Sample], per_pizza: bool) -> Components:
    if per_pizza:
        return components.of_orders([(sample.pizzas, sample.seconds) for sample in samples])
    groups: dict[Hashable, list[float]] = {}
    for place, sample in enumerate(samples):
        own_group = (None, place)
        groups.setdefault(own_group if sample.order is None else sample.order, []).append(sample.seconds)
    return components.of_items([*groups.values()])
