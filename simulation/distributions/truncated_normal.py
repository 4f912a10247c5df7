import math
from dataclasses import dataclass
from functools import lru_cache
from random import Random
from statistics import NormalDist

import numpy as np

from simulation.distributions.base import Array, Generator, Impossible
from simulation.distributions.quantiles import chance_above, normal_beyond

LEAST_CV, MOST_CV = 0.01, 0.99  # with a cv of 1 it would be exponential
CUTS = (-1000.0, 20.0)  # of cvs beyond those
HALVINGS = 100
BELOW_ONE = 1 - 2**-53


@dataclass(frozen=True)
class TruncatedNormal:
    """A normal distribution cut off below 0. Mean and spread are those after the cut."""

    mean: float
    spread: float

    def __post_init__(self) -> None:
        if not LEAST_CV * self.mean <= self.spread <= MOST_CV * self.mean:
            raise Impossible("cv", f"A truncated normal time needs a spread of {LEAST_CV:g} to {MOST_CV:g} means.")

    @property
    def variance(self) -> float:
        return self.spread**2

    @property
    def mu_and_sigma(self) -> tuple[float, float]:
        """Return the mean and spread of the normal distribution before the cut."""
        cut = cut_of(self.spread / self.mean)
        sigma = self.mean / (hazard(cut) - cut)
        return -cut * sigma, sigma

    def one(self, random: Random) -> float:
        mu, sigma = self.mu_and_sigma
        chance = chance_above(-mu / sigma) * (1 - random.random())
        return max(mu - sigma * NormalDist().inv_cdf(min(chance, BELOW_ONE)), 0.0)

    def many(self, random: Generator, shape: tuple[int, ...]) -> Array:
        mu, sigma = self.mu_and_sigma
        draws = normal_beyond(random, np.array([-mu / sigma]), math.prod(shape))[:, 0].reshape(shape)
        return np.maximum(mu + sigma * draws, 0.0)

    def remaining(self, random: Generator, elapsed: Array, rows: int) -> Array:
        mu, sigma = self.mu_and_sigma
        draws = normal_beyond(random, (np.maximum(elapsed, 0.0) - mu) / sigma, rows)
        return np.maximum(mu + sigma * draws - elapsed, 0.0)


def hazard(cut: float) -> float:
    """Return the hazard rate of a standard normal distribution: density / chance to lie above."""
    return math.exp(-(cut**2) / 2) / math.sqrt(2 * math.pi) / chance_above(cut)


@lru_cache(maxsize=256)
def cut_of(cv: float) -> float:
    """Find by bisection where to cut off a standard normal distribution to get this cv: the cut grows with it."""
    low, high = CUTS
    for _ in range(HALVINGS):
        cut = (low + high) / 2
        rate = hazard(cut)
        if 1 + cut * rate - rate**2 < (cv * (rate - cut)) ** 2:
            low = cut
        else:
            high = cut
    return (low + high) / 2
