"""Compute when work begins at a station where some are rushed: these go before all others in its line.

Nobody loses a place to a rushed one (non-preemptive), and among those of the same rank the first to come is served
first. Work still begins in the order of time, so the c-th latest end tells when a place is free, as in
simulation.schedules; but who begins is only known at that moment. Hence a loop over lists, row by row: it is for the
rows in which somebody is rushed, the others are served first come, first served.
"""

from bisect import insort
from collections.abc import Iterator, Sequence
from heapq import heappop, heappush

import numpy as np
from numpy.typing import NDArray

from simulation.schedules import Shift

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]


def begin_with_rush(
    arrivals: Array, services: Array, rushed: Flags, ends: Array, last: Array, shifts: Sequence[Shift]
) -> Array:
    """Return when each order begins, (rows, n); inf if there is never a place for it.

    arrivals: rising in each row; of those that come at the same moment the first column goes first. ends: (rows,
    largest capacity), the latest ends so far, rising. last: (rows,), the last start.
    """
    starts = np.full_like(arrivals, np.inf)
    for row in range(len(arrivals)):
        line = _Line(arrivals[row].tolist(), rushed[row].tolist())
        places = _Places(ends[row].tolist(), float(last[row]), shifts)
        work = services[row].tolist()
        for column, start in _serve(line, places, work):
            starts[row, column] = start
    return starts


class _Line:
    """Those who have come and wait: rushed ones first, then in the order of their columns."""

    def __init__(self, came: list[float], rushed: list[bool]) -> None:
        self.came, self.rushed = came, rushed
        self.next = 0  # the column that comes next
        self.waiting = list[tuple[bool, int]]()

    def __len__(self) -> int:
        return len(self.came) - self.next + len(self.waiting)

    @property
    def next_arrival(self) -> float:
        return self.came[self.next] if self.next < len(self.came) else np.inf

    def let_in(self) -> None:
        heappush(self.waiting, (not self.rushed[self.next], self.next))
        self.next += 1

    def let_in_before(self, moment: float) -> None:
        """Let in those who come before a moment: of two at the same moment the completion comes before the arrival."""
        while self.next_arrival < moment:
            self.let_in()


class _Places:
    """When the places of a station become free."""

    def __init__(self, ends: list[float], last: float, shifts: Sequence[Shift]) -> None:
        self.ends, self.last, self.shifts = ends, last, list(shifts)

    def free_from(self, least: float) -> float:
        """Return the first moment not before `least`, and the last start, at which a place is free."""
        least = max(least, self.last)
        while self.shifts:
            since, until, capacity = self.shifts[0]
            moment = max(least, since, self.ends[-capacity])
            if moment < until:
                return moment
            self.shifts.pop(0)
        return np.inf

    def take(self, start: float, service: float) -> None:
        self.last = start
        insort(self.ends, start + service)
        del self.ends[0]


def _serve(line: _Line, places: _Places, services: Sequence[float]) -> Iterator[tuple[int, float]]:
    """Yield (column, start) in the order of the starts."""
    while len(line):
        if not line.waiting:
            least = line.next_arrival
            line.let_in()
            start = places.free_from(least)
        else:
            start = places.free_from(places.last)
        if start == np.inf:
            return
        line.let_in_before(start)
        _, column = heappop(line.waiting)
        yield column, start
        places.take(start, services[column])
