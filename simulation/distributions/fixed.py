from dataclasses import dataclass
from random import Random

import numpy as np

from simulation.distributions.base import Array, Generator


@dataclass(frozen=True)
class Fixed:
    """Always the mean: a belt or a timer."""

    mean: float
    spread: float = 0.0
    variance = 0.0

    def one(self, random: Random) -> float:
        return self.mean

    def many(self, random: Generator, shape: tuple[int, ...]) -> Array:
        return np.full(shape, self.mean)

    def remaining(self, random: Generator, elapsed: Array, rows: int) -> Array:
        return np.tile(np.maximum(self.mean - elapsed, 0.0), (rows, 1))
