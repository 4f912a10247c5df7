"""Fit a distribution to measured works."""

from collections.abc import Hashable, Sequence
from math import sqrt
from typing import NamedTuple

from simulation.works import components
from simulation.works.components import Components
from simulation.works.service import ServiceTime

LEAST_SAMPLES = 50
FIXED_CV = 0.01  # a spread below this share of the mean is the clock's, not the work's


class Sample(NamedTuple):
    pizzas: int
    seconds: float  # kitchen seconds
    order: Hashable = None  # whose pizza it is, where a sample is a single one; None: nobody else's


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
    """Return the distribution with the moments of the work; None if too little was seen.

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


def _parts(samples: Sequence[Sample], per_pizza: bool) -> Components:
    if per_pizza:
        return components.of_orders([(sample.pizzas, sample.seconds) for sample in samples])
    groups: dict[Hashable, list[float]] = {}
    for place, sample in enumerate(samples):
        own_group = (None, place)
        groups.setdefault(own_group if sample.order is None else sample.order, []).append(sample.seconds)
    return components.of_items([*groups.values()])
