"""Items packed side by side: those of a row's first order, then those of its second, filler at the end of the row."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulation.engine import Ids, take


@dataclass(frozen=True)
class Packing:
    """The items of some orders, (rows, columns) each. A row is as wide as the one with most items."""

    order: Ids  # the column of its order; for filler the last one
    number: Ids  # within its order, from 0
    is_item: NDArray[np.bool_]  # False for filler

    @staticmethod
    def of(sizes: Ids) -> "Packing":
        """Pack orders with these numbers of items, (rows, orders)."""
        rows, orders = sizes.shape
        total = sizes.sum(axis=1)
        width = int(total.max(initial=0))
        counts = np.concatenate([sizes, (width - total)[:, None]], axis=1)
        order = np.repeat(np.tile(np.arange(orders + 1), rows), counts.ravel()).reshape(rows, width)
        is_item = order < orders
        order = np.minimum(order, max(orders - 1, 0))
        number = np.arange(width) - take(first_items(sizes), order) if width else order
        return Packing(order, number, is_item)


def first_items(sizes: Ids) -> Ids:
    """Return the column of each order's first item, (rows, orders)."""
    first: Ids = np.cumsum(sizes, axis=1) - sizes
    return first
