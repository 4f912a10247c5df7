from dataclasses import dataclass
from random import Random

from simulation.distributions.base import Array, Generator


@dataclass(frozen=True)
class Exponential:
    """Memoryless; its standard deviation is its mean, whatever `spread` says."""

    mean: float
    spread: float = 0.0

    @property
    def variance(self) -> float:
        return self.mean**2

    def one(self, random: Random) -> float:
        return random.expovariate(1 / self.mean)

    def many(self, random: Generator, shape: tuple[int, ...]) -> Array:
        return random.standard_exponential(shape) * self.mean

    def remaining(self, random: Generator, elapsed: Array, rows: int) -> Array:
        return self.many(random, (rows, elapsed.size))
