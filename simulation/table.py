"""The orders of a chunk: those still inside first, then the arrivals, in the order of their numbers.

A column is what the stations serve, today an order. Stations and collectors know only what stands in the table's
arrays, so a column can become an item of an order:

- `numbers` is the number of a column's order. Items of one order share it, and their own number would stand beside it;
  (order, number) must rise from column to column, as the column decides between two that come at the same moment.
- `services` is one array per station, in the unit that the station serves. `simulation.draws` draws service times
  pizza by pizza in the order of the orders, and sums them up last.
- A station that serves orders would be given the latest of an order's items, `Visits.orders` being orders from there
  on; one that a route skips, a column with arrival -inf and service 0, and a bound that does not rise.
- `group`, `counts` and `has_time` say where a column is counted, and chunks are cut between orders.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulation.engine import Array, Ids, take


@dataclass
class Table:
    """The orders of a chunk, each (rows, columns): those still inside and the arrivals."""

    numbers: Ids  # from 0; below that, the orders of the state
    arrivals: Array
    ages: Array  # at the arrival: an order of the state was placed before
    services: list[Array]
    group: Ids
    counts: NDArray[np.bool_]  # in averages over orders
    has_time: NDArray[np.bool_]  # counts in averages over time

    def keep(self, columns: Ids) -> "Table":
        return Table(
            take(self.numbers, columns),
            take(self.arrivals, columns),
            take(self.ages, columns),
            [take(service, columns) for service in self.services],
            take(self.group, columns),
            take(self.counts, columns),
            take(self.has_time, columns),
        )

    def beside(self, other: "Table") -> "Table":
        if not self.numbers.shape[1]:
            return other

        def joined(name: str) -> Any:
            return np.concatenate([getattr(self, name), getattr(other, name)], axis=1)

        services = [np.concatenate(pair, axis=1) for pair in zip(self.services, other.services, strict=True)]
        return Table(
            joined("numbers"),
            joined("arrivals"),
            joined("ages"),
            services,
            joined("group"),
            joined("counts"),
            joined("has_time"),
        )
