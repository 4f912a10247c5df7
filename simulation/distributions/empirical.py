import math
from dataclasses import dataclass
from random import Random

import numpy as np

from simulation.distributions.base import Array, Generator


@dataclass(frozen=True)
class Empirical:
    """One of the observed times, each equally likely."""

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        return math.fsum(self.values) / len(self.values)

    @property
    def variance(self) -> float:
        return math.fsum((value - self.mean) ** 2 for value in self.values) / len(self.values)

    def one(self, random: Random) -> float:
        return random.choice(self.values)

    def many(self, random: Generator, shape: tuple[int, ...]) -> Array:
        return np.array(self.values)[random.integers(len(self.values), size=shape)]

    def remaining(self, random: Generator, elapsed: Array, rows: int) -> Array:
        rising = np.sort(self.values)
        first = np.searchsorted(rising, elapsed, side="right")
        chosen = first + np.floor(random.random((rows, elapsed.size)) * (rising.size - first)).astype(np.intp)
        return np.maximum(rising[np.minimum(chosen, rising.size - 1)] - elapsed, 0.0)
