import math
from dataclasses import dataclass
from random import Random

import numpy as np

from simulation.distributions.base import Array, Generator, Impossible


@dataclass(frozen=True)
class Uniform:
    """All times between two ends are equally likely: mean ± √3 spread."""

    mean: float
    spread: float

    def __post_init__(self) -> None:
        half = math.sqrt(3) * self.spread
        if half > self.mean * (1 + 1e-9):
            raise Impossible("cv", f"A uniform time of {self.mean:g} ± {half:g} s would begin below 0.")

    @classmethod
    def between(cls, low: float, high: float) -> "Uniform":
        if high < low:
            raise Impossible("high", "high must not be below low.")
        return cls((low + high) / 2, (high - low) / math.sqrt(12))

    @property
    def variance(self) -> float:
        return self.spread**2

    @property
    def ends(self) -> tuple[float, float]:
        half = math.sqrt(3) * self.spread
        return max(self.mean - half, 0.0), self.mean + half

    def one(self, random: Random) -> float:
        return random.uniform(*self.ends)

    def many(self, random: Generator, shape: tuple[int, ...]) -> Array:
        low, high = self.ends
        return low + (high - low) * random.random(shape)

    def remaining(self, random: Generator, elapsed: Array, rows: int) -> Array:
        low, high = self.ends
        least = np.clip(elapsed, low, high)
        left = least + (high - least) * random.random((rows, elapsed.size)) - elapsed
        return np.maximum(left, 0.0)
