"""What a run of the simulator gathers beside its sums: percentiles, the length of the lines over time, and a trace."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulation.engine import Array, Ids, Visits
from simulation.spec import Spec

SHARES = (0.05, 0.5, 0.95)
MAX_GRID = 10_000  # moments
LEAST_SECONDS, CELL_RATIO, CELLS = 1e-3, 1.002, 14_000  # of the histogram: from a millisecond to 40 years

Whole = NDArray[np.int64]


class AllLengths:
    """Every time in the system, for exact percentiles."""

    def __init__(self) -> None:
        self.group: list[Ids] = []
        self.seconds: list[Array] = []

    def add(self, group: Ids, seconds: Array) -> None:
        self.group.append(group)
        self.seconds.append(seconds)

    def quantiles(self, groups: int, rows: int) -> tuple[Array, Array]:
        """(groups, SHARES), and of each row as a whole."""
        seconds = np.concatenate(self.seconds, axis=1)
        whole = quantiles_of(seconds)
        if groups == rows:
            return whole, whole
        group = np.concatenate(self.group, axis=1)
        return np.concatenate([quantiles_of(seconds[group == number][None]) for number in range(groups)]), whole


def quantiles_of(seconds: Array) -> Array:
    """(rows, SHARES) of the finite values of each row, linear between two of them; nan for an empty row."""
    rising = np.sort(seconds, axis=1)
    count = np.isfinite(rising).sum(axis=1)
    result = np.full((len(rising), len(SHARES)), np.nan)
    some = np.flatnonzero(count)
    for place, share in enumerate(SHARES):
        rank = share * (count[some] - 1)
        below = np.floor(rank).astype(np.intp)
        low, high = rising[some, below], rising[some, np.minimum(below + 1, count[some] - 1)]
        result[some, place] = low + (rank - below) * (high - low)
    return result


class Histogram:
    """How many times in the system fell into each cell, and their sum, so that a cell stands for its own mean."""

    def __init__(self, groups: int) -> None:
        self.counts = np.zeros((groups, CELLS), dtype=np.int64)
        self.sums = np.zeros((groups, CELLS))

    def add(self, group: Ids, seconds: Array) -> None:
        counts = np.isfinite(seconds)
        values, rows = seconds[counts], group[counts]
        cell = np.log(np.maximum(values, LEAST_SECONDS) / LEAST_SECONDS) / math.log(CELL_RATIO)
        cells = np.minimum(cell.astype(np.intp), CELLS - 1)
        np.add.at(self.counts, (rows, cells), 1)
        np.add.at(self.sums, (rows, cells), values)

    def quantiles(self, groups: int, rows: int) -> tuple[Array, Array]:
        each = np.stack([_from_cells(*row) for row in zip(self.counts, self.sums, strict=True)])
        if groups == rows:
            return each, each
        return each, _from_cells(self.counts.sum(axis=0), self.sums.sum(axis=0))[None]


def _from_cells(counts: Whole, sums: Array) -> Array:
    reached = np.cumsum(counts)
    if not reached[-1]:
        return np.full(len(SHARES), np.nan)
    rank = np.array(SHARES) * (reached[-1] - 1)
    below = np.floor(rank)
    low, high = (np.searchsorted(reached, number, side="right") for number in (below, np.ceil(rank)))
    means = sums / np.maximum(counts, 1)
    result: Array = means[low] + (rank - below) * (means[high] - means[low])
    return result


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
        """The first of the moments that is not before: at that one the change has happened."""
        return np.minimum(np.ceil((seconds - self.opening) / self.step), MAX_GRID).astype(np.intp)

    def sums(self) -> tuple[Whole, Whole]:
        """Of the lengths and of their squares over the rows, (stations, moments), up to when all lines are empty."""
        length = np.cumsum(self.changes, axis=2, dtype=np.int64)[:, :, :MAX_GRID]
        used = np.flatnonzero(length.any(axis=(0, 1)))
        length = length[:, :, : used[-1] + 2 if used.size else 1]
        return length.sum(axis=1), (length**2).sum(axis=1)


class Trace:
    """Every visit of one replication."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.arrivals: dict[int, float] = dict.fromkeys(range(-len(spec.state), 0), spec.opening_seconds)
        self.visits: dict[int, list[dict[str, float | None]]] = {}

    def come(self, numbers: Ids, arrivals: Array) -> None:
        comes = np.isfinite(arrivals)
        self.arrivals.update(zip(numbers[comes].tolist(), arrivals[comes].tolist(), strict=True))

    def add(self, station: int, numbers: Ids, starts: Array, ends: Array) -> None:
        for number, start, end in zip(numbers.tolist(), starts.tolist(), ends.tolist(), strict=True):
            visits = self.visits.setdefault(number, [{"start": None, "end": None} for _ in self.spec.stations])
            visits[station] = {"start": start, "end": end}

    def rows(self) -> list[dict[str, Any]]:
        return [{"arrival": self.arrivals[number], "stations": self.visits[number]} for number in sorted(self.visits)]
