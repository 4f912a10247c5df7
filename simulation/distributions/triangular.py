from dataclasses import dataclass
from random import Random

import numpy as np

from simulation.distributions.base import Array, Generator, Impossible


def check_order(low: float, mode: float, high: float) -> None:
    if not low < high:
        raise Impossible("high", "high must be above low.")
    if not low <= mode <= high:
        raise Impossible("mode", "mode must be between low and high.")


@dataclass(frozen=True)
class Triangular:
    """A density with straight lines between the shortest, the usual and the longest time."""

    low: float
    mode: float
    high: float

    def __post_init__(self) -> None:
        check_order(self.low, self.mode, self.high)

    @property
    def mean(self) -> float:
        return (self.low + self.mode + self.high) / 3

    @property
    def variance(self) -> float:
        below, above = self.mode - self.low, self.high - self.mode
        return (below**2 + below * above + above**2) / 18

    def one(self, random: Random) -> float:
        return random.triangular(self.low, self.high, self.mode)

    def many(self, random: Generator, shape: tuple[int, ...]) -> Array:
        return self._exceeded_with(1 - random.random(shape))

    def remaining(self, random: Generator, elapsed: Array, rows: int) -> Array:
        chances = self._chance_to_exceed(elapsed) * (1 - random.random((rows, elapsed.size)))
        return np.maximum(self._exceeded_with(chances) - elapsed, 0.0)

    def _chance_to_exceed(self, seconds: Array) -> Array:
        width, rising, falling = self.high - self.low, self.mode - self.low, self.high - self.mode
        rise = np.clip(seconds - self.low, 0.0, rising) ** 2 / (width * (rising or 1.0))
        fall = np.clip(self.high - seconds, 0.0, falling) ** 2 / (width * (falling or 1.0))
        return np.where(seconds < self.mode, 1 - rise, fall)

    def _exceeded_with(self, chances: Array) -> Array:
        width = self.high - self.low
        rising = self.low + np.sqrt((1 - chances) * width * (self.mode - self.low))
        falling = self.high - np.sqrt(chances * width * (self.high - self.mode))
        return np.where(chances * width > self.high - self.mode, rising, falling)
