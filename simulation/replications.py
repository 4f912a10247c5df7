"""Some replications of a spec, from their random numbers to their sums.

Random numbers: order n of replication r has the same ones at each station, whatever the places are and however the
work is cut into chunks and shares. Short replications are drawn BLOCK at a time from one stream for each station (a
stream of its own for each would cost more than the simulation), long ones each from their own.

Long replications are followed CHUNK orders at a time, and what they leave are sums; their percentiles come from a
histogram whose cells are 0.2 % wide. Short ones keep all their times in the system, so percentiles are exact.
"""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulation.collectors import AllLengths, Grid, Histogram, Trace, Whole
from simulation.distributions import Fixed
from simulation.engine import Array, Ids, Tandem, Visits, take
from simulation.spec import HOUR, Conveyor, Rate, Spec, Station, Times

BLOCK = 32  # replications
CHUNK = 2048  # orders
TABLE = 2**17  # orders of all rows of a run: what still fits into a processor's cache
MOST_ROWS = 512
BATCHES = 20  # of a single replication
LEAST_BATCH = 10  # orders; with fewer a batch says nothing

# Which stream of a block: arrivals, and from here on the stations; further on what is left of the work at the start
ARRIVALS, SERVICES, STATE = 0, 1, 1000


class Length(NamedTuple):
    rows: int  # replications followed together
    width: int  # orders of a chunk
    block: int  # replications drawn together


def run_length(spec: Spec) -> Length:
    most = spec.arrivals.most if isinstance(spec.arrivals, Rate) else math.inf
    number = min(most, math.inf if spec.orders is None else spec.orders)
    width = int(min(max(number, 1), CHUNK))
    rows = min(max(TABLE // width // BLOCK, 1) * BLOCK, MOST_ROWS)
    return Length(rows, width, BLOCK if number <= CHUNK else 1)


@dataclass(frozen=True)
class Part:
    """The sums of some replications. A group is a replication or, if there is but one, a batch of it."""

    first: int
    came: Whole  # (replications,)
    orders: Array  # (groups,): of those that count
    seconds: Array  # (groups,): in the system
    kept: Array  # (groups,): orders within the promise
    span_seconds: Array  # (groups,)
    wait_seconds: Array  # (groups, stations), as all below
    waited: Array  # orders that waited
    work_seconds: Array  # from begin to end
    busy_seconds: Array  # for which places were taken
    line_seconds: Array  # stood in line, those of the state included
    quantiles: Array  # (groups, sim_sums.SHARES)
    whole_quantiles: Array  # (replications, sim_sums.SHARES)
    grid_line: Whole  # (stations, moments): length of the line, summed over the replications
    grid_line_squares: Whole
    trace: list[dict[str, Any]] | None = None


@dataclass
class _Table:
    """The orders of a chunk, each (rows, columns): those still inside and those who come."""

    numbers: Ids  # from 0; below that, the orders of the state
    arrivals: Array
    services: list[Array]
    group: Ids
    counts: NDArray[np.bool_]  # in averages over orders
    has_time: NDArray[np.bool_]  # counts in averages over time

    def keep(self, columns: Ids) -> "_Table":
        return _Table(
            take(self.numbers, columns),
            take(self.arrivals, columns),
            [take(service, columns) for service in self.services],
            take(self.group, columns),
            take(self.counts, columns),
            take(self.has_time, columns),
        )

    def beside(self, other: "_Table") -> "_Table":
        if not self.numbers.shape[1]:
            return other

        def joined(name: str) -> Any:
            return np.concatenate([getattr(self, name), getattr(other, name)], axis=1)

        services = [np.concatenate(pair, axis=1) for pair in zip(self.services, other.services, strict=True)]
        return _Table(
            joined("numbers"), joined("arrivals"), services, joined("group"), joined("counts"), joined("has_time")
        )


class Run:
    """Replications `first` to `first + rows`, followed together. Use it once."""

    def __init__(self, spec: Spec, first: int, rows: int) -> None:
        self.spec, self.first, self.rows = spec, first, rows
        self.length = run_length(spec)
        self.streams: dict[int, list[np.random.Generator]] = {}
        self.clock = np.zeros((1, rows))
        stations = len(spec.stations)
        delays = [
            station.service.delay_seconds if isinstance(station.service, Conveyor) else None
            for station in spec.stations
        ]
        self.tandem = Tandem(rows, [station.places for station in spec.stations], delays)
        self.is_batched = spec.replications == 1 and self._counted() >= BATCHES * LEAST_BATCH
        self.groups = BATCHES if self.is_batched else rows
        # every order of the table comes and counts, and a group is a row: the sums are simple ones
        self.is_plain = (
            spec.orders is not None
            and spec.orders <= self.length.width
            and (isinstance(spec.arrivals, Times) or math.isinf(spec.closing_seconds))
            and not (spec.warmup or spec.state or self.is_batched)
        )
        self.came = np.zeros(rows, dtype=np.int64)
        self.orders, self.seconds, self.kept = (np.zeros(self.groups) for _ in range(3))
        shape = (self.groups, stations)
        self.wait, self.waited, self.work, self.busy, self.line = (np.zeros(shape) for _ in range(5))
        begin = self._warm_seconds() if spec.orders is None else spec.opening_seconds
        self.warm = np.full(rows, begin)  # when the last order left that does not count
        self.last = np.full(self.groups, spec.opening_seconds)  # and the last of those that do
        self.lengths: AllLengths | Histogram = AllLengths() if self.length.block > 1 else Histogram(self.groups)
        self.grid = Grid(spec, rows) if spec.grid_seconds is not None else None
        self.trace = Trace(spec) if spec.trace else None

    def _counted(self) -> int:
        """Orders after the warm-up, if it is known how many come."""
        is_known = self.spec.orders is not None and math.isinf(self.spec.closing_seconds)
        return (self.spec.orders or 0) - self._warmup_orders() if is_known else 0

    def _warmup_orders(self) -> int:
        expected = self.spec.arrivals.expected if isinstance(self.spec.arrivals, Rate) else math.inf
        return int(self.spec.warmup * min(self.spec.orders or 0, expected))

    # Random numbers

    def _draw(self, stream: int, width: int, law: Any) -> Array:
        """(rows, width) of law(generator, (width, a block's rows)). A longer run begins like a shorter one."""
        block = self.length.block
        numbers = range(self.first // block, (self.first + self.rows - 1) // block + 1)
        if stream not in self.streams:
            seeds = [np.random.SeedSequence(self.spec.seed, spawn_key=(number, stream)) for number in numbers]
            self.streams[stream] = [np.random.Generator(np.random.PCG64(seed)) for seed in seeds]
        drawn = np.empty((len(numbers) * block, width))
        for place, generator in enumerate(self.streams[stream]):
            drawn[place * block : (place + 1) * block] = law(generator, (width, block)).T
        skipped = self.first - numbers.start * block
        return drawn[skipped : skipped + self.rows]

    def _services(self, number: int, station: Station, first: int, width: int) -> Array:
        """Of the orders from `first` on, (rows, width). On a conveyor, the loading."""
        service = station.service
        if isinstance(service, Conveyor | Fixed):
            seconds = service.mean if isinstance(service, Fixed) else service.headway_seconds
            return np.full((self.rows, width), seconds)
        if isinstance(service, Times):
            begin = len(self.spec.state) + first
            return np.tile(np.array(service.seconds[begin : begin + width]), (self.rows, 1))
        return self._draw(SERVICES + number, self.length.width, service.many)[:, :width]

    def _arrivals(self, first: int) -> Array:
        """Of the next chunk, (rows, width or what is left); inf is who would come after closing."""
        arrivals, width = self.spec.arrivals, self.length.width
        if isinstance(arrivals, Times):
            return np.tile(np.array(arrivals.seconds[first : first + width]), (self.rows, 1))
        gaps = self._draw(ARRIVALS, width, lambda random, shape: random.standard_exponential(shape))
        clock = self.clock.T + np.cumsum(gaps, axis=1)
        self.clock = clock[:, -1:].T
        left = width if self.spec.orders is None else min(width, self.spec.orders - first)
        return arrivals_at(arrivals, clock[:, :left])

    # The way through the kitchen

    def part(self) -> Part:
        table, lines = self._state()
        first = 0
        while True:
            new = self._next(first)
            first += new.numbers.shape[1]
            is_last = self._is_last(first, new.arrivals)
            width = table.numbers.shape[1]
            lines[0] = np.concatenate([lines[0], np.arange(width, width + new.numbers.shape[1])])
            table = table.beside(new)
            self._count(new)
            if self.trace:
                self.trace.come(new.numbers, new.arrivals)
            bound = None if is_last else new.arrivals[:, -1:]
            for number, visits in enumerate(self.tandem.run(table.arrivals, table.services, lines, bound)):
                self._visit(number, visits, table)
            if is_last:
                return self._summed_up()
            table = self._carry_on(table)
            lines = [np.arange(0)] * len(lines)

    def _is_last(self, reached: int, arrivals: Array) -> bool:
        if self.spec.orders is not None and reached >= self.spec.orders:
            return True
        return not arrivals.size or bool(np.isinf(arrivals[:, -1]).all())

    def _next(self, first: int) -> _Table:
        arrivals = self._arrivals(first)
        width = arrivals.shape[1]
        numbers = np.broadcast_to(np.arange(first, first + width), arrivals.shape)
        comes = np.isfinite(arrivals)
        counts = comes & self._is_after_warmup(numbers, arrivals)
        group = np.broadcast_to(np.arange(self.rows)[:, None], arrivals.shape)
        if self.is_batched:
            group = np.maximum(numbers - self._warmup_orders(), 0) * BATCHES // self._counted()
        services = [self._services(place, station, first, width) for place, station in enumerate(self.spec.stations)]
        self.came += comes.sum(axis=1)
        return _Table(numbers, arrivals, services, group, counts, counts)

    def _is_after_warmup(self, numbers: Ids, arrivals: Array) -> Any:
        if not self.spec.warmup:
            return True
        if self.spec.orders is not None:
            return numbers >= self._warmup_orders()
        return arrivals >= self._warm_seconds()

    def _warm_seconds(self) -> float:
        opening = self.spec.opening_seconds
        return opening + self.spec.warmup * (self.spec.closing_seconds - opening) if self.spec.warmup else opening

    def _state(self) -> tuple[_Table, list[Ids]]:
        """The orders that are there at the opening, at work or in the stations' lines."""
        state, opening = self.spec.state, self.spec.opening_seconds
        shape = (self.rows, len(state))
        arrivals = np.full(shape, opening)
        at = np.array([order.station for order in state], dtype=np.intp)
        works = np.array([order.elapsed_seconds is not None for order in state], dtype=bool)
        elapsed = np.array([order.elapsed_seconds or 0.0 for order in state])
        services = []
        for number, station in enumerate(self.spec.stations):
            service = self._state_services(number, station, len(state))
            columns = np.flatnonzero((at == number) & works)
            if columns.size:
                ends, busy_until = self._at_work(number, station, columns, elapsed[columns])
                self.tandem.put_to_work(number, columns, ends, busy_until)
                service[:, columns] = np.maximum(busy_until - opening, 0)
                if number == len(self.spec.stations) - 1:
                    self._note_last(self.warm if self.spec.warmup else self.last, ends)
                if self.trace:
                    self.trace.add(number, columns - len(state), opening - elapsed[columns], ends[0])
            service[:, at > number] = 0.0
            services.append(service)
        no = np.zeros(shape, dtype=bool)
        numbers = np.broadcast_to(np.arange(-len(state), 0), shape)
        group = np.broadcast_to(np.arange(self.rows)[:, None], shape)
        table = _Table(numbers, arrivals, services, group, no, no | (not self.spec.warmup))
        self._count_busy(table)
        lines = [np.flatnonzero((at == number) & ~works) for number in range(len(self.spec.stations))]
        return table, lines

    def _state_services(self, number: int, station: Station, count: int) -> Array:
        service = station.service
        if isinstance(service, Conveyor):
            return np.full((self.rows, count), service.headway_seconds)
        if isinstance(service, Times):
            return np.tile(np.array(service.seconds[:count]), (self.rows, 1))
        return self._draw(STATE + SERVICES + number, count, service.many)

    def _at_work(self, number: int, station: Station, columns: Ids, elapsed: Array) -> tuple[Array, Array]:
        """When the orders that are at work will be through, and until when they keep others out."""
        service, opening = station.service, self.spec.opening_seconds
        shape = (self.rows, columns.size)
        if isinstance(service, Conveyor):
            ends = opening + np.maximum(service.delay_seconds - elapsed, 0)
            busy_until = opening + np.maximum(service.headway_seconds - elapsed, 0)
            return np.broadcast_to(ends, shape), np.broadcast_to(busy_until, shape)
        if isinstance(service, Times):
            left = np.maximum(np.array(service.seconds)[columns] - elapsed, 0)
            ends = np.broadcast_to(opening + left, shape)
        else:
            law = service

            def remaining(random: np.random.Generator, shape: tuple[int, ...]) -> Array:
                return law.remaining(random, elapsed, shape[-1]).T

            ends = opening + self._draw(2 * STATE + SERVICES + number, columns.size, remaining)
        return ends, ends

    def _carry_on(self, table: _Table) -> _Table:
        """The table of those who are still inside, renumbered."""
        inside = np.zeros(table.numbers.shape, dtype=bool)
        for columns in self.tandem.inside():
            row, place = np.nonzero(columns >= 0)
            inside[row, columns[row, place]] = True
        width = int(inside.sum(axis=1).max(initial=0))
        self.tandem.renumber(np.maximum(np.cumsum(inside, axis=1) - 1, 0))
        return table.keep(np.argsort(~inside, axis=1, kind="stable")[:, :width])

    # Counting

    def _sum(self, group: Ids, values: Array, counts: NDArray[np.bool_] | None = None) -> Array:
        """Of what counts, for each group. A row's sum must not depend on what other rows there are: numpy adds up
        equally wide rows in the same way, and where their widths differ bincount adds one number after the other."""
        if self.is_plain:
            total: Array = values.sum(axis=1)
            return total
        weights = values if counts is None else np.where(counts, values, 0.0)
        return np.bincount(group.ravel(), weights.ravel(), self.groups).astype(np.float64, copy=False)

    def _count(self, new: _Table) -> None:
        self._count_busy(new)
        for number, station in enumerate(self.spec.stations):
            work = new.services[number]
            if isinstance(station.service, Conveyor):
                work = np.full_like(work, station.service.delay_seconds)
            elif self.is_plain:
                self.work[:, number] = self.busy[:, number]
                continue
            self.work[:, number] += self._sum(new.group, work, new.counts)

    def _count_busy(self, table: _Table) -> None:
        for number, service in enumerate(table.services):
            if service.shape[1]:
                self.busy[:, number] += self._sum(table.group, service, table.has_time)

    def _visit(self, number: int, visits: Visits, table: _Table) -> None:
        if not visits.orders.shape[1]:
            return
        orders, is_last = visits.orders, number == len(self.spec.stations) - 1
        here = np.isfinite(visits.arrivals)
        if self.is_plain:
            waits = visits.starts - visits.arrivals
            self.wait[:, number] = self.line[:, number] = self._sum(orders, waits)
            self.waited[:, number] = np.count_nonzero(waits, axis=1)
            if is_last:
                self.last = visits.ends.max(axis=1)
                self._count_lengths(orders, visits.ends - take(table.arrivals, orders))
        else:
            waits = np.zeros_like(visits.starts)
            np.subtract(visits.starts, visits.arrivals, out=waits, where=here)
            group, counts = take(table.group, orders), take(table.counts, orders) & here
            self.line[:, number] += self._sum(group, waits, take(table.has_time, orders))
            self.wait[:, number] += self._sum(group, waits, counts)
            self.waited[:, number] += self._sum(group, (waits > 0).astype(np.float64), counts)
            if is_last:
                seconds = np.full_like(waits, np.inf)
                np.subtract(visits.ends, take(table.arrivals, orders), out=seconds, where=counts)
                self._count_lengths(group, seconds)
                spans = take(table.has_time, orders) & here
                np.maximum.at(self.last, group[spans], visits.ends[spans])
                if self.spec.warmup:
                    self._note_last(self.warm, np.where(here & ~spans, visits.ends, -np.inf))
        if self.grid:
            self.grid.add(number, visits)
        if self.trace:
            numbers = take(table.numbers, orders)
            self.trace.add(number, numbers[here], visits.starts[here], visits.ends[here])

    def _note_last(self, last: Array, ends: Array) -> None:
        np.maximum(last[: self.rows], ends.max(axis=1), out=last[: self.rows])

    def _count_lengths(self, group: Ids, seconds: Array) -> None:
        """Of times in the system; inf does not count."""
        counts = np.isfinite(seconds)
        self.orders += self._sum(group, counts.astype(np.float64))
        self.seconds += self._sum(group, seconds, counts)
        if self.spec.promise_seconds is not None:
            self.kept += self._sum(group, (seconds <= self.spec.promise_seconds).astype(np.float64))
        self.lengths.add(group, seconds)

    def _span_seconds(self) -> Array:
        """Of the averages over time: from the moment when the last order before a group has left to the moment when
        its own last one has. What reaches into a group from before is, on average, what reaches out of it."""
        if self.is_batched:
            return np.diff(np.maximum.accumulate(np.append(self.warm, self.last)))
        spans: Array = np.maximum(self.last, self.warm) - self.warm
        return spans

    def _summed_up(self) -> Part:
        quantiles, whole_quantiles = self.lengths.quantiles(self.groups, self.rows)
        stations = len(self.spec.stations)
        line, squares = self.grid.sums() if self.grid else (np.zeros((stations, 0), dtype=np.int64),) * 2
        return Part(
            self.first,
            self.came,
            self.orders,
            self.seconds,
            self.kept,
            self._span_seconds(),
            self.wait,
            self.waited,
            self.work,
            self.busy,
            self.line,
            quantiles,
            whole_quantiles,
            line,
            squares,
            self.trace.rows() if self.trace else None,
        )


def arrivals_at(rate: Rate, clock: Array) -> Array:
    """When the orders come whose numbers on a clock of rate 1 are these: exact, as the rate is constant in pieces."""
    if math.isinf(rate.hours[-1]):
        return clock * (HOUR / rate.per_hour[0])
    hours = np.array(rate.hours)
    reached = np.append(0.0, np.cumsum(np.array(rate.per_hour) * np.diff(hours)))
    return np.interp(clock, reached, hours * HOUR, right=np.inf)
