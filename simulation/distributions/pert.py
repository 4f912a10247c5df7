from dataclasses import dataclass
from random import Random

import numpy as np

from simulation.distributions.base import Array, Generator, by_column
from simulation.distributions.triangular import check_order

WEIGHT = 4.0  # of the mode in the mean


@dataclass(frozen=True)
class Pert:
    """A beta distribution from the shortest, usual and longest times, with the mean (low + 4 mode + high) / 6."""

    low: float
    mode: float
    high: float

    def __post_init__(self) -> None:
        check_order(self.low, self.mode, self.high)

    @property
    def mean(self) -> float:
        return (self.low + WEIGHT * self.mode + self.high) / (WEIGHT + 2)

    @property
    def variance(self) -> float:
        alpha, beta = self.alpha_and_beta
        return (self.high - self.low) ** 2 * alpha * beta / ((alpha + beta) ** 2 * (alpha + beta + 1))

    @property
    def alpha_and_beta(self) -> tuple[float, float]:
        width = self.high - self.low
        return 1 + WEIGHT * (self.mode - self.low) / width, 1 + WEIGHT * (self.high - self.mode) / width

    def one(self, random: Random) -> float:
        return self.low + (self.high - self.low) * random.betavariate(*self.alpha_and_beta)

    def many(self, random: Generator, shape: tuple[int, ...]) -> Array:
        return self.low + (self.high - self.low) * random.beta(*self.alpha_and_beta, shape)

    def remaining(self, random: Generator, elapsed: Array, rows: int) -> Array:
        width = self.high - self.low

        def draw(seconds: float) -> Array:
            most = min(1.0, (self.high - seconds) / width)  # what can be left, as a share of the width
            if most <= 0:
                return np.zeros(rows)
            return self.high - seconds - width * self._short_of_the_end(random, most, rows)

        return by_column(elapsed, rows, draw)

    def _short_of_the_end(self, random: Generator, most: float, count: int) -> Array:
        """Draw Y = 1 - X, given Y < most, by rejection from a density like y^(beta - 1).

        At least one in ten is taken.
        """
        alpha, beta = self.alpha_and_beta
        found: list[Array] = []
        while sum(part.size for part in found) < count:
            y = most * random.random(4 * count) ** (1 / beta)
            found.append(y[random.random(y.size) < (1 - y) ** (alpha - 1)])
        return np.concatenate(found)[:count]
