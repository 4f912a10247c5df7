"""Correct the next promises by the last ones, so that an interval holds as often as it should.

The model gives three numbers, (low, median, high), and later the order comes after `actual` seconds. Two things are
learned from the newest of these.

The level: the median of actual time / predicted median. Work that has become slower everywhere stretches everything
by the same factor, so the interval is multiplied by it first.

The marks: each actual time is put on its interval's own scale, z = -1 at low, 0 at the median, +1 at high, linear on
each side and extended beyond both ends. If the model is right, 5 % of the z are below -1, half are below 0 and 5 % are
above +1. If not, the z of the last orders say where these marks should have been, and the next interval uses those.

The second is split conformal prediction with a score that is normalised by the predicted spread and with its own
quantile for each end (Romano, Patterson, Candès: Conformalized Quantile Regression, NeurIPS 2019, theorem 2), over a
window that rolls, so that it follows a kitchen that drifts. Plain numbers in, plain numbers out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor
from statistics import median

COVERAGE = 0.9
WINDOW = 500  # outcomes
FEWEST = 100  # outcomes; with fewer, the model is not corrected
# A share of the median: no side of an interval counts as shorter, or a fixed kitchen would have no scale.
SHORTEST_SIDE = 0.01

Interval = tuple[float, float, float]


@dataclass(frozen=True)
class Correction:
    """A factor on all three numbers, then the marks of the ends and the middle on the interval's own scale."""

    level: float = 1.0
    low: float = -1.0
    median: float = 0.0
    high: float = 1.0

    def apply(self, interval: Interval) -> Interval:
        """Return (low, median, high) in seconds from now; never before now."""
        if self == NONE:
            return interval
        low, middle, high = (
            max(0.0, self.level * _seconds(mark, interval)) for mark in (self.low, self.median, self.high)
        )
        return low, middle, high


NONE = Correction()


def learn(outcomes: Sequence[tuple[Interval, float]]) -> Correction:
    """Learn from what the model said, uncorrected, and what came: at most the newest WINDOW. NONE if too few."""
    n = len(outcomes)
    if n < FEWEST:
        return NONE
    level = median(actual / max(interval[1], 1e-6) for interval, actual in outcomes)
    if level <= 0:
        return NONE
    marks = sorted(_mark(interval, actual / level) for interval, actual in outcomes)
    tail = (1 - COVERAGE) / 2
    lowest = max(1, floor((n + 1) * tail))
    highest = min(n, ceil((n + 1) * (1 - tail)))
    return Correction(level, marks[lowest - 1], median(marks), marks[highest - 1])


def _mark(interval: Interval, actual: float) -> float:
    below, above = _sides(interval)
    off = actual - interval[1]
    return off / (below if off < 0 else above)


def _seconds(mark: float, interval: Interval) -> float:
    below, above = _sides(interval)
    return interval[1] + mark * (below if mark < 0 else above)


def _sides(interval: Interval) -> tuple[float, float]:
    low, middle, high = interval
    shortest = max(SHORTEST_SIDE * middle, 1e-6)
    return max(middle - low, shortest), max(high - middle, shortest)
