"""Orders of different kinds: the time in the system by route, and by the number of items."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from simulation.engine import Array, Ids, take
from simulation.estimates.lengths import SECTIONS, Lengths, Pool
from simulation.spec import Spec
from simulation.table import Table


def kinds_of(spec: Spec) -> int:
    """Return how many kinds there are: first the routes, then the numbers of items, if they differ."""
    return len(spec.routes) + (len(spec.item_numbers) if has_sizes(spec) else 0)


def has_sizes(spec: Spec) -> bool:
    return spec.by_items and len(spec.item_numbers) > 1


class Kinds:
    """Sums for each group and kind, and the times in the system of each kind."""

    def __init__(self, spec: Spec, groups: int, sections: Ids, is_exact: bool) -> None:
        self.spec, self.groups, self.count = spec, groups, kinds_of(spec)
        self.numbers = np.array(spec.item_numbers)
        shape = (self.count, groups)
        self.orders, self.seconds, self.kept = (np.zeros(shape) for _ in range(3))
        rows = (np.arange(self.count)[:, None] * SECTIONS + sections).ravel()
        self.lengths = Lengths(rows, 0, is_exact, self.count)

    def add(self, table: Table, columns: Ids, group: Ids, seconds: Array, counts: NDArray[np.bool_]) -> None:
        """Add the times of these columns of a table of orders, the same in all rows or (rows, n)."""
        group, times = group[counts], seconds[counts]
        kept = times <= (self.spec.promise_seconds or 0.0)
        for kind in self._kinds(table):
            found = kind[:, columns] if columns.ndim == 1 else take(kind, columns)
            key = found[counts] * self.groups + group
            for sums, weights in ((self.orders, None), (self.seconds, times), (self.kept, kept)):
                sums += np.bincount(key, weights, sums.size).reshape(sums.shape)
            self.lengths.add(key, times, None)

    def _kinds(self, table: Table) -> Iterator[Ids]:
        if self.spec.routes and table.routes is not None:
            yield table.routes
        if has_sizes(self.spec) and table.sizes is not None:
            yield len(self.spec.routes) + np.searchsorted(self.numbers, table.sizes)

    def pool(self) -> Pool:
        return self.lengths.pool()
