"""How good the intervals of a rule are."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from benchmarks.promises.cases import Seen
from benchmarks.promises.days import Array, Flags, Ids
from simulation.calibration import COVERAGE, Interval

MOST_PIZZAS = 5  # and more


@dataclass(frozen=True)
class Score:
    """A rule's interval for each order, in seconds, with what came of it."""

    lows: Array
    highs: Array
    seconds: Array
    loads: Array  # orders in the kitchen
    pizzas: Array
    ways: NDArray[np.str_]

    @property
    def kept(self) -> Flags:
        kept: Flags = (self.lows <= self.seconds) & (self.seconds <= self.highs)
        return kept

    @property
    def percent(self) -> float:
        return 100 * float(self.kept.mean())

    @property
    def width_minutes(self) -> float:
        return float((self.highs - self.lows).mean()) / 60

    @property
    def interval_minutes(self) -> float:
        """The interval score: the width, and 2 / (1 - COVERAGE) times by how much the time is outside.

        It is least, on average, for the true quantiles (Winkler 1972; Gneiting and Raftery 2007).
        """
        outside = np.maximum(self.lows - self.seconds, 0) + np.maximum(self.seconds - self.highs, 0)
        return float((self.highs - self.lows + 2 / (1 - COVERAGE) * outside).mean()) / 60

    def by_load(self) -> list[float]:
        """Return per cent kept when calm, busy, in the rush: thirds of the orders, by how many were in the kitchen."""
        return self._thirds(self.loads)

    def by_width(self) -> list[float]:
        return self._thirds(self.highs - self.lows)

    def _thirds(self, by: Array) -> list[float]:
        ranked = self.kept[np.argsort(by, kind="stable")]
        return [100 * float(third.mean()) for third in np.array_split(ranked, 3)]

    def by_pizzas(self) -> list[float]:
        sizes = np.minimum(self.pizzas, MOST_PIZZAS)
        return [100 * float(self.kept[sizes == number].mean()) for number in sorted(set(sizes.tolist()))]

    def by_way(self) -> "dict[str, Score]":
        return {way: self.only(np.flatnonzero(self.ways == way)) for way in sorted(set(self.ways.tolist()))}

    def only(self, orders: Ids) -> "Score":
        return Score(*(getattr(self, field.name)[orders] for field in fields(self)))


def score(orders: Sequence[Seen], intervals: Sequence[Interval]) -> Score:
    lows, highs = (np.array([interval[end] for interval in intervals]) for end in (0, 2))
    return Score(
        lows,
        highs,
        np.array([order.seconds for order in orders]),
        np.array([float(order.open_orders) for order in orders]),
        np.array([float(order.pizzas) for order in orders]),
        np.array([order.way for order in orders]),
    )


def pooled(scores: Sequence[Score]) -> Score:
    return Score(*(np.concatenate([getattr(one, field.name) for one in scores]) for field in fields(Score)))
