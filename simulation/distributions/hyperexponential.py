import math
from dataclasses import dataclass
from random import Random

import numpy as np

from simulation.distributions.base import Array, Generator, Impossible, by_column


@dataclass(frozen=True)
class Hyperexponential:
    """A mixture of exponential distributions: a short job or a long one."""

    chances: tuple[float, ...]  # relative to each other
    means: tuple[float, ...]

    @classmethod
    def mixed(cls, p: tuple[float, ...], means: tuple[float, ...]) -> "Hyperexponential":
        check_chances(p, len(means), "means")
        return cls(p, means)

    @classmethod
    def balanced(cls, mean: float, spread: float) -> "Hyperexponential":
        """Mix two exponential distributions, each of which brings half of all work."""
        squared = (spread / mean) ** 2
        if squared < 1:
            raise Impossible("cv", "A hyperexponential time needs a spread of at least the mean.")
        first = (1 + math.sqrt((squared - 1) / (squared + 1))) / 2
        return cls((first, 1 - first), (mean / (2 * first), mean / (2 * (1 - first))))

    @property
    def mean(self) -> float:
        return sum(p * mean for p, mean in zip(self.chances, self.means, strict=True)) / sum(self.chances)

    @property
    def variance(self) -> float:
        squares = sum(p * mean**2 for p, mean in zip(self.chances, self.means, strict=True)) / sum(self.chances)
        return 2 * squares - self.mean**2

    def one(self, random: Random) -> float:
        return random.expovariate(1 / random.choices(self.means, self.chances)[0])

    def many(self, random: Generator, shape: tuple[int, ...]) -> Array:
        chances = np.cumsum(self.chances)
        draws = random.random((*shape, 2))
        branch = np.searchsorted(chances, draws[..., 0] * chances[-1], side="right")
        means: Array = np.array(self.means)[np.minimum(branch, len(self.means) - 1)]
        return -np.log1p(-draws[..., 1]) * means

    def remaining(self, random: Generator, elapsed: Array, rows: int) -> Array:
        return by_column(elapsed, rows, lambda seconds: self._after(seconds).many(random, (rows,)))

    def _after(self, seconds: float) -> "Hyperexponential":
        """Return the distribution of what is left: the chances change (Bayes), each component is memoryless."""
        logs = [
            math.log(p) - seconds / mean if p > 0 else -math.inf
            for p, mean in zip(self.chances, self.means, strict=True)
        ]
        return Hyperexponential(tuple(math.exp(value - max(logs)) for value in logs), self.means)


def check_chances(p: tuple[float, ...], number: int, of: str) -> None:
    if len(p) != number:
        raise Impossible("p", f"p must have as many numbers as {of}: {number}.")
    if abs(math.fsum(p) - 1) > 1e-6:
        raise Impossible("p", "p must add up to 1.")
