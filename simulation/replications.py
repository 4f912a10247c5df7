"""Some replications of a spec, followed together from their draws to their sums: the one driver.

`simulate`, the planner's studies and the benchmarks all take `Run(spec, first, rows).part()`; a look ahead takes the
same opening forward by itself (simulation.opening). Parts of any size are joined to the last bit as if they had been
one: each replication's sums come from its own orders alone, and what is pooled is whole numbers.

Long replications are followed CHUNK orders at a time, and what they leave are sums. The columns of a chunk's table are
orders: those still inside first, then those who come, in the order of their numbers, so that a column breaks ties. All
that is known of a column stands in the table, and stations see columns only. A finer column (an order's pizzas, with
the order's number beside its own) is a change of the table and of `Draws.services`, which sums pizzas up to orders.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulation import lengths
from simulation.collectors import Grid, Slots, Trace
from simulation.draws import BLOCK, Draws
from simulation.engine import Array, Ids, Visits, take
from simulation.lengths import NO_SLOT, SECTIONS, Lengths, Pool, Whole
from simulation.opening import Opening, tandem_of
from simulation.spec import Conveyor, Rate, Spec, Times

CHUNK = 2048  # orders
TABLE = 2**17  # orders of all rows of a run: what still fits into a processor's cache
MOST_ROWS = 500
EXACT = 250_000  # times in the system that are all kept; beyond that, percentiles come from a histogram
BATCHES = SECTIONS  # of a single replication
LEAST_BATCH = 10  # orders; with fewer a batch says nothing


class Length(NamedTuple):
    rows: int  # replications followed together
    width: int  # orders of a chunk


def run_length(spec: Spec) -> Length:
    width = int(min(max(spec.most_orders, 1), CHUNK))
    return Length(min(max(TABLE // width // BLOCK, 1) * BLOCK, MOST_ROWS), width)


@dataclass(frozen=True)
class Part:
    """The sums of some replications. A group is a replication or, if there is but one, a batch of it."""

    first: int
    came: Whole  # (replications,)
    orders: Array  # (groups,): of those that count
    seconds: Array  # (groups,): in the system
    kept: Array  # (groups,): orders within the promise
    span_seconds: Array  # (groups,)
    place_seconds: Array  # (groups, stations), as all below: places there were, over the span
    wait_seconds: Array
    waited: Array  # orders that waited
    work_seconds: Array  # from begin to end
    busy_seconds: Array  # for which places were taken
    line_seconds: Array  # stood in line, those of the state included
    lengths: Pool
    grid_line: Whole  # (stations, moments): length of the line, summed over the replications
    grid_line_squares: Whole
    slot_orders: Whole  # (slots,): by the time of coming, summed over the replications
    slot_milliseconds: Whole  # (slots,): in the system
    slot_kept: Whole
    slot_busy_milliseconds: Whole  # (stations, slots): for which places were taken
    trace: list[dict[str, Any]] | None = None

    @staticmethod
    def joined(parts: "Sequence[Part]") -> "Part":
        """In the order of the replications; at least one."""
        if len(parts) == 1:
            return parts[0]
        values: dict[str, Any] = {"first": parts[0].first, "trace": parts[0].trace}
        values["lengths"] = lengths.joined([part.lengths for part in parts])
        for name in (item.name for item in fields(Part)):
            arrays = [getattr(part, name) for part in parts]
            if name.startswith(("grid_", "slot_")):
                width = max(array.shape[-1] for array in arrays)
                padding = [(0, 0)] * (arrays[0].ndim - 1)
                values[name] = sum(np.pad(array, [*padding, (0, width - array.shape[-1])]) for array in arrays)
            elif name not in values:
                values[name] = np.concatenate(arrays)
        return Part(**values)


@dataclass
class Table:
    """The orders of a chunk, each (rows, columns): those still inside and those who come."""

    numbers: Ids  # from 0; below that, the orders of the state
    arrivals: Array
    ages: Array  # at the arrival: an order of the state was placed before
    services: list[Array]
    group: Ids
    counts: NDArray[np.bool_]  # in averages over orders
    has_time: NDArray[np.bool_]  # counts in averages over time

    def keep(self, columns: Ids) -> "Table":
        return Table(
            take(self.numbers, columns),
            take(self.arrivals, columns),
            take(self.ages, columns),
            [take(service, columns) for service in self.services],
            take(self.group, columns),
            take(self.counts, columns),
            take(self.has_time, columns),
        )

    def beside(self, other: "Table") -> "Table":
        if not self.numbers.shape[1]:
            return other

        def joined(name: str) -> Any:
            return np.concatenate([getattr(self, name), getattr(other, name)], axis=1)

        services = [np.concatenate(pair, axis=1) for pair in zip(self.services, other.services, strict=True)]
        return Table(
            joined("numbers"),
            joined("arrivals"),
            joined("ages"),
            services,
            joined("group"),
            joined("counts"),
            joined("has_time"),
        )


class Run:
    """Replications `first` to `first + rows`, followed together. Use it once."""

    def __init__(self, spec: Spec, first: int, rows: int) -> None:
        self.spec, self.first, self.rows = spec, first, rows
        self.width = run_length(spec).width
        self.draws = Draws(spec, first, rows)
        self.tandem = tandem_of(spec, rows)
        stations = len(spec.stations)
        self.is_batched = spec.replications == 1 and self._counted() >= BATCHES * LEAST_BATCH
        self.groups = BATCHES if self.is_batched else rows
        # every order of the table comes and counts, and a group is a row: the sums are simple ones
        self.is_plain = (
            spec.orders is not None
            and spec.orders <= self.width
            and (isinstance(spec.arrivals, Times) or math.isinf(spec.closing_seconds))
            and not (spec.warmup or spec.state or spec.slots or self.is_batched)
        )
        self.came = np.zeros(rows, dtype=np.int64)
        self.orders, self.seconds, self.kept = (np.zeros(self.groups) for _ in range(3))
        shape = (self.groups, stations)
        self.wait, self.waited, self.work, self.busy, self.line = (np.zeros(shape) for _ in range(5))
        begin = self._warm_seconds() if spec.orders is None else spec.opening_seconds
        self.warm = np.full(rows, begin)  # when the last order left that does not count
        self.last = np.full(self.groups, spec.opening_seconds)  # and the last of those that do
        sections = np.arange(BATCHES) if self.is_batched else (first + np.arange(rows)) % SECTIONS
        is_exact = spec.most_orders <= CHUNK and spec.most_orders * spec.replications <= EXACT
        self.lengths = Lengths(sections, max(len(spec.slots) - 1, 0), is_exact)
        self.slots = Slots(spec) if spec.slots else None
        self.grid = Grid(spec, rows) if spec.grid_seconds is not None else None
        self.trace = Trace(spec) if spec.trace else None

    def _counted(self) -> int:
        """Orders after the warm-up, if it is known how many come."""
        is_known = self.spec.orders is not None and math.isinf(self.spec.closing_seconds)
        return (self.spec.orders or 0) - self._warmup_orders() if is_known else 0

    def _warmup_orders(self) -> int:
        expected = self.spec.arrivals.expected if isinstance(self.spec.arrivals, Rate) else math.inf
        return int(self.spec.warmup * min(self.spec.orders or 0, expected))

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
            self._count_busy(new)
            self._count_work(new)
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
        return arrivals.shape[1] < self.width or bool(np.isinf(arrivals[:, -1]).all())

    def _next(self, first: int) -> Table:
        arrivals = self.draws.arrivals(first, self.width)
        width = arrivals.shape[1]
        numbers = np.broadcast_to(np.arange(first, first + width), arrivals.shape)
        comes = np.isfinite(arrivals)
        counts = comes & self._is_after_warmup(numbers, arrivals)
        group = np.broadcast_to(np.arange(self.rows)[:, None], arrivals.shape)
        if self.is_batched:
            group = np.maximum(numbers - self._warmup_orders(), 0) * BATCHES // self._counted()
        self.came += comes.sum(axis=1)
        ages = np.broadcast_to(0.0, arrivals.shape)
        return Table(numbers, arrivals, ages, self.draws.services(first, width), group, counts, counts)

    def _is_after_warmup(self, numbers: Ids, arrivals: Array) -> Any:
        if not self.spec.warmup:
            return True
        if self.spec.orders is not None:
            return numbers >= self._warmup_orders()
        return arrivals >= self._warm_seconds()

    def _warm_seconds(self) -> float:
        opening = self.spec.opening_seconds
        return opening + self.spec.warmup * (self.spec.closing_seconds - opening) if self.spec.warmup else opening

    def _state(self) -> tuple[Table, list[Ids]]:
        """The orders that are there at the opening."""
        state, opening = self.spec.state, Opening(self.spec, self.tandem, self.draws)
        shape = (self.rows, len(state))
        no = np.zeros(shape, dtype=bool)
        numbers = np.broadcast_to(np.arange(-len(state), 0), shape)
        group = np.broadcast_to(np.arange(self.rows)[:, None], shape)
        ages = np.broadcast_to(np.array([order.age_seconds for order in state]), shape)
        arrivals = np.full(shape, opening.seconds)
        counts = no | self.spec.count_state
        table = Table(numbers, arrivals, ages, opening.services, group, counts, no | (not self.spec.warmup))
        self._count_busy(table)
        if self.spec.count_state:
            self._count_work(table)
        for work in opening.at_work:
            if self.slots:
                until = work.busy_until.ravel()
                self.slots.take(work.station, np.full(until.size, opening.seconds), until)
            if work.station == len(self.spec.stations) - 1:
                self._note_last(self.warm if self.spec.warmup else self.last, work.ends)
                if self.spec.count_state:
                    self._count_lengths(group[:, work.columns], work.ends - opening.seconds + ages[:, work.columns])
            if self.trace:
                elapsed = np.array([state[column].elapsed_seconds for column in work.columns])
                self.trace.add(work.station, work.columns - len(state), opening.seconds - elapsed, work.ends[0])
        return table, opening.lines

    def _carry_on(self, table: Table) -> Table:
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

    def _count_work(self, new: Table) -> None:
        for number, station in enumerate(self.spec.stations):
            work = new.services[number]
            if isinstance(station.service, Conveyor):
                work = np.full_like(work, station.service.delay_seconds)
            elif self.is_plain:
                self.work[:, number] = self.busy[:, number]
                continue
            self.work[:, number] += self._sum(new.group, work, new.counts)

    def _count_busy(self, table: Table) -> None:
        for number, service in enumerate(table.services):
            if service.shape[1]:
                self.busy[:, number] += self._sum(table.group, service, table.has_time)

    def _visit(self, number: int, visits: Visits, table: Table) -> None:
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
                group = np.broadcast_to(np.arange(self.rows)[:, None], orders.shape)
                self._count_lengths(group, visits.ends - take(table.arrivals, orders))
        else:
            waits = np.zeros_like(visits.starts)
            np.subtract(visits.starts, visits.arrivals, out=waits, where=here)
            group, counts = take(table.group, orders), take(table.counts, orders) & here
            self.line[:, number] += self._sum(group, waits, take(table.has_time, orders))
            self.wait[:, number] += self._sum(group, waits, counts)
            self.waited[:, number] += self._sum(group, (waits > 0).astype(np.float64), counts)
            if is_last:
                self._visit_last(visits, table, group, counts, here)
        if self.slots:
            services = take(table.services[number], orders)[here]
            self.slots.take(number, visits.starts[here], visits.starts[here] + services)
        if self.grid:
            self.grid.add(number, visits)
        if self.trace:
            numbers = take(table.numbers, orders)
            self.trace.add(number, numbers[here], visits.starts[here], visits.ends[here])

    def _visit_last(self, visits: Visits, table: Table, group: Ids, counts: Any, here: Any) -> None:
        arrivals = take(table.arrivals, visits.orders)
        seconds = np.full_like(arrivals, np.inf)
        np.subtract(visits.ends, arrivals, out=seconds, where=counts)
        if self.spec.state:
            seconds += take(table.ages, visits.orders)
        slot = None
        if self.slots:
            slot = np.where(take(table.numbers, visits.orders) >= 0, self.slots.of(arrivals), NO_SLOT)
        self._count_lengths(group, seconds, slot)
        spans = take(table.has_time, visits.orders) & here
        np.maximum.at(self.last, group[spans], visits.ends[spans])
        if self.spec.warmup:
            self._note_last(self.warm, np.where(here & ~spans, visits.ends, -np.inf))

    def _note_last(self, last: Array, ends: Array) -> None:
        np.maximum(last[: self.rows], ends.max(axis=1), out=last[: self.rows])

    def _count_lengths(self, group: Ids, seconds: Array, slot: Ids | None = None) -> None:
        """Of times in the system; inf does not count."""
        counts = np.isfinite(seconds)
        is_kept = seconds <= (self.spec.promise_seconds or 0.0)
        self.orders += self._sum(group, counts.astype(np.float64))
        self.seconds += self._sum(group, seconds, counts)
        if self.spec.promise_seconds is not None:
            self.kept += self._sum(group, is_kept.astype(np.float64))
        some = None if slot is None else slot[counts]
        self.lengths.add(group[counts], seconds[counts], some)
        if self.slots and some is not None:
            self.slots.count(some, seconds[counts], is_kept[counts])

    def _spans(self) -> tuple[Array, Array]:
        """Of the averages over time: from the moment when the last order before a group has left to the moment when
        its own last one has. What reaches into a group from before is, on average, what reaches out of it."""
        if self.is_batched:
            edges = np.maximum.accumulate(np.append(self.warm, self.last))
            return edges[:-1], edges[1:]
        return self.warm, np.maximum(self.last, self.warm)

    def _summed_up(self) -> Part:
        stations = len(self.spec.stations)
        none = np.zeros((stations, 0), dtype=np.int64)
        line, squares = self.grid.sums() if self.grid else (none, none)
        slots, (begin, end) = self.slots, self._spans()
        return Part(
            self.first,
            self.came,
            self.orders,
            self.seconds,
            self.kept,
            end - begin,
            np.stack([station.places_between(begin, end) for station in self.spec.stations], axis=1),
            self.wait,
            self.waited,
            self.work,
            self.busy,
            self.line,
            self.lengths.pool(),
            line,
            squares,
            slots.orders if slots else none[0],
            slots.milliseconds if slots else none[0],
            slots.kept if slots else none[0],
            slots.busy_milliseconds() if slots else none,
            self.trace.rows() if self.trace else None,
        )
