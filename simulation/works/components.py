"""Measure what the pizzas of one order have in common: mean, own and shared spread, by the method of moments.

Work on a pizza is mean + what its order shares + what is its own, so the work on n pizzas of one order has the
variance n·own² + n²·shared² (the random effects of Searle, Casella, McCulloch: Variance Components, 1992, chapter 3).
No part is ever below zero: where the pizzas of an order differ no less than those of others, they share nothing.
"""

from collections.abc import Sequence
from math import sqrt
from typing import NamedTuple

import numpy as np


class Components(NamedTuple):
    """All in seconds, for one pizza."""

    mean: float
    own: float
    shared: float

    @property
    def spread(self) -> float:
        return sqrt(self.own**2 + self.shared**2)


def of_items(groups: Sequence[Sequence[float]]) -> Components:
    """Measure from the seconds of single pizzas, a group for each order: an analysis of variance in one way."""
    groups = [group for group in groups if group]
    if not groups:
        return Components(0.0, 0.0, 0.0)
    sizes = np.array([len(group) for group in groups])
    each = np.concatenate([np.asarray(group, dtype=np.float64) for group in groups])
    mean, total, number = float(each.mean()), float(each.var()), int(sizes.sum())
    within_degrees, between_degrees = number - sizes.size, sizes.size - 1
    if not within_degrees or not between_degrees:
        return Components(mean, sqrt(total), 0.0)
    means = np.add.reduceat(each, np.cumsum(sizes) - sizes) / sizes
    within = float(((each - np.repeat(means, sizes)) ** 2).sum()) / within_degrees
    between = float((sizes * (means - mean) ** 2).sum()) / between_degrees
    weight = (number - float((sizes**2).sum()) / number) / between_degrees
    shared = min(max(0.0, (between - within) / weight), total)
    return Components(mean, sqrt(total - shared), sqrt(shared))


def of_orders(works: Sequence[tuple[int, float]]) -> Components:
    """Measure from (pizzas, seconds) of whole orders: how their squared errors grow with the pizzas.

    Two moments, the squared errors divided by n and by n², are solved for the two parts.
    """
    works = [work for work in works if work[0] > 0]
    if not works:
        return Components(0.0, 0.0, 0.0)
    sizes, seconds = np.array(works, dtype=np.float64).T
    mean = float(seconds.sum() / sizes.sum())
    squares = (seconds - sizes * mean) ** 2
    if np.ptp(sizes) == 0:  # nothing to tell the parts by
        return Components(mean, sqrt(float(squares.sum() / sizes.sum())), 0.0)
    matrix = np.array([[sizes.size, sizes.sum()], [(1 / sizes).sum(), sizes.size]])
    own, shared = np.linalg.solve(matrix, [(squares / sizes).sum(), (squares / sizes**2).sum()])
    if shared < 0:
        own, shared = float(squares.sum() / sizes.sum()), 0.0
    elif own < 0:
        own, shared = 0.0, float(squares.sum() / (sizes**2).sum())
    return Components(mean, sqrt(own), sqrt(shared))
