"""Quantiles of the normal distribution: numpy has none, and scipy is not a dependency."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from simulation.distributions.base import Array, Generator

FAR = 37.0  # from here on a tail is below 1e-299, so its quantiles are not looked up
BELOW_ONE = 1 - 2**-53


def chance_above(value: float) -> float:
    """Return the chance that a standard normal draw is above `value`."""
    return math.erfc(value / math.sqrt(2)) / 2


def normal_beyond(random: Generator, least: Array, rows: int) -> Array:
    """Make standard normal draws above each of `least`, (values,): (rows, values)."""
    tails = np.array([max(chance_above(value), 1e-300) for value in least])
    chances = np.minimum(tails * (1 - random.random((rows, least.size))), BELOW_ONE)
    draws = -normal_quantile(chances)
    for column in np.flatnonzero(least > FAR):
        draws[:, column] = _far_beyond(random, float(least[column]), rows)
    return draws


def _far_beyond(random: Generator, least: float, count: int) -> Array:
    """Draw by rejection from a Rayleigh tail (Marsaglia, 1964): this far out nearly all are taken."""
    found: list[Array] = []
    while sum(part.size for part in found) < count:
        draws = np.sqrt(least**2 + 2 * random.standard_exponential(2 * count))
        found.append(draws[random.random(draws.size) * draws < least])
    return np.concatenate(found)[:count]


# Wichura's algorithm AS 241 (PPND16), Applied Statistics 37 (1988): relative error about 1e-16
_CENTRE = (
    (2509.0809287301226727, 33430.575583588128105, 67265.770927008700853, 45921.953931549871457,
     13731.693765509461125, 1971.5909503065514427, 133.14166789178437745, 3.387132872796366608),
    (5226.495278852854561, 28729.085735721942674, 39307.89580009271061, 21213.794301586595867,
     5394.1960214247511077, 687.1870074920579083, 42.313330701600911252, 1.0),
)  # fmt: skip
_NEAR = (
    (7.7454501427834140764e-4, 0.0227238449892691845833, 0.24178072517745061177, 1.27045825245236838258,
     3.64784832476320460504, 5.7694972214606914055, 4.6303378461565452959, 1.42343711074968357734),
    (1.05075007164441684324e-9, 5.475938084995344946e-4, 0.0151986665636164571966, 0.14810397642748007459,
     0.68976733498510000455, 1.6763848301838038494, 2.05319162663775882187, 1.0),
)  # fmt: skip
_FAR = (
    (2.01033439929228813265e-7, 2.71155556874348757815e-5, 0.0012426609473880784386, 0.026532189526576123093,
     0.29656057182850489123, 1.7848265399172913358, 5.4637849111641143699, 6.6579046435011037772),
    (2.04426310338993978564e-15, 1.4215117583164458887e-7, 1.8463183175100546818e-5, 7.868691311456132591e-4,
     0.0148753612908506148525, 0.13692988092273580531, 0.59983220655588793769, 1.0),
)  # fmt: skip


def normal_quantile(chances: ArrayLike) -> Array:
    """Return the values below which a standard normal draw stays with these chances, in (0, 1)."""
    p = np.asarray(chances, dtype=np.float64)
    q = p - 0.5
    root = np.sqrt(-np.log(np.minimum(p, 1 - p)))
    tails = np.where(root <= 5, _ratio(_NEAR, root - 1.6), _ratio(_FAR, root - 5))
    return np.where(np.abs(q) <= 0.425, q * _ratio(_CENTRE, 0.180625 - q * q), np.where(q < 0, -tails, tails))


def _ratio(coefficients: tuple[Sequence[float], Sequence[float]], x: Array) -> Array:
    above, below = (np.polyval(row, x) for row in coefficients)
    result: Array = above / below
    return result
