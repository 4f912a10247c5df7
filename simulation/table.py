"""The orders of a chunk: those still inside first, then those who come, in the order of their numbers."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulation.engine import Array, Ids, take


@dataclass
class Table:
    """The orders of a chunk, each (rows, columns): those still inside and those who come."""

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
