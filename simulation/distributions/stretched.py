from dataclasses import dataclass
from random import Random

from simulation.distributions.base import Array, Distribution, Generator, Impossible


@dataclass(frozen=True)
class Stretched:
    """Another distribution with every time multiplied by `factor`."""

    inner: Distribution
    factor: float

    @property
    def mean(self) -> float:
        return self.inner.mean * self.factor

    @property
    def variance(self) -> float:
        return self.inner.variance * self.factor**2

    def one(self, random: Random) -> float:
        return self.inner.one(random) * self.factor

    def many(self, random: Generator, shape: tuple[int, ...]) -> Array:
        return self.inner.many(random, shape) * self.factor

    def remaining(self, random: Generator, elapsed: Array, rows: int) -> Array:
        return self.inner.remaining(random, elapsed / self.factor, rows) * self.factor


def stretched(distribution: Distribution, mean: float) -> Distribution:
    """Stretch a distribution to this mean."""
    if distribution.mean <= 0:
        raise Impossible("parameters", "The mean must be above 0.")
    factor = mean / distribution.mean
    return distribution if factor == 1 else Stretched(distribution, factor)
