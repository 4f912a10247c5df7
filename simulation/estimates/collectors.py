"""Collectors besides the sums of a run: the pieces of the day, the length of the lines over time, and a trace.

Only whole numbers (counts, milliseconds) are pooled over replications, so the result does not depend on the order in
which the shares of the work are joined.
"""

from typing import Any

import numpy as np

from simulation.engine import Array, Ids, Visits
from simulation.estimates.lengths import NO_SLOT, Whole
from simulation.spec import HOUR, Spec
from simulation.table import Table

MAX_GRID = 10_000  # moments
NO_VISIT: dict[str, float | None] = {"start": None, "end": None}


class Slots:
    """The pieces of the day: the orders that arrived in each, and for how long places were taken."""

    def __init__(self, spec: Spec) -> None:
        self.edges = HOUR * np.array(spec.slots)
        count = len(spec.slots) - 1
        self.orders, self.milliseconds, self.kept = (np.zeros(count, dtype=np.int64) for _ in range(3))
        # how many places were taken, less those given back, before the first edge, in each piece, after the last one;
        # and the sum of these moments
        self.taken, self.moments = (np.zeros((len(spec.stations), count + 2), dtype=np.int64) for _ in range(2))

    def of(self, arrivals: Array) -> Ids:
        """Return the piece of the day in which each order arrived."""
        piece = np.searchsorted(self.edges, arrivals, side="right") - 1
        return np.where(piece < len(self.orders), piece, NO_SLOT)

    def count(self, slot: Ids, seconds: Array, is_kept: Any) -> None:
        inside = slot != NO_SLOT
        for sums, values in (
            (self.orders, None),
            (self.milliseconds, np.rint(1000 * seconds[inside])),
            (self.kept, is_kept[inside]),
        ):
            sums += np.bincount(slot[inside], values, sums.size).astype(np.int64)

    def take(self, station: int, starts: Array, ends: Array) -> None:
        for sign, moments in ((1, starts), (-1, ends)):
            piece = np.searchsorted(self.edges, moments, side="right")
            counts = self.taken.shape[1]
            self.taken[station] += sign * np.bincount(piece, minlength=counts)
            self.moments[station] += sign * np.bincount(piece, np.rint(1000 * moments), counts).astype(np.int64)

    def busy_milliseconds(self) -> Whole:
        """Return for how long places of each station were taken in each piece, (stations, pieces)."""
        edges = np.rint(1000 * self.edges).astype(np.int64)
        taken, moments = (np.cumsum(sums, axis=1)[:, :-1] for sums in (self.taken, self.moments))
        until: Whole = edges * taken - moments
        return np.diff(until, axis=1)


class Grid:
    """The length of the lines at moments that lie `grid_seconds` apart, from the opening on."""

    def __init__(self, spec: Spec, rows: int) -> None:
        assert spec.grid_seconds is not None
        self.step, self.opening = spec.grid_seconds, spec.opening_seconds
        self.changes = np.zeros((len(spec.stations), rows, 1), dtype=np.int32)

    def add(self, number: int, visits: Visits) -> None:
        waits = visits.starts > visits.arrivals
        row = np.nonzero(waits)[0]
        joined, left = self._moments(visits.arrivals[waits]), self._moments(visits.starts[waits])
        width = int(min(left.max(initial=0) + 1, MAX_GRID + 1))
        if width > self.changes.shape[2]:
            more = max(width, 2 * self.changes.shape[2]) - self.changes.shape[2]
            self.changes = np.pad(self.changes, ((0, 0), (0, 0), (0, more)))
        np.add.at(self.changes[number], (row, joined), 1)
        np.add.at(self.changes[number], (row, left), -1)

    def _moments(self, seconds: Array) -> Ids:
        """Return the first moment of the grid that is not earlier: by then the change has happened."""
        return np.minimum(np.ceil((seconds - self.opening) / self.step), MAX_GRID).astype(np.intp)

    def sums(self) -> tuple[Whole, Whole]:
        """Sum the lengths and their squares over the rows, (stations, moments), up to when all lines are empty."""
        length = np.cumsum(self.changes, axis=2, dtype=np.int64)[:, :, :MAX_GRID]
        used = np.flatnonzero(length.any(axis=(0, 1)))
        length = length[:, :, : used[-1] + 2 if used.size else 1]
        return length.sum(axis=1), (length**2).sum(axis=1)


class Trace:
    """Every visit of one replication: of orders and, at stations of items, of their items."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.orders: dict[int, dict[str, Any]] = {}

    def come(self, orders: Table) -> None:
        spec = self.spec
        for column in np.flatnonzero(np.isfinite(orders.arrivals[0])).tolist():
            row: dict[str, Any] = {"arrival": float(orders.arrivals[0, column])}
            row["stations"] = [dict(NO_VISIT) for _ in spec.stations]
            if spec.by_items:
                size = spec.item_numbers[0] if orders.sizes is None else orders.sizes[0, column]
                here = range(spec.item_stations)
                row["items"] = [{"stations": [dict(NO_VISIT) for _ in here]} for _ in range(size)]
            if orders.routes is not None:
                row["route"] = spec.routes[orders.routes[0, column]].name
            self.orders[int(orders.numbers[0, column])] = row

    def add(self, station: int, table: Table, columns: Ids, starts: Array, ends: Array) -> None:
        numbers = table.numbers[0, columns].tolist()
        places = [0] * len(numbers) if table.places is None else table.places[0, columns].tolist()
        is_item = self.spec.by_items and station < self.spec.item_stations
        for number, place, start, end in zip(numbers, places, starts.tolist(), ends.tolist(), strict=True):
            row = self.orders[number]
            visits = row["items"][place]["stations"] if is_item else row["stations"]
            visits[station] = {"start": start, "end": end}

    def rows(self) -> list[dict[str, Any]]:
        return [self.orders[number] for number in sorted(self.orders)]
