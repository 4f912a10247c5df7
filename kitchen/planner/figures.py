"""What simulated days leave behind: sums of each day and a histogram, and what can be said from them, with how surely.

A day is one replication. Nothing here grows with the number of orders. Figures of different days are joined by
putting them one behind the other, in the order of the days, so that the answer is the same however the days were
shared out among workers, to the last bit.
"""

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulation.confidence import student

Array = NDArray[Any]
Floats = NDArray[np.float64]

LEAST_SECONDS, BIN_RATIO, BINS = 1.0, 1.02, 700  # of the histogram: 2 % wide each, from a second to twelve days


@dataclass(frozen=True)
class Figures:
    """Of some days (rows) and all scenarios (second axis). Slots are pieces of the day, the orders' by their coming.

    Orders that are in the kitchen at the beginning count for the day, but for no slot.
    """

    orders: Array  # (days, scenarios)
    seconds: Array  # (days, scenarios): from order to door, summed over the orders
    kept: Array  # (days, scenarios): orders that were there within the promise
    wait_seconds: Array  # (days, scenarios, stations), summed over the orders
    slot_orders: Array  # (blocks, scenarios, slots)
    slot_seconds: Array
    slot_kept: Array
    slot_busy: Array  # (blocks, scenarios, stations, slots): place-seconds
    histogram: Array  # (1, scenarios, slots + 1, BINS): orders; the last row is for those that came before

    def pack(self) -> bytes:
        """For a column of the database; `unpack` reads it."""
        file = io.BytesIO()
        np.savez_compressed(file, **vars(self))
        return file.getvalue()


def unpack(packed: bytes) -> Figures:
    with np.load(io.BytesIO(packed), allow_pickle=False) as arrays:
        return Figures(**{item.name: arrays[item.name] for item in fields(Figures)})


def join(parts: Sequence[Figures]) -> Figures:
    """In the order of the days. At least one."""
    columns = {item.name: np.concatenate([getattr(part, item.name) for part in parts]) for item in fields(Figures)}
    columns["histogram"] = columns["histogram"].sum(axis=0, keepdims=True)  # whole numbers: exact in any order
    return Figures(**columns)


def bins_of(seconds: Floats) -> NDArray[np.int64]:
    """Which bin of the histogram each is in."""
    numbers = np.log(np.maximum(seconds, LEAST_SECONDS) / LEAST_SECONDS) / math.log(BIN_RATIO)
    return np.minimum(numbers.astype(np.int64), BINS - 1)


def quantile_seconds(counts: Array, share: float) -> float | None:
    """From one row of the histogram, within 2 %; None if nobody came."""
    total = int(counts.sum())
    if not total:
        return None
    reached = np.cumsum(counts)
    number = int(np.searchsorted(reached, share * total))
    before = reached[number - 1] if number else 0
    inside = (share * total - before) / counts[number]
    return float(LEAST_SECONDS * BIN_RATIO ** (number + inside))


@dataclass(frozen=True)
class Estimate:
    """A value and the half-width of its 95 % confidence interval over the days."""

    value: float
    half_width: float

    @property
    def is_sure(self) -> bool:
        """Other than 0."""
        return abs(self.value) > self.half_width

    def as_dict(self, digits: int = 6) -> dict[str, float | None]:
        wide = round(self.half_width, digits) if math.isfinite(self.half_width) else None
        return {"value": round(self.value, digits), "half_width": wide}


def ratio(above: Floats, below: Floats) -> Estimate | None:
    """Of two sums over the days, such as all seconds over all orders; None if there is nothing to divide by.

    The half-width is the ratio estimator's: that of the mean of (above - ratio * below) / mean(below).
    """
    return None if not below.sum() else _estimate(*_linear(above, below))


def difference(above: Floats, below: Floats, other_above: Floats, other_below: Floats) -> Estimate | None:
    """One ratio less another on the same days: what the days have in common is not counted as chance."""
    if not below.sum() or not other_below.sum():
        return None
    value, around = _linear(above, below)
    other, other_around = _linear(other_above, other_below)
    return _estimate(value - other, around - other_around)


def _linear(above: Floats, below: Floats) -> tuple[float, Floats]:
    value = float(above.sum() / below.sum())
    return value, (above - value * below) / below.mean()


def _estimate(value: float, around: Floats) -> Estimate:
    days = len(around)
    if days < 2:
        return Estimate(value, math.inf)
    deviation = math.sqrt(float((around**2).sum()) / (days - 1))
    return Estimate(value, student(days - 1) * deviation / math.sqrt(days))
