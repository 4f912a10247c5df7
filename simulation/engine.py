"""The engine of the second clock: stations in a row, first come first served, all replications together in numpy.

A row of an array is a replication (or a path), a column is an order, or an item of an order (simulation.stations); the
column is its number. Of two that arrive at a station at the same moment the lower number goes first, and a completion
comes before an arrival, as in the live kitchen. Times are kitchen seconds.

Why it is fast. Work begins at max(arrival, the moment when the first place is free). A station therefore needs one
vector a replication, the moments at which its places become free, in rising order (Kiefer and Wolfowitz, 1955), and
one step for each order, in which all replications go on together (simulation.starts). A station whose capacity changes
needs the latest ends instead, as many as its largest capacity (simulation.schedules); a conveyor is one place that is
taken for the loading headway, and a delay.

Why it needs no memory. An order can leave a station as soon as no later one can leave before it. `Tandem.run` takes
the orders in chunks, hands on those that are certain and keeps the rest, which is no more than what stands in the
places. (Only where several leave at the very same moment after work that took no time at all can one in the next chunk
come too late for its turn.)
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simulation.priorities import begin_with_rush
from simulation.schedules import Changes, Shift, begin_in_shifts, shifts_of
from simulation.starts import begin, is_constant

Array = NDArray[np.float64]
Ids = NDArray[np.intp]

FEW_ROWS = 14  # up to here a loop for each row is faster than one numpy step for all rows; both give the same bits

UNTOUCHED = 2**20  # numbers; 8 MB


def _keep_freed_memory() -> None:
    """Let glibc keep up to twice as much freed memory for the next arrays, where there is glibc.

    It hands back to the system what exceeds twice the largest block that was ever freed, and each page of a new array
    is then a page fault: a third of the time of a study. A block that is never touched costs nothing.
    """
    np.empty(UNTOUCHED)


_keep_freed_memory()


@dataclass(frozen=True)
class Visits:
    """The visits to one station in one chunk, (rows, visits) each, in the order of arrival; inf is no order."""

    orders: Ids  # columns of the chunk's table
    arrivals: Array
    starts: Array
    ends: Array
    passes: NDArray[np.bool_] | None = None  # True: its route has no such station, so it goes by


def stations_forward(
    arrivals: ArrayLike,
    services: Sequence[ArrayLike],
    capacities: Sequence[int | None],
    *,
    delays: Sequence[float | None] | None = None,
    changes: Sequence[Changes] | None = None,
    at_station: ArrayLike | None = None,
    working: ArrayLike | None = None,
) -> tuple[list[Array], list[Array]]:
    """Follow n orders through the stations: (starts, ends), for each station a (rows, n) array.

    arrivals: (rows, n) or (n,), rising; inf is an order that never comes. services: for each station (rows, n), (n,)
    or one number. capacities: for each station a number, or None for a place for everybody.
    delays: a number makes the station a conveyor: a service is its loading headway, and an order that was loaded comes
    out that much later. changes: for each station (seconds, capacity from then on); work under way goes on where
    places are taken away. In the end there must be a place, or the last orders begin at inf.

    To start from a kitchen with orders in it, these come first, oldest first. at_station: (n,) of int, where each
    order stands (0 for new ones); working: (n,) of bool. An order at work begins at its arrival, whatever the
    capacity, and its service there is what is left of it (on a conveyor: until it comes out). One that is not at work
    stands in that station's line from its arrival on, before all that come from the station before. At stations that
    an order has passed it does nothing: it starts and ends at its arrival.
    """
    work = [np.atleast_2d(np.asarray(service, dtype=np.float64)) for service in services]
    came = np.atleast_2d(np.asarray(arrivals, dtype=np.float64))
    shape = (max(came.shape[0], *(service.shape[0] for service in work)), came.shape[1])
    came = np.broadcast_to(came, shape)
    work = [np.broadcast_to(service, shape) for service in work]
    tandem = Tandem(shape[0], capacities, delays, changes)
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
        places_in_table = flat(visits.orders, shape[1])
        start.ravel()[places_in_table] = visits.starts
        end.ravel()[places_in_table] = visits.ends
    return starts, ends


class Tandem:
    """The stations with what is in them. `run` it once with all orders, or chunk after chunk."""

    def __init__(
        self,
        rows: int,
        capacities: Sequence[int | None],
        delays: Sequence[float | None] | None = None,
        changes: Sequence[Changes] | None = None,
        optional: Sequence[bool] | None = None,
        *,
        hands_on: bool = False,
    ) -> None:
        """optional: True for stations that some orders pass by. hands_on: other stations follow, see `handed`."""
        self.rows, self.hands_on = rows, hands_on
        nothing = [None] * len(capacities)
        rest = zip(delays or nothing, changes or nothing, optional or [False] * len(capacities), strict=True)
        self.stations = [_Station(rows, capacity, *other) for capacity, other in zip(capacities, rest, strict=True)]
        # Who has left, when, and a bound for all others; sorted by the moment only where there is a bound.
        self.handed: tuple[Ids, Array, Array | None] | None = None

    def put_to_work(self, station: int, orders: Ids, ends: Array, busy_until: Array | None = None) -> None:
        """Put these columns to work there until `ends`, (rows, orders), even if they exceed the capacity.

        busy_until: until when they keep others out; on a conveyor that is sooner.
        """
        self.stations[station].put_to_work(
            np.broadcast_to(orders, ends.shape), ends, ends if busy_until is None else busy_until
        )

    def run(
        self,
        arrivals: Array,
        services: Sequence[Array],
        lines: Sequence[Ids],
        bound: Array | None = None,
        entering: tuple[Ids, Array] | None = None,
        skips: Sequence[NDArray[np.bool_] | None] | None = None,
        rushed: NDArray[np.bool_] | None = None,
        more_at: int = -1,
    ) -> Iterator[Visits]:
        """Yield the visits of each station in turn.

        arrivals and services: of the table's columns, (rows, columns). lines: for each station the columns that come
        to it from outside, in their order, before those from the station before.
        bound: (rows, 1), no order of a later chunk arrives before it; without it this is the last chunk.
        entering: columns that come to the first station from other stations, and when, rising.
        skips: for each station True for the columns that pass it by; their service is 0.
        rushed: True for the columns that go before all others in every line (a line of `lines` has them first). Only
        where this is the last chunk: a later one could hold somebody who overtakes.
        more_at: the last station whose line a later chunk makes longer (not with the last chunk). Until then nobody
        goes on to it, or passes the stations before it.
        Between chunks the caller renumbers the columns of the orders still inside: see `inside` and `renumber`.
        """
        orders, came = entering or (np.empty((self.rows, 0), dtype=np.intp), np.empty((self.rows, 0)))
        final = None if self.hands_on else self.stations[-1]
        by_station = zip(self.stations, services, lines, skips or [None] * len(self.stations), strict=True)
        for number, (station, service, line, skip) in enumerate(by_station):
            # where all columns come at once, their order is that of the columns
            all_come = line.size == service.shape[1] and bool((line[1:] > line[:-1]).all())
            if line.size:
                outside = np.broadcast_to(line, (self.rows, line.size))
                first = arrivals if all_come else arrivals[:, line]
                orders = np.concatenate([outside, orders], axis=1) if orders.shape[1] else outside
                came = np.concatenate([first, came], axis=1) if came.shape[1] else first
            work = service if all_come else _of_orders(service, orders)
            passes = None if skip is None else take(skip, orders)
            in_haste = None if rushed is None else take(rushed, orders)
            starts, ends = station.serve(came, work, bound is None, passes, in_haste)
            yield Visits(orders, came, starts, ends, passes)
            if number < more_at:
                orders, came = station.hold(orders, ends)
            elif station is final:
                station.keep(orders, ends, bound)
            elif bound is None and station is self.stations[-1]:
                orders, came = station.all_of(orders, ends)
            else:
                orders, came, bound = station.hand_on(orders, ends, bound)
        self.handed = orders, came, bound

    def inside(self) -> list[Ids]:
        """Return for each station the columns still in it, (rows, places or fewer); -1 is none."""
        return [np.where(np.isfinite(station.ends), station.orders, -1) for station in self.stations]

    def renumber(self, columns: Ids) -> None:
        """Rename column i of the old table to columns[row, i], that of the new one."""
        for station in self.stations:
            station.orders = take(columns, station.orders)


class _Station:
    """One station: when its places become free, and the orders that are done there but can still be overtaken."""

    def __init__(
        self, rows: int, capacity: int | None, delay: float | None, changes: Changes | None, is_optional: bool
    ) -> None:
        self.delay, self.is_optional = delay, is_optional
        if delay is not None:
            capacity, changes = 1, [(seconds, min(count, 1)) for seconds, count in changes or ()]
        if capacity is None and changes:
            raise ValueError("A station with a place for everybody can't change its capacity.")
        self.capacity = capacity
        self.shifts = shifts_of(capacity, changes) if capacity is not None and changes else None
        most = max((shift.capacity for shift in self.shifts), default=0) if self.shifts is not None else capacity or 0
        self.free = np.full((rows, most), -np.inf)  # the latest ends, rising in each row
        self.last = np.full(rows, -np.inf)  # the last start, where the capacity changes
        self.orders = np.empty((rows, 0), dtype=np.intp)
        self.ends = np.empty((rows, 0))  # inf is no order

    def put_to_work(self, orders: Ids, ends: Array, busy_until: Array) -> None:
        self.orders, self.ends = self.all_of(orders, ends)
        self._occupy(busy_until)

    def _occupy(self, until: Array) -> None:
        """Note until when places are taken. The latest ends count: the places of the others were taken since."""
        most = self.free.shape[1]
        if 0 < most < until.shape[1]:
            until = np.partition(until, -most, axis=1)[:, -most:]
        if most:
            self.free = np.sort(np.concatenate([self.free, until], axis=1), axis=1)[:, -most:]

    def serve(
        self,
        arrivals: Array,
        services: Array,
        is_last: bool,
        passes: NDArray[np.bool_] | None = None,
        rushed: NDArray[np.bool_] | None = None,
    ) -> tuple[Array, Array]:
        if passes is not None:
            return self._serve_some(arrivals, services, is_last, passes, rushed)
        starts = self._begin(arrivals, services)
        if rushed is not None and self.capacity is not None:
            assert is_last, "only a last chunk can hold rushed orders"
            starts = self._with_rush(starts, arrivals, services, rushed)
        busy_until = starts + services
        if not is_last and arrivals.shape[1]:
            self._occupy(np.where(np.isinf(busy_until), -np.inf, busy_until))
            if self.shifts is not None:
                last = np.where(np.isinf(starts), -np.inf, starts).max(axis=1)
                self.last = np.maximum(self.last, last)
        return starts, busy_until if self.delay is None else starts + self.delay

    def _serve_some(
        self,
        arrivals: Array,
        services: Array,
        is_last: bool,
        passes: NDArray[np.bool_],
        rushed: NDArray[np.bool_] | None,
    ) -> tuple[Array, Array]:
        """Serve the others. One that goes by takes a place that is free already for no time, which changes nothing.

        Filler does not go by: behind other filler, which has the first place for ever, it would take the next one.
        """
        goes_by = passes & (arrivals < np.inf)
        starts, ends = self.serve(np.where(goes_by, -np.inf, arrivals), services, is_last, rushed=rushed)
        return np.where(passes, arrivals, starts), np.where(passes, arrivals, ends)

    def _with_rush(self, starts: Array, arrivals: Array, services: Array, rushed: NDArray[np.bool_]) -> Array:
        """Return the starts where some are rushed; without anybody who waits there is nothing to overtake."""
        rows = np.flatnonzero(rushed.any(axis=1) & (starts > arrivals).any(axis=1))
        if not rows.size:
            return starts
        always = (Shift(-np.inf, np.inf, self.free.shape[1]),)
        shifts = always if self.shifts is None else self.shifts
        columns = arrivals[rows], services[rows], rushed[rows]
        starts = starts.copy()
        starts[rows] = begin_with_rush(*columns, self.free[rows], self.last[rows], shifts)
        return starts

    def _begin(self, arrivals: Array, services: Array) -> Array:
        if self.capacity is None:
            return arrivals
        if self.shifts is None:
            return begin(arrivals, services, self.free, FEW_ROWS)
        return begin_in_shifts(arrivals, services, self.free, self.last, self.shifts, FEW_ROWS)

    def all_of(self, orders: Ids, ends: Array) -> tuple[Ids, Array]:
        """Return these orders, and before them those that are done here and could still be overtaken."""
        if not self.ends.shape[1]:
            return orders, ends
        return np.concatenate([self.orders, orders], axis=1), np.concatenate([self.ends, ends], axis=1)

    def hold(self, orders: Ids, ends: Array) -> tuple[Ids, Array]:
        """Keep all orders, and return none."""
        self.orders, self.ends = self.all_of(orders, ends)
        return orders[:, :0], ends[:, :0]

    def hand_on(self, orders: Ids, ends: Array, bound: Array | None) -> tuple[Ids, Array, Array | None]:
        """Return the orders that go on to the next station, sorted, and a bound for all later ones; keep the rest."""
        orders, ends = in_order(*self.all_of(orders, ends))
        if bound is None:
            return orders, ends, None
        bound = self._next_end(bound)
        sure = ends < bound
        count = sure.sum(axis=1)
        fewest, most, last = count.min(), count.max(), np.isfinite(ends).sum(axis=1).max(initial=0)
        self.orders, self.ends = orders[:, fewest:last], np.where(sure, np.inf, ends)[:, fewest:last]
        return orders[:, :most], np.where(sure, ends, np.inf)[:, :most], bound

    def keep(self, orders: Ids, ends: Array, bound: Array | None) -> None:
        """Keep the orders that are not sure to have left. The last station hands no order on, so it need not sort."""
        if bound is None:
            return
        orders, ends = self.all_of(orders, ends)
        ends = np.where(ends < self._next_end(bound), np.inf, ends)
        columns = np.flatnonzero(np.isfinite(ends).any(axis=0))
        self.orders, self.ends = orders[:, columns], ends[:, columns]

    def _next_end(self, bound: Array) -> Array:
        """Return the earliest moment at which an order that arrives from `bound` on can leave."""
        if self.is_optional:
            return bound
        if self.shifts is not None:
            start = self._begin(bound, np.zeros_like(bound))
        else:
            start = np.maximum(bound, self.free[:, :1]) if self.capacity else bound
        return start if self.delay is None else start + self.delay


def in_order(orders: Ids, ends: Array) -> tuple[Ids, Array]:
    """Sort by the moment and, at the same moment, by the order's number."""
    if (ends[:, 1:] > ends[:, :-1]).all():
        return orders, ends
    turn = np.argsort(ends, axis=1, kind="stable")  # the fastest, as they nearly are in order
    places = flat(turn, ends.shape[1])
    risen = ends.ravel().take(places)
    if ((risen[:, 1:] == risen[:, :-1]) & (risen[:, 1:] < np.inf)).any():
        by_number = np.argsort(orders, axis=1, kind="stable")
        turn = take(by_number, np.argsort(take(ends, by_number), axis=1, kind="stable"))
        risen = take(ends, turn)
        places = flat(turn, ends.shape[1])
    return (orders[0].take(turn) if is_same_in_rows(orders) else orders.ravel().take(places)), risen


def is_same_in_rows(table: NDArray[np.generic]) -> bool:
    """Return True if one row is stored for all rows."""
    return not table.strides[0] and bool(len(table))


def _of_orders(service: Array, orders: Ids) -> Array:
    return np.broadcast_to(service[:1, :1], orders.shape) if is_constant(service) else take(service, orders)


Table = TypeVar("Table", Array, Ids, NDArray[np.bool_])


def take(table: Table, columns: Ids) -> Table:
    """Return table[row, columns[row, i]]; four times as fast as numpy's own indexing."""
    if is_same_in_rows(table):
        row: Table = table[0]
        return row.take(columns)
    return table.ravel().take(flat(columns, table.shape[1]))


def flat(columns: Ids, width: int) -> Ids:
    flat: Ids = columns + np.arange(0, len(columns) * width, width)[:, None] if width else columns
    return flat
