"""A kitchen whose places change while it works: a second oven that breaks at 19:00, a driver who comes at six.

The simulator's stations have the same places all day. Here a station has so many places from one moment to the next,
as the live kitchen counts them: work begins while fewer orders are at work than there are places, and a place that
goes ends what it has in hand. Exact, and all replications at once: first come first served means that work begins in
the order of coming, and fewer than c orders are at work at t if the c-th latest end so far is not after t.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Seconds = NDArray[np.float64]
Changes = Sequence[tuple[float, int]]  # (seconds, places from then on), in the order of time


def forward(
    arrivals: Seconds, services: Sequence[Seconds], places: Sequence[tuple[int, Changes]], at_station: ArrayLike
) -> tuple[list[Seconds], list[Seconds], list[Seconds]]:
    """When each order reached each station, when its work began there, and when it ended.

    arrivals and each of services are (replications, orders); at_station has one number for each order: where it is at
    the beginning (0 for those that are to come). At stations before that it does nothing. Ties go to the lower column.
    """
    ready, starts, ends = [], [], []
    present = np.asarray(at_station)
    moment = arrivals
    for number, (service, (count, changes)) in enumerate(zip(services, places, strict=True)):
        here = present <= number
        start, end = moment.copy(), moment.copy()
        start[:, here], end[:, here] = station_forward(moment[:, here], service[:, here], count, changes)
        ready.append(moment)
        starts.append(start)
        ends.append(end)
        moment = end
    return ready, starts, ends


def station_forward(ready: Seconds, service: Seconds, places: int, changes: Changes = ()) -> tuple[Seconds, Seconds]:
    """When the work of each order begins and ends at one station, all (replications, orders).

    In the end there must be a place, or the last orders begin at inf.
    """
    rows, columns = ready.shape
    turn = np.argsort(ready, axis=1, kind="stable")
    coming = np.take_along_axis(ready, turn, axis=1).T.copy()
    work = np.take_along_axis(service, turn, axis=1).T.copy()
    moments = [-np.inf, *(at_seconds for at_seconds, _ in changes), np.inf]
    counts = [places, *(count for _, count in changes)]
    shifts = [shift for shift in zip(moments, moments[1:], counts, strict=False) if shift[2]]
    latest = np.full((rows, max(counts)), -np.inf)  # ends, falling in each row, as many as there are ever places
    begins = np.empty((columns, rows))
    last = np.full(rows, -np.inf)
    for arrival, seconds, begin in zip(coming, work, begins, strict=True):
        least = np.maximum(arrival, last)
        begin[:] = np.inf
        for since, until, count in reversed(shifts):
            moment = np.maximum(np.maximum(least, since), latest[:, count - 1])
            np.copyto(begin, moment, where=moment < until)
        last = begin
        latest[:, -1] = np.maximum(latest[:, -1], begin + seconds)
        latest[:, ::-1].sort(axis=1)
    start, end = np.empty_like(ready), np.empty_like(ready)
    np.put_along_axis(start, turn, begins.T, axis=1)
    np.put_along_axis(end, turn, (begins + work).T, axis=1)
    return start, end
