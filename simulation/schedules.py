"""Capacity over time: an oven that breaks at 19:00, a driver who comes at six.

A station has a number of places from one moment to the next, as the live kitchen counts them: work begins while fewer
orders are at work than there are places, and a place that goes finishes what it has in hand. Exact, and all
replications at once: first come first served means that work begins in the order of coming, and fewer than c orders
are at work at t if the c-th latest end so far is not after t.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Seconds = NDArray[np.float64]
Changes = Sequence[tuple[float, int]]  # (seconds, places from then on), rising


class Schedule:
    """The places of one station over time, and who has taken them so far; from one chunk of orders to the next.

    In the end there must be a place, or the last orders begin at inf.
    """

    def __init__(self, rows: int, places: int, changes: Changes) -> None:
        moments = [-np.inf, *(moment for moment, _ in changes), np.inf]
        counts = [places, *(count for _, count in changes)]
        self.shifts = [shift for shift in zip(moments, moments[1:], counts, strict=False) if shift[2]]
        self.latest = np.full((rows, max(counts)), -np.inf)  # ends, falling, as many as there are ever places
        self.last = np.full(rows, -np.inf)  # when the last one began

    def occupy(self, ends: Seconds) -> None:
        """Places are taken until `ends`, (rows, orders), even if these are more than there are."""
        latest = np.concatenate([self.latest, ends], axis=1)
        latest[:, ::-1].sort(axis=1)
        self.latest = latest[:, : self.latest.shape[1]]

    def begin(self, arrivals: Seconds, services: Seconds) -> Seconds:
        """When each begins, (rows, orders) in the order of coming; inf is nobody."""
        starts = np.full(arrivals.shape[::-1], np.inf)
        for arrival, seconds, start in zip(arrivals.T, services.T, starts, strict=True):
            least = np.maximum(arrival, self.last)
            for since, until, count in reversed(self.shifts):
                moment = np.maximum(np.maximum(least, since), self.latest[:, count - 1])
                np.copyto(start, moment, where=moment < until)
            here = np.isfinite(start)
            np.copyto(self.last, start, where=here)
            np.maximum(self.latest[:, -1], start + seconds, out=self.latest[:, -1], where=here)
            self.latest[:, ::-1].sort(axis=1)
        return np.ascontiguousarray(starts.T)
