"""Estimates with 95 % confidence intervals, over replications or over batches of one long run.

A mean over orders is a ratio of two sums over the replications, all seconds by all orders: the mean of the
replications' own means would weigh days instead of orders. Its interval is the ratio estimator's, that of the mean of
(above - ratio * below) / mean(below). Two ratios on common random numbers are compared by the differences of these.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# The 97.5 % points of Student's t for 1 to 10 degrees of freedom
_FEW = (12.706205, 4.302653, 3.182446, 2.776445, 2.570582, 2.446912, 2.364624, 2.306004, 2.262157, 2.228139)


@lru_cache(maxsize=256)
def student(freedom: int) -> float:
    """Return the 97.5 % point of Student's t; beyond 10 by the expansion of Abramowitz and Stegun, 26.7.5, to 1e-4."""
    if freedom <= len(_FEW):
        return _FEW[freedom - 1]
    z = NormalDist().inv_cdf(0.975)
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / freedom + second / freedom**2 + third / freedom**3


@dataclass(frozen=True)
class Estimate:
    """A value and the half-width of its 95 % interval; nan where there is nothing to estimate it from."""

    value: float
    half_width: float

    @property
    def is_known(self) -> bool:
        return not math.isnan(self.value)

    @property
    def is_sure(self) -> bool:
        """True if the interval excludes 0."""
        return abs(self.value) > self.half_width

    def as_dict(self, digits: int | None = None) -> dict[str, float | None]:
        """Return plain JSON, which has no nan."""
        return {"value": plain(self.value, digits), "half_width": plain(self.half_width, digits)}


UNKNOWN = Estimate(math.nan, math.nan)


def plain(value: Any, digits: int | None = None) -> float | None:
    """Return a number for JSON, rounded; None if it is not finite."""
    if not math.isfinite(value):
        return None
    return float(value) if digits is None else round(float(value), digits)


def half_width(values: Array) -> float:
    """Return the half-width of the mean of independent values; nan if there are fewer than two."""
    if len(values) < 2:
        return math.nan
    return student(len(values) - 1) * float(np.std(values, ddof=1)) / math.sqrt(len(values))


def ratio(above: Array, below: Array) -> Estimate:
    """Estimate the ratio of two sums over the replications, such as all seconds by all orders."""
    return Estimate(*_interval(*_linear(above, below))) if below.sum() else UNKNOWN


def difference(above: Array, below: Array, other_above: Array, other_below: Array) -> Estimate:
    """Estimate one ratio minus another on the same replications: what they have in common does not count as chance."""
    if not below.sum() or not other_below.sum():
        return UNKNOWN
    value, around = _linear(above, below)
    other, other_around = _linear(other_above, other_below)
    return Estimate(*_interval(value - other, around - other_around))


def _linear(above: Array, below: Array) -> tuple[float, Array]:
    total = below.sum()
    value = float(above.sum() / total)
    return value, (above - value * below) / (total / len(below))


def _interval(value: float, around: Array) -> tuple[float, float]:
    """Take the deviation from 0, as `around` averages 0 by construction."""
    if len(around) < 2:
        return value, math.nan
    deviation = math.sqrt(float((around**2).sum()) / (len(around) - 1))
    return value, student(len(around) - 1) * deviation / math.sqrt(len(around))


def follow_each_other(values: Array) -> bool:
    """True if batches are too short to be independent: their lag-1 autocorrelation is beyond 2 standard errors."""
    around = values - values.mean()
    variance = float((around**2).sum())
    return variance > 0 and float((around[1:] * around[:-1]).sum()) / variance > 2 / math.sqrt(len(values))
