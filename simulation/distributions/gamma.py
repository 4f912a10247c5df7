import math
from dataclasses import dataclass
from random import Random

import numpy as np

from simulation.distributions.base import Array, Generator, Impossible, by_column


@dataclass(frozen=True)
class Gamma:
    """A sum of small steps. With a spread of mean / √k it is the Erlang distribution of k steps."""

    mean: float
    spread: float

    def __post_init__(self) -> None:
        if self.spread <= 0:
            raise Impossible("cv", "A gamma time needs a spread above 0.")

    @classmethod
    def erlang(cls, mean: float, k: int) -> "Gamma":
        return cls(mean, mean / math.sqrt(k))

    @property
    def variance(self) -> float:
        return self.spread**2

    @property
    def shape_and_scale(self) -> tuple[float, float]:
        return (self.mean / self.spread) ** 2, self.spread**2 / self.mean

    def one(self, random: Random) -> float:
        return random.gammavariate(*self.shape_and_scale)

    def many(self, random: Generator, shape: tuple[int, ...]) -> Array:
        alpha, scale = self.shape_and_scale
        return random.standard_gamma(alpha, shape) * scale

    def remaining(self, random: Generator, elapsed: Array, rows: int) -> Array:
        alpha, scale = self.shape_and_scale
        return by_column(elapsed, rows, lambda seconds: _beyond(random, alpha, seconds / scale, rows)) * scale


def _beyond(random: Generator, alpha: float, least: float, count: int) -> Array:
    """Draw X - least of a standard gamma distribution, given X > least, by rejection: from the distribution itself
    where that is likely enough, otherwise from an exponential tail that lies above it."""
    plain = least <= max(alpha, 1.0) if alpha >= 1 else least < alpha
    rate = 1.0 if alpha < 1 or plain else 1 - (alpha - 1) / least
    found: list[Array] = []
    while sum(part.size for part in found) < count:
        if plain:
            draws = random.standard_gamma(alpha, 2 * count) - least
            found.append(draws[draws > 0])
        else:
            over = random.standard_exponential(2 * count) / rate
            ratio = over / least
            log_chance = (alpha - 1) * (np.log1p(ratio) - (ratio if alpha >= 1 else 0.0))
            found.append(over[np.log1p(-random.random(over.size)) <= log_chance])
    return np.concatenate(found)[:count]
