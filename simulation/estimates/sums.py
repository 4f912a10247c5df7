"""The results of a run: sums for each replication, or for each batch of a single one, and counts that are pooled."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulation.engine import Array, Ids, Visits, take
from simulation.estimates.collectors import Grid, Slots, Trace
from simulation.estimates.kinds import Kinds
from simulation.estimates.lengths import NO_SLOT, SECTIONS, Lengths
from simulation.estimates.part import Part as Part
from simulation.estimates.row_sums import row_sums
from simulation.opening import Opening
from simulation.spec import Conveyor, Present, Spec, Times
from simulation.stations import Passage, exit_of, skipping
from simulation.table import Inside, Table, rows_of

EXACT = 50_000  # times in the system that are all kept; beyond that, percentiles come from a histogram
FEW_BATCHES = 8


class Sums:
    """Adds up the visits of `rows` replications; `groups` is BATCHES if they are one, cut into batches."""

    def __init__(self, spec: Spec, first: int, rows: int, batches: int | None, width: int) -> None:
        self.spec, self.first, self.rows, self.is_batched = spec, first, rows, batches is not None
        self.groups = batches or rows
        stations = len(spec.stations)
        # every order of the table arrives and counts, and a group is a row: plain sums do
        self.is_plain = (
            spec.orders is not None
            and spec.orders <= width
            and (isinstance(spec.arrivals, Times) or math.isinf(spec.closing_seconds))
            and not (spec.warmup or spec.state or spec.slots or spec.routes or spec.needs_sizes or self.is_batched)
        )
        self.exit, self.is_simple = exit_of(spec), not (spec.routes or spec.fork)
        self.skipping = [skipping(spec.routes, number) for number in range(stations)]
        self.all_count = not spec.warmup and (not spec.state or spec.count_state)
        self.came = np.zeros(rows, dtype=np.int64)
        self.orders, self.seconds, self.kept = (np.zeros(self.groups) for _ in range(3))
        shape = (self.groups, stations)
        self.wait, self.waited, self.work, self.busy, self.line, self.visits = (np.zeros(shape) for _ in range(6))
        begin = spec.warm_seconds if spec.orders is None else spec.opening_seconds
        self.warm = np.full(rows, begin)  # when the last order that does not count left
        self.last = np.full(self.groups, spec.opening_seconds)  # and the last that does
        sections = (np.arange(self.groups) if self.is_batched else first + np.arange(rows)) % SECTIONS
        is_exact = spec.most_orders <= width and spec.most_orders * spec.replications <= EXACT
        self.lengths = Lengths(sections, max(len(spec.slots) - 1, 0), is_exact)
        self.kinds = Kinds(spec, self.groups, sections, is_exact)
        self.slots = Slots(spec) if spec.slots else None
        self.grid = Grid(spec, rows) if spec.grid_seconds is not None else None
        self.trace = Trace(spec) if spec.trace else None

    def come(self, new: Inside) -> None:
        self.came += np.isfinite(new.orders.arrivals).sum(axis=1)
        for table in (new.items, new.orders):
            if table is not None:
                self.count_work(table, self.count_busy(table))
                if not self.is_simple:
                    self._count_visits(table)
        if self.trace:
            self.trace.come(new.orders)

    def _count_visits(self, new: Table) -> None:
        everywhere = self._count(new.group, new.counts)
        for number in range(new.first_station, new.first_station + len(new.services)):
            visitors = self._visitors(number, new)
            all_come = visitors is new.counts
            self.visits[:, number] += everywhere if all_come else self._count(new.group, visitors)

    def _visitors(self, number: int, new: Table) -> NDArray[np.bool_]:
        """Return True for those who count and do not pass this station by."""
        skipping = self.skipping[number]
        return new.counts if skipping is None or new.routes is None else new.counts & ~skipping.take(new.routes)

    def open(self, opening: Opening) -> None:
        """Count what is there at the opening; those at work began before it."""
        for table in opening.inside:
            if table is not None:
                busy = self.count_busy(table)
                if self.spec.count_state:
                    self.count_work(table, busy)
        if self.spec.count_state and not self.is_simple:
            self._count_visits_of_state()
        if self.trace:
            self.trace.come(opening.inside.orders)
        orders = opening.inside.orders
        for work in opening.at_work:
            if self.slots:
                until = work.busy_until.ravel()
                self.slots.take(work.station, np.full(until.size, opening.seconds), until)
            if work.station == self.exit:
                self.note_last(self.warm if self.spec.warmup else self.last, work.ends)
                if self.spec.count_state:
                    ages = orders.ages[:, work.columns]
                    seconds = work.ends - opening.seconds + ages
                    self._count_lengths(orders, work.columns, orders.group[:, work.columns], seconds)
            if self.trace:
                there = self.spec.standing_for(work.station)
                elapsed = np.array([there[column].elapsed_seconds for column in work.columns])
                self.trace.add(
                    work.station, opening.table_at(work.station), work.columns, opening.seconds - elapsed, work.ends[0]
                )

    def _count_visits_of_state(self) -> None:
        for number in range(len(self.spec.stations)):
            for one in self.spec.standing_for(number):
                route = one.route if isinstance(one, Present) else 0
                self.visits[: self.rows, number] += one.station <= number and self.spec.is_on(number, route)

    def _sum(self, group: Ids, values: Array, counts: NDArray[np.bool_] | None = None) -> Array:
        """Sum up what counts, for each group. A row's sum must not depend on the other rows: numpy adds up equally
        wide rows in the same way, and where their widths differ bincount adds one number after the other, or, where a
        group is a row, `row_sums` does it faster."""
        if self.is_plain:
            total: Array = values.sum(axis=1)
            return total
        weights = values if counts is None or counts.all() else np.where(counts, values, 0.0)
        if not (self.is_simple or self.is_batched):
            return row_sums(weights)
        return np.bincount(group.ravel(), weights.ravel(), self.groups).astype(np.float64, copy=False)

    def _count(self, group: Ids, counts: NDArray[np.bool_]) -> Array:
        """Count for each group."""
        if self.is_batched:
            return np.bincount(group[counts], minlength=self.groups).astype(np.float64)
        found: Array = np.count_nonzero(counts, axis=1).astype(np.float64)
        return found

    def count_work(self, new: Table, busy: list[Array]) -> None:
        """Count the time from begin to end; except on a belt, it is that for which places are taken."""
        for number, (work, sums) in enumerate(zip(new.services, busy, strict=True), new.first_station):
            service = self.spec.stations[number].service
            if isinstance(service, Conveyor):
                work = np.full_like(work, service.delay_seconds)
                if not self.is_simple:
                    work = np.where(self._visitors(number, new), work, 0.0)
            elif new.has_time is new.counts:
                self.work[:, number] += sums
                continue
            self.work[:, number] += self._sum(new.group, work, new.counts)

    def count_busy(self, table: Table) -> list[Array]:
        """Count the time for which places are taken, and return it."""
        sums = [self._sum(table.group, service, table.has_time) for service in table.services]
        for number, busy in enumerate(sums, table.first_station):
            self.busy[:, number] += busy
        return sums

    def visit(self, passage: Passage) -> None:
        number, visits, table = passage
        if not visits.orders.shape[1]:
            return
        if self.is_plain:
            self._visit_plainly(number, visits, table)
        else:
            self._visit_counting(number, visits, table)
        if number == len(self.spec.stations):
            return
        if self.grid:
            self.grid.add(number, visits)
        if self.slots or self.trace:
            self._visit_closely(number, visits, table)

    def _visit_plainly(self, number: int, visits: Visits, table: Table) -> None:
        orders, waits = visits.orders, visits.starts - visits.arrivals
        self.wait[:, number] = self.line[:, number] = self._sum(orders, waits)
        self.waited[:, number] = np.count_nonzero(waits, axis=1)
        if number == len(self.spec.stations) - 1:
            self.last = visits.ends.max(axis=1)
            self._count_lengths(table, orders, rows_of(orders.shape), visits.ends - take(table.arrivals, orders))

    def _visit_counting(self, number: int, visits: Visits, table: Table) -> None:
        orders, here = visits.orders, np.isfinite(visits.arrivals)
        group = take(table.group, orders) if self.is_batched else rows_of(orders.shape)
        counts = here if self.all_count else take(table.counts, orders) & here
        if number < len(self.spec.stations):
            self._count_waits(number, visits, table, group, counts)
        if number == self.exit:
            self._visit_last(visits, table, group, counts, here)

    def _count_waits(self, number: int, visits: Visits, table: Table, group: Ids, counts: NDArray[np.bool_]) -> None:
        """Count the time in line; one that passes by begins at its arrival, and so does not wait."""
        orders, here = visits.orders, np.isfinite(visits.arrivals)
        waits = np.zeros_like(visits.starts)
        np.subtract(visits.starts, visits.arrivals, out=waits, where=here)
        wait = self._sum(group, waits, counts)
        self.wait[:, number] += wait
        self.line[:, number] += wait if self.all_count else self._sum(group, waits, take(table.has_time, orders))
        self.waited[:, number] += self._count(group, (waits > 0) & counts)

    def _visit_closely(self, number: int, visits: Visits, table: Table) -> None:
        orders, here = visits.orders, np.isfinite(visits.arrivals)
        if visits.passes is not None:
            here &= ~visits.passes
        if self.slots:
            services = take(table.services[number - table.first_station], orders)[here]
            self.slots.take(number, visits.starts[here], visits.starts[here] + services)
        if self.trace:
            self.trace.add(number, table, orders[here], visits.starts[here], visits.ends[here])

    def _visit_last(self, visits: Visits, table: Table, group: Ids, counts: Any, here: Any) -> None:
        arrivals = take(table.arrivals, visits.orders)
        seconds = np.full_like(arrivals, np.inf)
        np.subtract(visits.ends, arrivals, out=seconds, where=counts)
        if self.spec.state:
            seconds += take(table.ages, visits.orders)
        slot = None
        if self.slots:
            slot = np.where(take(table.numbers, visits.orders) >= 0, self.slots.of(arrivals), NO_SLOT)
        self._count_lengths(table, visits.orders, group, seconds, slot)
        spans = here if self.all_count else take(table.has_time, visits.orders) & here
        self._note_last_of_groups(group[spans], visits.ends[spans])
        if self.spec.warmup:
            self.note_last(self.warm, np.where(here & ~spans, visits.ends, -np.inf))

    def _note_last_of_groups(self, group: Ids, ends: Array) -> None:
        """Note the last of each group. A chunk of a long run has few of its batches."""
        here = range(int(group.min()), int(group.max()) + 1) if self.is_batched and group.size else range(0)
        if not 0 < len(here) <= FEW_BATCHES:
            np.maximum.at(self.last, group, ends)
            return
        for number in here:
            self.last[number] = max(self.last[number], ends[group == number].max(initial=-np.inf))

    def note_last(self, last: Array, ends: Array) -> None:
        np.maximum(last[: self.rows], ends.max(axis=1), out=last[: self.rows])

    def _count_lengths(self, table: Table, columns: Ids, group: Ids, seconds: Array, slot: Ids | None = None) -> None:
        """Count times in the system; inf is none. `columns` of the table are the same in all rows, or (rows, n)."""
        counts = np.isfinite(seconds)
        if self.kinds.count:
            self.kinds.add(table, columns, group, seconds, counts)
        self.orders += self._count(group, counts)
        self.seconds += self._sum(group, seconds, counts)
        if self.spec.promise_seconds is not None:
            self.kept += self._count(group, seconds <= self.spec.promise_seconds)
        if counts.all():
            group, seconds, slot = group.ravel(), seconds.ravel(), None if slot is None else slot.ravel()
        else:
            group, seconds, slot = group[counts], seconds[counts], None if slot is None else slot[counts]
        self.lengths.add(group, seconds, slot)
        if self.slots and slot is not None:
            self.slots.count(slot, seconds, seconds <= (self.spec.promise_seconds or 0.0))

    def _spans(self) -> tuple[Array, Array]:
        """Return the begin and end of the averages over time: when the last order before a group left, and when its
        own last one did. What reaches into a group from before is, on average, what reaches out of it."""
        if self.is_batched:
            edges = np.maximum.accumulate(np.append(self.warm, self.last))
            return edges[:-1], edges[1:]
        return self.warm, np.maximum(self.last, self.warm)

    def part(self) -> Part:
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
            np.stack([station.capacity_seconds(begin, end) for station in self.spec.stations], axis=1),
            self.wait,
            self.waited,
            self.work,
            self.busy,
            self.line,
            np.repeat(self.orders[:, None], stations, axis=1) if self.is_simple else self.visits,
            self.kinds.orders.T,
            self.kinds.seconds.T,
            self.kinds.kept.T,
            self.lengths.pool(),
            line,
            squares,
            slots.orders if slots else none[0],
            slots.milliseconds if slots else none[0],
            slots.kept if slots else none[0],
            slots.busy_milliseconds() if slots else none,
            self.kinds.pool() if self.kinds.count else None,
            self.trace.rows() if self.trace else None,
        )
