"""Compute when work begins where the capacity changes: an oven that breaks at 19:00, a driver who comes at six.

The station has a capacity from one moment to the next, counted as in the live kitchen: work begins while fewer orders
are at work than the capacity, and a place that is taken away first finishes its order. This is exact. First come,
first served means that work begins in the order of arrival, and fewer than c orders are at work at a moment if the
c-th latest end so far is not after it.
"""

from bisect import insort
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Changes = Sequence[tuple[float, int]]  # (seconds, capacity from then on), in the order of time


class Shift(NamedTuple):
    since: float
    until: float
    capacity: int


def shifts_of(capacity: int, changes: Changes) -> tuple[Shift, ...]:
    """Return the stretches of time with a constant capacity above 0."""
    moments = [-np.inf, *(seconds for seconds, _ in changes), np.inf]
    counts = [capacity, *(count for _, count in changes)]
    stretches = zip(pairwise(moments), counts, strict=True)
    return tuple(Shift(since, until, count) for (since, until), count in stretches if count and since < until)


def begin_in_shifts(
    arrivals: Array, services: Array, ends: Array, last: Array, shifts: Sequence[Shift], few_rows: int
) -> Array:
    """Return when each order begins, (rows, n); inf if there is never a place for it.

    ends: (rows, largest capacity), the latest ends so far, rising. last: (rows,), the last start.
    """
    rows, number = arrivals.shape
    if not number or not shifts:
        return np.full_like(arrivals, np.inf)
    if rows <= few_rows:
        starts = np.empty_like(arrivals)
        for row in range(rows):
            columns = (arrivals[row].tolist(), services[row].tolist(), ends[row].tolist())
            starts[row] = _row_in_shifts(*columns, float(last[row]), shifts)
        return starts
    came, work = (np.ascontiguousarray(array.T) for array in (arrivals, services))
    latest = ends.T.copy()  # it is written to, and a single place is contiguous already
    reached = float(np.maximum(came[0], last).min())
    still = [shift for shift in shifts if shift.until > reached]
    return np.ascontiguousarray(_all_in_shifts(came, work, latest, last, still).T)


def _row_in_shifts(
    came: list[float], work: list[float], ends: list[float], last: float, shifts: Sequence[Shift]
) -> list[float]:
    """Go through the shifts once: one that has ended for an order has ended for all later orders."""
    starts, still = [], iter(shifts)
    since, until, capacity = next(still)
    start = last
    for arrival, service in zip(came, work, strict=True):
        least = arrival if arrival > start else start
        while (start := max(least, since, ends[-capacity])) >= until:
            shift = next(still, None)
            if shift is None:
                start = np.inf
                break
            since, until, capacity = shift
        starts.append(start)
        insort(ends, start + service)
        del ends[0]
    return starts


def _all_in_shifts(came: Array, work: Array, latest: Array, last: Array, shifts: Sequence[Shift]) -> Array:
    """Advance by one order at each step; arrays are (orders, rows), the latest ends (places, rows)."""
    starts = np.empty_like(came)
    lower = np.empty_like(latest)
    for arrival, service, start in zip(came, work, starts, strict=True):
        least = np.maximum(arrival, last)
        start[:] = np.inf
        for since, until, capacity in reversed(shifts):
            moment = np.maximum(np.maximum(least, since), latest[-capacity])
            np.copyto(start, moment, where=moment < until)
        last = start
        np.add(start, service, out=lower[-1])
        np.minimum(latest[1:], lower[-1], out=lower[:-1])
        np.maximum(latest[1:], lower[1:], out=latest[1:])
        latest[0] = lower[0]
    return starts
