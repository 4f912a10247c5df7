"""A value and how far it may be off: 95 % confidence intervals over replications, or over batches of one long run."""

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# The 97.5 % points of Student's t for 1 to 10 degrees of freedom
_FEW = (12.706205, 4.302653, 3.182446, 2.776445, 2.570582, 2.446912, 2.364624, 2.306004, 2.262157, 2.228139)


def student(freedom: int) -> float:
    """The 97.5 % point of Student's t; beyond 10 by the expansion of Abramowitz and Stegun, 26.7.5, to 1e-4."""
    if freedom <= len(_FEW):
        return _FEW[freedom - 1]
    z = NormalDist().inv_cdf(0.975)
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / freedom + second / freedom**2 + third / freedom**3


@dataclass(frozen=True)
class Estimate:
    """nan: there is nothing to estimate it from."""

    value: float
    half_width: float

    def as_dict(self) -> dict[str, float | None]:
        return {"value": plain(self.value), "half_width": plain(self.half_width)}


def plain(value: Any) -> float | None:
    """For JSON, which knows no nan."""
    return float(value) if math.isfinite(value) else None


def half_width(values: Array) -> float:
    """Of the mean of independent values; nan if they are fewer than two."""
    if len(values) < 2:
        return math.nan
    return student(len(values) - 1) * float(np.std(values, ddof=1)) / math.sqrt(len(values))


def over_replications(values: Array) -> Estimate:
    """The mean of what the replications say; those that say nothing (nan) are left out."""
    said = values[np.isfinite(values)]
    if not said.size:
        return Estimate(math.nan, math.nan)
    return Estimate(float(np.mean(said)), half_width(said))


def follow_each_other(values: Array) -> bool:
    """Whether batches are too short to be independent: their lag-1 autocorrelation is beyond 2 standard errors."""
    around = values - values.mean()
    variance = float((around**2).sum())
    return variance > 0 and float((around[1:] * around[:-1]).sum()) / variance > 2 / math.sqrt(len(values))
