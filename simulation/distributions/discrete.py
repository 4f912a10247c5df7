import math
from dataclasses import dataclass
from random import Random

import numpy as np

from simulation.distributions.base import Array, Generator
from simulation.distributions.hyperexponential import check_chances


@dataclass(frozen=True)
class Discrete:
    """One of a few times, each with a chance of its own."""

    values: tuple[float, ...]
    p: tuple[float, ...]

    def __post_init__(self) -> None:
        check_chances(self.p, len(self.values), "values")

    @property
    def mean(self) -> float:
        return math.fsum(p * value for p, value in zip(self.p, self.values, strict=True)) / math.fsum(self.p)

    @property
    def variance(self) -> float:
        squares = math.fsum(p * (value - self.mean) ** 2 for p, value in zip(self.p, self.values, strict=True))
        return squares / math.fsum(self.p)

    def one(self, random: Random) -> float:
        return random.choices(self.values, self.p)[0]

    def many(self, random: Generator, shape: tuple[int, ...]) -> Array:
        return self._beyond(random, np.array([-np.inf]), math.prod(shape))[:, 0].reshape(shape)

    def remaining(self, random: Generator, elapsed: Array, rows: int) -> Array:
        return np.maximum(self._beyond(random, elapsed, rows) - elapsed, 0.0)

    def _beyond(self, random: Generator, least: Array, rows: int) -> Array:
        """Draw values above `least`; a smaller one where there is none, so nothing is left."""
        order = np.argsort(self.values, kind="stable")
        rising, chances = np.array(self.values)[order], np.array(self.p)[order]
        tails = np.append(np.cumsum(chances[::-1])[::-1], 0.0)  # the chance of each value or a larger one
        drawn = random.random((rows, least.size)) * tails[np.searchsorted(rising, least, side="right")]
        above = np.searchsorted(tails[-2::-1], drawn, side="right")  # how many values are larger
        values: Array = rising[rising.size - 1 - above]
        return values
