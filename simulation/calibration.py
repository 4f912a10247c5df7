"""Correct the next promises by the last ones, so that an interval holds as often as it should.

The model gives three numbers, (low, median, high), and later the order comes after `actual` seconds. Two things are
learned from the newest of these.

The level: the median of actual time / predicted median. Work that has become slower everywhere stretches everything
by the same factor, so the interval is multiplied by it first.

The marks: each actual time is put on its interval's own scale, z = -1 at low, 0 at the median, +1 at high, linear on
each side. If the model is right, 5 % of the z are below -1, half are below 0 and 5 % are above +1. If not, the z of
the last orders say where these marks should have been, and the next interval uses those.

Beyond both ends a unit of the scale is longer, by BEYOND of the median. That an oven failed and an order was an hour
late has nothing to do with how narrow its interval was; counted in its widths and multiplied by a wide one, it would
promise half a day (the constant that Papadopoulos, Gammerman and Vovk add to such a scale: Normalized nonconformity
measures for regression conformal prediction, AIA 2008).

In the rush a forecast errs in other ways than when it is calm, and in other ways for a big order than for a small one.
So an outcome can count by how alike what was predicted for it is to what is predicted now: the local weights of Guan
(Localized conformal prediction, Biometrika 2023).

The second is split conformal prediction with a score that is normalised by the predicted spread and with its own
quantile for each end (Romano, Patterson, Candès: Conformalized Quantile Regression, NeurIPS 2019, theorem 2), over a
window that rolls, so that it follows a kitchen that drifts. Plain numbers in, plain numbers out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log

import numpy as np
from numpy.typing import NDArray

COVERAGE = 0.9
WINDOW = 500  # outcomes
FEWEST = 100  # outcomes; with fewer, the model is not corrected
# A share of the median: no side of an interval counts as shorter, or a fixed kitchen would have no scale.
SHORTEST_SIDE = 0.01

ALIKE = 0.6  # how far apart predicted times are that still say much of each other, as a logarithm
FARTHEST = 10.0
STEP = 0.1
BEYOND = 0.3  # of the median: by how much a unit of the scale is longer beyond an end than on its side
NO_TIME = 1e-6  # seconds, where none would be divided by
SLACK = 1e-9  # for sums of weights that should be equal

Array = NDArray[np.float64]
Interval = tuple[float, float, float]


@dataclass(frozen=True)
class Correction:
    """A factor on all three numbers, then the marks of the ends and the middle on the interval's own scale."""

    level: float = 1.0
    low: float = -1.0
    median: float = 0.0
    high: float = 1.0
    beyond: float = BEYOND  # the scale on which the marks are

    def apply(self, interval: Interval) -> Interval:
        """Return (low, median, high) in seconds from now; never before now."""
        if self == NONE:
            return interval
        low, middle, high = (
            max(0.0, self.level * _seconds(mark, interval, self.beyond)) for mark in (self.low, self.median, self.high)
        )
        return low, middle, high


NONE = Correction()


class Lessons:
    """What the model said, uncorrected, and what came: at most the newest WINDOW."""

    def __init__(self, outcomes: Sequence[tuple[Interval, float]], beyond: float = BEYOND) -> None:
        self.intervals = np.array([interval for interval, _ in outcomes], dtype=np.float64).reshape(-1, 3)
        self.actual = np.array([seconds for _, seconds in outcomes], dtype=np.float64)
        self.middles = np.maximum(self.intervals[:, 1], NO_TIME)
        self.beyond = beyond
        self.learned: dict[int | None, Correction] = {}

    def correct(self, interval: Interval) -> Interval:
        """Correct what the model says now by the outcomes that are like it."""
        return self.correction(interval).apply(interval)

    def correction(self, like: Interval | None = None) -> Correction:
        """Return what the outcomes teach; NONE if they are too few.

        They count by how alike their interval was to `like`, in steps of STEP; without it all count alike.
        """
        step = None if like is None else round(log(max(like[1], NO_TIME)) / STEP)
        if step not in self.learned:
            self.learned[step] = self._learn(None if step is None else exp(step * STEP))
        return self.learned[step]

    def _learn(self, middle: float | None) -> Correction:
        if self.actual.size < FEWEST:
            return NONE
        weights = np.ones(self.actual.size) if middle is None else likeness(self.middles, middle)
        level = weighted_median(self.actual / self.middles, weights)
        if level <= 0:
            return NONE
        marks = _marks(self.intervals, self.actual / level, self.beyond)
        tail = (1 - COVERAGE) / 2
        low, high = (weighted_end(marks, weights, share) for share in (tail, 1 - tail))
        return Correction(level, low, weighted_median(marks, weights), high, self.beyond)


def likeness(middles: Array, middle: float) -> Array:
    """Return the weights of outcomes: what was to take twice as long says less of this one.

    They are worth FEWEST outcomes at least, from however far away those are: the ends of fewer are mere extremes.
    """
    apart, reach = np.log(middles / middle), ALIKE
    while reach < FARTHEST:
        weights: Array = np.exp(-((apart / reach) ** 2) / 2)
        if weights.sum() ** 2 >= FEWEST * (weights**2).sum() > 0:
            return weights
        reach *= 1.5
    return np.ones(middles.size)


def weighted_median(values: Array, weights: Array) -> float:
    order = np.argsort(values, kind="stable")
    sums = np.cumsum(weights[order])
    first, last = (np.searchsorted(sums, sums[-1] / 2 * (1 + slack)) for slack in (-SLACK, SLACK))
    return float(values[order[first]] + values[order[last]]) / 2


def weighted_end(values: Array, weights: Array, share: float) -> float:
    """Return the lower or upper end, so far outside that a new value, whose weight counts, is inside that often.

    Where all weights are the same, these are the values of rank (n + 1)·share, rounded outwards. A new one weighs as
    much as the others do on average, by their own weights (Tibshirani, Barber, Candès, Ramdas: Conformal Prediction
    Under Covariate Shift, NeurIPS 2019, whose test point has a weight, too).
    """
    order = np.argsort(values, kind="stable")
    sums = np.cumsum(weights[order])
    wanted = share * (sums[-1] + (weights**2).sum() / sums[-1])
    if share < 0.5:
        place = int(np.searchsorted(sums, wanted, side="right")) - 1
    else:
        place = int(np.searchsorted(sums, wanted, side="left"))
    return float(values[order[min(max(place, 0), values.size - 1)]])


def _marks(intervals: Array, actual: Array, beyond: float) -> Array:
    low, middle, high = intervals.T
    off = actual - middle
    apart = np.abs(off)
    side = np.maximum(np.where(off < 0, middle - low, high - middle), np.maximum(SHORTEST_SIDE * middle, NO_TIME))
    distances = np.minimum(apart / side, 1) + np.maximum(apart - side, 0) / (side + beyond * middle)
    marks: Array = np.sign(off) * distances
    return marks


def _seconds(mark: float, interval: Interval, beyond: float) -> float:
    low, middle, high = interval
    side = max(middle - low if mark < 0 else high - middle, SHORTEST_SIDE * middle, NO_TIME)
    apart = side * min(abs(mark), 1.0) + max(abs(mark) - 1.0, 0.0) * (side + beyond * middle)
    return middle - apart if mark < 0 else middle + apart
