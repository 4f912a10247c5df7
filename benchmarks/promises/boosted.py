"""The strongest rival: boosted quantiles with a rolling conformal correction. It needs scikit-learn.

Gradient boosted trees predict the 5 % and the 95 % quantile from what is known when an order comes. Their interval is
then widened by as much as nine of ten of the newest outcomes needed (Romano, Patterson, Candès: Conformalized Quantile
Regression, NeurIPS 2019).
"""

import os
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from math import ceil
from typing import Any

import numpy as np

from benchmarks.promises.cases import Case, Seen
from benchmarks.promises.days import Array
from benchmarks.promises.knowing import in_turn
from benchmarks.promises.shops import DAY_SECONDS, HOUR_SECONDS
from simulation.calibration import COVERAGE, WINDOW, Interval

ENDS = ((1 - COVERAGE) / 2, 0.5, (1 + COVERAGE) / 2)
FEWEST_IN_LEAF, ROUNDS, RATE = 20, 100, 0.06
MISSING = "The rival with boosted quantiles needs scikit-learn: pip install -r requirements-dev.txt"


@cache
def regressor() -> Any:
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # read at the import; threads that wait for each other slow all down
    try:
        return import_module("sklearn.ensemble").HistGradientBoostingRegressor
    except ImportError:
        raise SystemExit(MISSING) from None


def features(orders: Sequence[Seen]) -> Array:
    rows = [
        (order.open_orders, order.open_pizzas, order.pizzas, order.at % DAY_SECONDS / HOUR_SECONDS) for order in orders
    ]
    return np.array(rows, dtype=np.float64)


def boosted(history: Sequence[Seen], orders: Sequence[Case]) -> list[Interval]:
    """Promise to orders of one way, of which all come after the history."""
    known, seconds = features(history), [order.seconds for order in history]
    model = {"loss": "quantile", "max_iter": ROUNDS, "learning_rate": RATE, "min_samples_leaf": FEWEST_IN_LEAF}
    ends = []
    for share in ENDS:
        trees = regressor()(quantile=share, random_state=0, **model).fit(known, seconds)
        ends.append(trees.predict(features(orders)))
    low, middle, high = ends
    actual = np.array([order.seconds for order in orders])
    missed = np.maximum(low - actual, actual - high)
    intervals = []
    for number, outcomes in in_turn(orders):
        newest = np.sort(missed[outcomes[-WINDOW:]])
        rank = ceil((newest.size + 1) * COVERAGE)
        wider = float(newest[rank - 1]) if rank <= newest.size else 0.0
        ends_now = (low[number] - wider, middle[number], high[number] + wider)
        intervals.append((max(0.0, float(ends_now[0])), float(ends_now[1]), float(ends_now[2])))
    return intervals
