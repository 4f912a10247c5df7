"""The engine of the second clock: stations in a row, first come first served, all replications together in numpy.

A row of an array is a replication (or a path), a column is an order; the column is the order's number. What decides
between two that come to a station at the same moment is that number, and a completion comes before an arrival, as in
the live kitchen. Times are kitchen seconds.

Why it is fast. Who comes to a station begins at max(arrival, the moment when the first place is free). So a station
needs one vector a replication, the moments at which its places become free, in rising order (Kiefer and Wolfowitz,
1955), and one step for each order, in which all replications go on together. With one place, or c places and one
service time for all, order n waits for order n - c, and a step takes c orders at once.

Why it needs no memory. An order can leave a station unseen until one that comes later is sure to leave after it.
`Tandem.run` takes the orders in chunks, hands on what is sure and keeps the rest, which is no more than what stands in
the places. (Only of those who leave at the very same moment after work that took no time at all, one in the next chunk
may then come too late for its turn.)
"""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simulation.schedules import Changes, Schedule

Array = NDArray[np.float64]
Ids = NDArray[np.intp]

FEW_ROWS = 12  # up to here a heap for each row is faster than one numpy step for all; both give the same bits


@dataclass(frozen=True)
class Visits:
    """What happened at one station in one chunk, (rows, visits) each, in the order of coming; inf is nobody."""

    orders: Ids  # columns of the chunk's table
    arrivals: Array
    starts: Array
    ends: Array


def stations_forward(
    arrivals: ArrayLike,
    services: Sequence[ArrayLike],
    places: Sequence[int | None],
    *,
    delays: Sequence[float | None] | None = None,
    changes: Sequence[Changes] | None = None,
    at_station: ArrayLike | None = None,
    working: ArrayLike | None = None,
) -> tuple[list[Array], list[Array]]:
    """Follow n orders through the stations: (starts, ends), for each station a (rows, n) array.

    arrivals: (rows, n) or (n,), rising; inf is an order that never comes. services: for each station (rows, n), (n,)
    or one number. places: for each station a number, or None for a place for everybody.
    delays: a number makes the station a conveyor: a service is its loading headway, and who was loaded comes out so
    much later. changes: for each station (seconds, places from then on), rising; it ends with a place.

    To start from a kitchen with orders in it, these come first, oldest first. at_station: (n,) of int, where each
    order stands (0 for new ones); working: (n,) of bool. Who is working begins at its arrival, whatever the places,
    and its service there is what is left of it (on a conveyor: until it comes out). Who is not stands in that
    station's line from its arrival on, before all who come from the station before. At stations behind an order it
    does nothing: it starts and ends at its arrival.
    """
    work = [np.atleast_2d(np.asarray(service, dtype=np.float64)) for service in services]
    came = np.atleast_2d(np.asarray(arrivals, dtype=np.float64))
    shape = (max(came.shape[0], *(service.shape[0] for service in work)), came.shape[1])
    came = np.broadcast_to(came, shape)
    work = [np.broadcast_to(service, shape) for service in work]
    tandem = Tandem(shape[0], places, delays, changes)
    starts = [came.copy() for _ in work]
    ends = [came.copy() for _ in work]
    if at_station is None:
        lines = [np.arange(shape[1])] + [np.arange(0)] * (len(work) - 1)
    else:
        at, begun = np.asarray(at_station), np.zeros(shape[1], dtype=bool)
        if working is not None:
            begun = np.asarray(working, dtype=bool)
        lines = [np.flatnonzero((at == number) & ~begun) for number in range(len(work))]
        for number, service in enumerate(work):
            columns = np.flatnonzero((at == number) & begun)
            if columns.size:
                ends[number][:, columns] += service[:, columns]
                busy_until = ends[number][:, columns]
                delay = delays[number] if delays else None
                if delay is not None:  # the belt is free again when the last one was loaded
                    headway = np.delete(service, columns, axis=1).max(axis=1, keepdims=True, initial=0.0)
                    busy_until = busy_until - delay + headway
                tandem.put_to_work(number, columns, ends[number][:, columns], busy_until)
    for visits, start, end in zip(tandem.run(came, work, lines), starts, ends, strict=True):
        places_in_table = _flat(visits.orders, shape[1])
        start.ravel()[places_in_table] = visits.starts
        end.ravel()[places_in_table] = visits.ends
    return starts, ends


class Tandem:
    """The stations with what is in them. `run` it once with all orders, or chunk after chunk."""

    def __init__(
        self,
        rows: int,
        places: Sequence[int | None],
        delays: Sequence[float | None] | None = None,
        changes: Sequence[Changes] | None = None,
    ) -> None:
        self.rows = rows
        rest = zip(delays or [None] * len(places), changes or [()] * len(places), strict=True)
        self.stations = [_Station(rows, number, *more) for number, more in zip(places, rest, strict=True)]

    def put_to_work(self, station: int, orders: Ids, ends: Array, busy_until: Array | None = None) -> None:
        """These columns are at work there until `ends`, (rows, orders), even if they are more than the places.

        busy_until: until when they keep others out; on a conveyor that is sooner.
        """
        self.stations[station].put_to_work(
            np.broadcast_to(orders, ends.shape), ends, ends if busy_until is None else busy_until
        )

    def run(
        self, arrivals: Array, services: Sequence[Array], lines: Sequence[Ids], bound: Array | None = None
    ) -> Iterator[Visits]:
        """The visits of each station in turn.

        arrivals and services: of the table's columns, (rows, columns). lines: for each station the columns that come
        to it from outside, rising, before those from the station before.
        bound: (rows, 1), nobody of a later chunk comes before it; without it this is the last chunk.
        Between chunks the caller renumbers the columns of those who are still inside: see `inside` and `renumber`.
        """
        orders = np.empty((self.rows, 0), dtype=np.intp)
        came = np.empty((self.rows, 0))
        for station, service, line in zip(self.stations, services, lines, strict=True):
            if line.size:
                outside = np.broadcast_to(line, (self.rows, line.size))
                first = arrivals if line.size == service.shape[1] else arrivals[:, line]
                orders = np.concatenate([outside, orders], axis=1) if orders.shape[1] else outside
                came = np.concatenate([first, came], axis=1) if came.shape[1] else first
            everybody = line.size == service.shape[1]  # so their order is that of the columns
            starts, ends = station.serve(came, service if everybody else take(service, orders), bound is None)
            yield Visits(orders, came, starts, ends)
            orders, came, bound = station.hand_on(orders, ends, bound)

    def inside(self) -> list[Ids]:
        """For each station the columns still in it, (rows, places or fewer); -1 is nobody."""
        return [np.where(np.isfinite(station.ends), station.orders, -1) for station in self.stations]

    def renumber(self, columns: Ids) -> None:
        """Column i of the old table is columns[row, i] of the new one."""
        for station in self.stations:
            station.orders = take(columns, station.orders)


class _Station:
    """One station: when its places become free, and who is done there but may still be overtaken."""

    def __init__(self, rows: int, places: int | None, delay: float | None, changes: Changes) -> None:
        self.delay = delay
        self.schedule = Schedule(rows, places, changes) if changes and places is not None else None
        self.places = 1 if delay is not None else places
        self.free = np.full((rows, self.places or 0), -np.inf)  # rising in each row
        self.orders = np.empty((rows, 0), dtype=np.intp)
        self.ends = np.empty((rows, 0))  # inf is nobody

    def put_to_work(self, orders: Ids, ends: Array, busy_until: Array) -> None:
        self.orders, self.ends = orders, ends
        self._occupy(busy_until)

    def _occupy(self, until: Array) -> None:
        """Of all the moments at which a place became free the latest count: the others were taken since."""
        if self.schedule:
            self.schedule.occupy(until)
        elif self.places:
            self.free = np.sort(np.concatenate([self.free, until], axis=1), axis=1)[:, -self.places :]

    def serve(self, arrivals: Array, services: Array, is_last: bool) -> tuple[Array, Array]:
        if self.schedule:
            starts = self.schedule.begin(arrivals, services)
            return starts, starts + services
        starts = arrivals if self.places is None else begin(arrivals, services, self.free)
        busy_until = starts + services
        if not is_last and arrivals.shape[1]:
            self._occupy(np.where(np.isinf(busy_until), -np.inf, busy_until))
        return starts, busy_until if self.delay is None else starts + self.delay

    def hand_on(self, orders: Ids, ends: Array, bound: Array | None) -> tuple[Ids, Array, Array | None]:
        """Who goes on to the next station, in that order, and from when on others will; the rest is kept."""
        if self.ends.shape[1]:
            orders, ends = np.concatenate([self.orders, orders], axis=1), np.concatenate([self.ends, ends], axis=1)
        orders, ends = in_order(orders, ends)
        if bound is None:
            return orders, ends, None
        if self.schedule:
            bound = np.maximum(bound, self.schedule.last[:, None])
        elif self.places:
            bound = np.maximum(bound, self.free[:, :1])
        if self.delay is not None:
            bound = bound + self.delay
        sure = ends < bound
        self.orders, self.ends = in_order(orders, np.where(sure, np.inf, ends))
        self.orders, self.ends = _trimmed(self.orders, self.ends)
        return *_trimmed(orders, np.where(sure, ends, np.inf)), bound


def _trimmed(orders: Ids, ends: Array) -> tuple[Ids, Array]:
    """Without the columns at the end in which there is nobody."""
    width = int(np.isfinite(ends).sum(axis=1).max(initial=0))
    return orders[:, :width], ends[:, :width]


def in_order(orders: Ids, ends: Array) -> tuple[Ids, Array]:
    """Sorted by the moment and, at the same moment, by the order's number."""
    if (ends[:, 1:] > ends[:, :-1]).all():
        return orders, ends
    turn = np.argsort(ends, axis=1)
    risen = take(ends, turn)
    if ((risen[:, 1:] == risen[:, :-1]) & (risen[:, 1:] < np.inf)).any():
        by_number = np.argsort(orders, axis=1, kind="stable")
        turn = take(by_number, np.argsort(take(ends, by_number), axis=1, kind="stable"))
        risen = take(ends, turn)
    return take(orders, turn), risen


Table = TypeVar("Table", Array, Ids, NDArray[np.bool_])


def take(table: Table, columns: Ids) -> Table:
    """table[row, columns[row, i]]; four times as fast as numpy's own way to say it."""
    return table.ravel().take(_flat(columns, table.shape[1]))


def _flat(columns: Ids, width: int) -> Ids:
    flat: Ids = columns + np.arange(0, len(columns) * width, width)[:, None] if width else columns
    return flat


def begin(arrivals: Array, services: Array, free: Array) -> Array:
    """When each begins: (rows, n), first come first served; `free` (rows, places), rising, as they are before."""
    rows, number = arrivals.shape
    if not number:
        return arrivals
    if rows <= FEW_ROWS:
        return _with_heaps(arrivals, services, free)
    came, work, places = (np.ascontiguousarray(array.T) for array in (arrivals, services, free))
    in_turns = len(places) == 1 or _take_turns(came[0], work, places)
    starts = _in_turns(came, work, places) if in_turns else _with_sorted_places(came, work, places)
    return np.ascontiguousarray(starts.T)


def _take_turns(first_arrival: Array, work: Array, places: Array) -> bool:
    """Whether nobody can overtake, as all need the same time, those who are at work by now at most that."""
    service = work[0, 0]
    return bool((work == service).all() and (places[-1] <= np.maximum(first_arrival, places[0]) + service).all())


def _in_turns(came: Array, work: Array, places: Array) -> Array:
    """Where nobody overtakes, order n waits for order n - places and for no other: as many at once as there are
    places. Here and below arrays are (orders, rows), and places (places, rows)."""
    starts = np.empty_like(came)
    step = len(places)
    free = places
    for first in range(0, len(came), step):
        block = slice(first, first + step)
        start = np.maximum(came[block], free[: len(came) - first], out=starts[block])
        free = start + work[block]
    return starts


def _with_heaps(arrivals: Array, services: Array, free: Array) -> Array:
    starts = np.empty_like(arrivals)
    for row, (came, work) in enumerate(zip(arrivals.tolist(), services.tolist(), strict=True)):
        places = free[row].tolist()  # rising, so it is a heap
        begun = []
        for arrival, service in zip(came, work, strict=True):
            start = arrival if arrival > places[0] else places[0]
            begun.append(start)
            heapq.heapreplace(places, start + service)
        starts[row] = begun
    return starts


def _with_sorted_places(came: Array, work: Array, places: Array) -> Array:
    """All rows one order further at each step; the places of a row stay sorted.

    The first place is taken; the new end goes among the others v as max(v[j-1], min(v[j], end)).
    """
    starts = np.empty_like(came)
    first, others = places[0], places[1:]
    lower = np.empty_like(places)
    end, lower_first, lower_others, lower_all = lower[-1], lower[0], lower[1:], lower[:-1]
    maximum, minimum, add = np.maximum, np.minimum, np.add
    for arrival, service, start in zip(came, work, starts, strict=True):
        maximum(arrival, first, out=start)
        add(start, service, out=end)
        minimum(others, end, out=lower_all)
        maximum(others, lower_others, out=others)
        first[:] = lower_first
    return starts
