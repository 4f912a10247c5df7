"""Times in the system, pooled over all orders of all replications, and their percentiles.

A percentile is that of all orders together, not the mean of the replications' own. Its interval comes from sections,
groups of replications (or the batches of a single one): the share of its orders below the percentile varies from
section to section, and the percentiles at the ends of that share's interval are the ends (Woodruff, 1952).

Few times are all kept, and percentiles are exact. Many are counted in cells that are 0.2 % wide. Neither depends on
the order in which the shares of the work are joined.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from simulation.confidence import UNKNOWN, Estimate, ratio
from simulation.engine import Array, Ids

SECTIONS = 20
LEAST_SECONDS, CELL_RATIO, CELLS = 1e-3, 1.002, 14_000  # from a millisecond to 40 years
NO_SLOT = -1

Whole = NDArray[np.int64]
Small = NDArray[np.int16]


@dataclass(frozen=True)
class EachLength:
    """Every time, replication after replication."""

    seconds: Array
    section: Small
    slot: Small  # the piece of the day in which the order arrived

    @staticmethod
    def joined(parts: "Sequence[EachLength]") -> "EachLength":
        names = ("seconds", "section", "slot")
        return EachLength(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))

    @cached_property
    def rising(self) -> Array:
        return np.sort(self.seconds)

    @cached_property
    def rising_by_slot(self) -> list[Array]:
        turn = np.argsort(self.seconds)
        turn = turn[np.argsort(self.slot[turn], kind="stable")]
        edges = np.searchsorted(self.slot[turn], np.arange(self.slot.max(initial=NO_SLOT) + 2))
        return [self.seconds[turn[begin:end]] for begin, end in pairwise(edges)]

    def quantile(self, share: float, slot: int | None = None) -> float:
        """Return a quantile of all times or of one piece of the day, linear between two times; nan for none."""
        rising = self.rising if slot is None else self._rising_in(slot)
        if not rising.size:
            return math.nan
        rank = share * (rising.size - 1)
        below = math.floor(rank)
        low, high = float(rising[below]), float(rising[min(below + 1, rising.size - 1)])
        return low + (rank - below) * (high - low)

    def _rising_in(self, slot: int) -> Array:
        return self.rising_by_slot[slot] if slot < len(self.rising_by_slot) else np.zeros(0)

    def of_kind(self, kind: int) -> "EachLength":
        mine = self.section // SECTIONS == kind
        return EachLength(self.seconds[mine], self.section[mine] % SECTIONS, self.slot[mine])

    def below(self, seconds: float) -> tuple[Array, Array]:
        """Count the times of each section that are not longer, and all of them."""
        below = self.section[self.seconds <= seconds]
        return _counted(below), _counted(self.section)


def _counted(section: Small) -> Array:
    return np.bincount(section, minlength=SECTIONS).astype(np.float64)


@dataclass(frozen=True)
class LengthCells:
    """The number of times in each cell: a row for each section, then one for each piece of the day."""

    first_cell: int
    counts: Whole

    @staticmethod
    def joined(parts: "Sequence[LengthCells]") -> "LengthCells":
        some = [part for part in parts if part.counts.size] or [parts[0]]
        first = min(part.first_cell for part in some)
        last = max(part.first_cell + part.counts.shape[1] for part in some)
        counts = np.zeros((len(parts[0].counts), last - first), dtype=np.int64)
        for part in some:
            begin = part.first_cell - first
            counts[:, begin : begin + part.counts.shape[1]] += part.counts
        return LengthCells(first, counts)

    def quantile(self, share: float, slot: int | None = None) -> float:
        """Return a quantile as if the times of a cell lay evenly in it: within 0.2 %."""
        counts = self.counts[:SECTIONS].sum(axis=0) if slot is None else self.counts[SECTIONS + slot]
        reached = np.cumsum(counts)
        if not reached.size or not reached[-1]:
            return math.nan
        rank = share * (reached[-1] - 1)
        ranks = np.array([math.floor(rank), math.ceil(rank)])
        cell = np.searchsorted(reached, ranks, side="right")
        inside = (ranks - reached[cell] + counts[cell] + 0.5) / counts[cell]
        low, high = LEAST_SECONDS * CELL_RATIO ** (self.first_cell + cell + inside)
        return float(low + (rank - ranks[0]) * (high - low))

    def of_kind(self, kind: int) -> "LengthCells":
        return LengthCells(self.first_cell, self.counts[kind * SECTIONS : (kind + 1) * SECTIONS])

    def below(self, seconds: float) -> tuple[Array, Array]:
        position = float(_cell(np.array([seconds]))[0]) - self.first_cell
        cell, inside = int(position), position % 1
        counts = self.counts[:SECTIONS].astype(np.float64)
        return counts[:, :cell].sum(axis=1) + inside * counts[:, cell : cell + 1].sum(axis=1), counts.sum(axis=1)


def _cell(seconds: Array) -> Array:
    """Return the cell, with the position in it as a fraction."""
    cell: Array = np.log(np.maximum(seconds, LEAST_SECONDS) / LEAST_SECONDS) / math.log(CELL_RATIO)
    return np.minimum(cell, CELLS - 1)


Pool = EachLength | LengthCells


def joined(parts: Sequence[Pool]) -> Pool:
    return type(parts[0]).joined(parts)  # type: ignore[arg-type]


def percentile(pool: Pool, share: float) -> Estimate:
    """Estimate a percentile; it has an interval if there is more than one section."""
    value = pool.quantile(share)
    if math.isnan(value):
        return UNKNOWN
    below, there = pool.below(value)
    wide = ratio(below[there > 0], there[there > 0]).half_width
    if math.isnan(wide):
        return Estimate(value, math.nan)
    low, high = pool.quantile(max(share - wide, 0.0)), pool.quantile(min(share + wide, 1.0))
    return Estimate(value, (high - low) / 2)


class Lengths:
    """Gathers the times as they come. `sections` has a number for each replication or batch.

    With several kinds of orders, each kind has SECTIONS sections of its own: see `of_kind` of a pool.
    """

    def __init__(self, sections: Ids, slots: int, is_exact: bool, kinds: int = 1) -> None:
        self.sections, self.is_exact = sections, is_exact
        self.each: list[tuple[Ids, Array, Small]] = []
        self.counts = np.zeros((0 if is_exact else kinds * SECTIONS + slots, CELLS), dtype=np.int64)

    def add(self, group: Ids, seconds: Array, slot: Ids | None) -> None:
        """Add times, one group each; without `slot` they count in no piece of the day."""
        if self.is_exact:
            small = np.full(seconds.size, NO_SLOT, np.int16) if slot is None else slot.astype(np.int16)
            self.each.append((group, seconds, small))
            return
        cell = _cell(seconds).astype(np.intp)
        counts = self.counts.ravel()  # with one index `at` is three times as fast
        np.add.at(counts, self.sections[group] * CELLS + cell, 1)
        if slot is not None:
            inside = slot != NO_SLOT
            np.add.at(counts, (SECTIONS + slot[inside]) * CELLS + cell[inside], 1)

    def pool(self) -> Pool:
        if self.is_exact:
            if not self.each:
                return EachLength(np.zeros(0), np.zeros(0, np.int16), np.zeros(0, np.int16))
            group, seconds, slot = (np.concatenate(column) for column in zip(*self.each, strict=True))
            section = self.sections[group].astype(np.int16)
            if len(self.each) == 1:
                return EachLength(seconds, section, slot)
            turn = np.argsort(group, kind="stable")
            return EachLength(seconds[turn], section[turn], slot[turn])
        used = np.flatnonzero(self.counts.any(axis=0))
        first, last = (int(used[0]), int(used[-1]) + 1) if used.size else (0, 0)
        return LengthCells(first, self.counts[:, first:last].copy())
