import math
from dataclasses import dataclass
from functools import cached_property
from random import Random

import numpy as np

from simulation.distributions.base import Array, Generator, Impossible
from simulation.distributions.fixed import Fixed
from simulation.distributions.quantiles import normal_beyond


@dataclass(frozen=True)
class Lognormal:
    """Work by hand: never below zero, occasionally long.

    With cv = spread / mean: sigma² = ln(1 + cv²), mu = ln(mean) - sigma² / 2 (the moments of exp(N(mu, sigma²))).
    """

    mean: float
    spread: float

    @property
    def variance(self) -> float:
        return self.spread**2

    @cached_property
    def mu_and_sigma(self) -> tuple[float, float]:
        sigma_squared = math.log1p((self.spread / self.mean) ** 2)
        return math.log(self.mean) - sigma_squared / 2, math.sqrt(sigma_squared)

    def one(self, random: Random) -> float:
        return random.lognormvariate(*self.mu_and_sigma)

    def many(self, random: Generator, shape: tuple[int, ...]) -> Array:
        mu, sigma = self.mu_and_sigma
        draws = random.standard_normal(shape)
        draws *= sigma
        draws += mu
        return np.exp(draws, out=draws)

    def remaining(self, random: Generator, elapsed: Array, rows: int) -> Array:
        mu, sigma = self.mu_and_sigma
        if sigma == 0:
            return Fixed(self.mean).remaining(random, elapsed, rows)
        least = [(math.log(seconds) - mu) / sigma if seconds > 0 else -math.inf for seconds in elapsed]
        normal = normal_beyond(random, np.array(least), rows)
        return np.maximum(np.exp(mu + sigma * normal) - elapsed, 0.0)


@dataclass(frozen=True)
class ShiftedLognormal:
    """Work that takes at least `shift` seconds plus a lognormal time: the way to the door, then the stairs."""

    shift: float
    mean: float
    spread: float

    def __post_init__(self) -> None:
        if not self.shift < self.mean:
            raise Impossible("shift", "shift must be below the mean.")

    @property
    def variance(self) -> float:
        return self.spread**2

    @property
    def above(self) -> Lognormal:
        """Return the distribution of the time beyond the shift."""
        return Lognormal(self.mean - self.shift, self.spread)

    def one(self, random: Random) -> float:
        return self.shift + self.above.one(random)

    def many(self, random: Generator, shape: tuple[int, ...]) -> Array:
        return self.shift + self.above.many(random, shape)

    def remaining(self, random: Generator, elapsed: Array, rows: int) -> Array:
        beyond = np.maximum(elapsed - self.shift, 0.0)
        return self.above.remaining(random, beyond, rows) + np.maximum(self.shift - elapsed, 0.0)
