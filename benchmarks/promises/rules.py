"""The rules of others, each with what it learns from separate days."""

from collections.abc import Callable, Sequence

import numpy as np

from benchmarks.promises.boosted import boosted
from benchmarks.promises.cases import Case, Seen
from simulation.calibration import Interval

Rule = Callable[[Sequence[Seen], Sequence[Case]], list[Interval]]


def constant(history: Sequence[Seen], orders: Sequence[Case]) -> list[Interval]:
    """Promise everybody the same: what nine of ten earlier orders took."""
    low, median, high = np.quantile([order.seconds for order in history], (0.05, 0.5, 0.95))
    return [(low, median, high)] * len(orders)


def five_minutes(history: Sequence[Seen], orders: Sequence[Case]) -> list[Interval]:
    """Promise "25 to 30 minutes": the five minutes that most of the earlier orders took."""
    seconds = np.sort([order.seconds for order in history])
    inside = np.searchsorted(seconds, seconds + 300, side="right") - np.arange(seconds.size)
    low = float(seconds[int(inside.argmax())])
    return [(low, low + 150, low + 300)] * len(orders)


def queue_length(history: Sequence[Seen], orders: Sequence[Case]) -> list[Interval]:
    """Promise a time for each order in the kitchen: linear regression, and nine tenths of its residuals."""
    loads = np.array([order.open_orders for order in history], dtype=float)
    seconds = np.array([order.seconds for order in history])
    slope, base = np.polyfit(loads, seconds, 1)
    low, median, high = np.quantile(seconds - slope * loads - base, (0.05, 0.5, 0.95))
    middles = [base + slope * order.open_orders for order in orders]
    return [(max(0.0, middle + low), middle + median, middle + high) for middle in middles]


RULES: dict[str, Rule] = {
    "constant interval": constant,
    "x to x + 5 minutes": five_minutes,
    "queue length": queue_length,
    "boosted quantiles": boosted,
}


def each_way(rule: Rule, history: Sequence[Seen], orders: Sequence[Case]) -> list[Interval]:
    """Let a rule learn each way by itself."""
    intervals: dict[int, Interval] = {}
    for way in {order.way for order in orders}:
        numbers = [number for number, order in enumerate(orders) if order.way == way]
        past = [order for order in history if order.way == way]
        intervals.update(zip(numbers, rule(past, [orders[number] for number in numbers]), strict=True))
    return [intervals[number] for number in range(len(orders))]
