import math
from dataclasses import dataclass
from functools import lru_cache
from random import Random

import numpy as np

from simulation.distributions.base import Array, Generator, Impossible

LEAST_CV, MOST_CV = 0.01, 10.0
SHAPES = (0.1, 1000.0)  # of cvs far beyond those
HALVINGS = 100


@dataclass(frozen=True)
class Weibull:
    """Work that becomes likelier to end (shape above 1) or less likely (below) the longer it has gone on."""

    mean: float
    spread: float

    def __post_init__(self) -> None:
        if not LEAST_CV * self.mean <= self.spread <= MOST_CV * self.mean:
            raise Impossible("cv", f"A Weibull time needs a spread of {LEAST_CV:g} to {MOST_CV:g} means.")

    @property
    def variance(self) -> float:
        return self.spread**2

    @property
    def shape_and_scale(self) -> tuple[float, float]:
        shape = shape_of(self.spread / self.mean)
        return shape, self.mean / math.exp(math.lgamma(1 + 1 / shape))

    def one(self, random: Random) -> float:
        shape, scale = self.shape_and_scale
        return random.weibullvariate(scale, shape)

    def many(self, random: Generator, shape: tuple[int, ...]) -> Array:
        power, scale = self.shape_and_scale
        draws: Array = scale * random.standard_exponential(shape) ** (1 / power)
        return draws

    def remaining(self, random: Generator, elapsed: Array, rows: int) -> Array:
        """Draw the residual time: T^shape is exponential, so what is left of it is memoryless."""
        power, scale = self.shape_and_scale
        more = random.standard_exponential((rows, elapsed.size))
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):  # of 0 s, which has its own formula
            left = elapsed * np.expm1(np.log1p(more / (elapsed / scale) ** power) / power)
        return np.where(elapsed > 0, left, scale * more ** (1 / power))


@lru_cache(maxsize=256)
def shape_of(cv: float) -> float:
    """Solve 1 + cv² = Γ(1 + 2 / shape) / Γ(1 + 1 / shape)² by bisection: the cv falls with the shape."""
    wanted = math.log1p(cv**2)
    low, high = SHAPES
    for _ in range(HALVINGS):
        middle = math.sqrt(low * high)
        if math.lgamma(1 + 2 / middle) - 2 * math.lgamma(1 + 1 / middle) > wanted:
            low = middle
        else:
            high = middle
    return math.sqrt(low * high)
