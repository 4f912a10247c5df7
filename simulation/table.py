"""The orders of a chunk, and their items: those still inside first, then the arrivals, in the order of their numbers.

A column is what a station serves, an order or an item of one. Stations and collectors know only what stands in the
table's arrays. (order, number) rises from column to column, as the column decides between two that come at the same
moment; filler at the end of a row has no finite arrival and does not count.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulation.engine import Array, Ids, take


@dataclass
class Table:
    """Orders or items, each (rows, columns): those still inside and the arrivals."""

    numbers: Ids  # of the order, from 0; below that, the orders of the state
    arrivals: Array
    ages: Array  # at the arrival: an order of the state was placed before
    services: list[Array]  # at each station that serves these columns
    group: Ids
    counts: NDArray[np.bool_]  # in averages over orders
    has_time: NDArray[np.bool_]  # counts in averages over time
    routes: Ids | None = None  # of orders; None: all pass all stations
    sizes: Ids | None = None  # of orders: their numbers of items, where they are asked for
    order: Ids | None = None  # of items: the order's column
    places: Ids | None = None  # of items: the number within the order, from 0
    first_station: int = 0  # that serves these columns

    def keep(self, columns: Ids) -> "Table":
        return self._of(lambda array: take(array, columns))

    def beside(self, other: "Table") -> "Table":
        if not self.numbers.shape[1]:
            return other
        return self._of(lambda array, another: np.concatenate([array, another], axis=1), other)

    def _of(self, change: Callable[..., Any], *others: "Table") -> "Table":
        found = dict[str, Any]()
        for name in (item.name for item in fields(self)):
            values = [getattr(table, name) for table in (self, *others)]
            if isinstance(values[0], np.ndarray):
                found[name] = change(*values)
            elif isinstance(values[0], list):
                found[name] = [change(*arrays) for arrays in zip(*values, strict=True)]
        return replace(self, **found)


def rows_of(shape: tuple[int, ...]) -> Ids:
    """Return the number of its row for each entry: its group, where a replication is not cut into batches."""
    return np.broadcast_to(np.arange(shape[0])[:, None], shape)


class Inside(NamedTuple):
    """What is in the kitchen: its orders and, where an order can have several, the items that are not done."""

    orders: Table
    items: Table | None = None

    def beside(self, new: "Inside") -> "Inside":
        if self.items is None or new.items is None:
            return Inside(self.orders.beside(new.orders), new.items)
        assert new.items.order is not None
        moved = replace(new.items, order=new.items.order + self.orders.numbers.shape[1])
        return Inside(self.orders.beside(new.orders), self.items.beside(moved))
