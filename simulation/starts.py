"""Compute when the work of each order begins at a station with a constant capacity, first come first served.

There are several algorithms with the same bits. Row by row over lists is fastest while the rows are few; with many of
them all rows advance by one order at each numpy step. Where no order can overtake, order n waits for order n -
capacity and for no other, so no place has to be searched for; and where few wait, a few passes over all orders do.

`free` holds the moments at which the places become free, (rows, places), rising in each row.
"""

import heapq
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

WAVES, LIGHT_LOAD = 20, 0.5  # beyond that a loop is faster


def begin(arrivals: Array, services: Array, free: Array, few_rows: int) -> Array:
    """Return when each order begins, (rows, n). Up to `few_rows` rows (in turns, half as many) it loops over lists."""
    rows, number = arrivals.shape
    if not number:
        return arrivals
    if _take_turns(arrivals, services, free):
        by_row, way = rows * free.shape[1] <= few_rows // 2, _row_in_turns
    else:
        by_row, way = rows <= few_rows, _row_with_heap
    if by_row:
        starts = _in_waves(arrivals, services, free) if way is _row_in_turns else None
        if starts is not None:
            return starts
        starts = np.empty_like(arrivals)
        for row in range(rows):
            begun = way(arrivals[row].tolist(), services[row].tolist(), free[row].tolist())
            starts[row] = np.fromiter(begun, dtype=np.float64, count=number)
        return starts
    came, work, places = (np.ascontiguousarray(array.T) for array in (arrivals, services, free))
    step_by_step = _in_turns if way is _row_in_turns else _with_sorted_places
    return np.ascontiguousarray(step_by_step(came, work, places).T)


def is_constant(services: Array) -> bool:
    """True if all of a table's numbers are one number that is stored once."""
    return not any(services.strides)


def _take_turns(arrivals: Array, services: Array, free: Array) -> bool:
    """True if no order can overtake: one place, or all need the same time and those at work at most that."""
    if free.shape[1] == 1:
        return True
    service = services[0, 0]
    if not (is_constant(services) or ((services[:, -1:] == service).all() and (services == service).all())):
        return False
    return bool((free[:, -1] <= np.maximum(arrivals[:, 0], free[:, 0]) + service).all())


def _in_waves(arrivals: Array, services: Array, free: Array) -> Array | None:
    """Let each order begin at its arrival, then each wait for the one before it, until that changes nothing.

    It takes as many waves as the longest chain of orders that wait for each other has links; None if that is too long.
    """
    number, step = arrivals.shape[1], free.shape[1]
    starts = arrivals.copy()
    np.maximum(starts[:, :step], free[:, :number], out=starts[:, :step])
    first, then, came = starts[:, :-step], starts[:, step:], arrivals[:, step:]
    room = LIGHT_LOAD * step * arrivals
    if (services.mean(axis=1) * number + room[:, 0] > room[:, -1]).any():
        return None
    for _ in range(WAVES):
        later = np.maximum(came, first + services[:, :-step])
        if (later == then).all():
            return starts
        then[:] = later
    return None


def _row_in_turns(came: list[float], work: list[float], free: list[float]) -> Iterator[float]:
    ends = free
    for arrival, service, place_free in zip(came, work, ends, strict=False):  # `ends` grows meanwhile
        start = arrival if arrival > place_free else place_free
        yield start
        ends.append(start + service)


def _row_with_heap(came: list[float], work: list[float], free: list[float]) -> Iterator[float]:
    replace = heapq.heapreplace  # `free` is rising, so it is a heap
    for arrival, service in zip(came, work, strict=True):
        first = free[0]
        start = arrival if arrival > first else first
        yield start
        replace(free, start + service)


# All rows at once: here arrays are (orders, rows), and places (places, rows)


def _in_turns(came: Array, work: Array, places: Array) -> Array:
    """Advance by as many orders at once as there are places."""
    starts = np.empty_like(came)
    number, step, width = len(came), len(places), places.size
    whole = number - number % step
    free = places.ravel().copy()
    blocks = (array[:whole].reshape(-1, width) for array in (came, work, starts))
    for arrivals, services, begins in zip(*blocks, strict=True):
        np.maximum(arrivals, free, out=begins)
        np.add(begins, services, out=free)
    np.maximum(came[whole:], free.reshape(places.shape)[: number - whole], out=starts[whole:])
    return starts


def _with_sorted_places(came: Array, work: Array, places: Array) -> Array:
    """Advance by one order at each step; the places of a row stay sorted.

    The first place is taken; the new end goes among the others v as max(v[j-1], min(v[j], end)).
    """
    starts = np.empty_like(came)
    maximum, minimum, add = np.maximum, np.minimum, np.add
    now, then = _parts(places), _parts(np.empty_like(places))
    for arrival, service, start in zip(came, work, starts, strict=True):
        first, others, _, _ = now
        _, later, lower, end = then
        maximum(arrival, first, out=start)
        add(start, service, out=end)
        minimum(others, end, out=lower)
        maximum(others, later, out=later)
        now, then = then, now
    return starts


def _parts(places: Array) -> tuple[Array, Array, Array, Array]:
    """Return views: the first place, the others, all but the last, and the last."""
    return places[0], places[1:], places[:-1], places[-1]
