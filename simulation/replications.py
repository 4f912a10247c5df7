"""The one driver: follow some replications of a spec together, from their draws to their sums.

`simulate`, the planner's studies and the benchmarks all take `Run(spec, first, rows).part()`; a forecast takes the
same opening forward by itself (simulation.opening). Parts of any size join to the last bit as if they had been one:
each replication's sums come from its own orders alone, and only whole numbers are pooled.

Long replications are followed CHUNK orders at a time, and what they leave are sums. The columns of a chunk's table are
orders: those still inside first, then the arrivals, in the order of their numbers, so that a column breaks ties. All
that is known of a column stands in the table, and stations see columns only. A finer column (an order's pizzas, with
the order's number beside its own) is a change of the table and of `Draws.services`, which sums pizzas up to orders.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from simulation.draws import BLOCK, Draws
from simulation.engine import Array, Ids, Visits
from simulation.lengths import SECTIONS
from simulation.opening import Opening, tandem_of
from simulation.spec import Spec
from simulation.sums import Part, Sums
from simulation.table import Table

CHUNK, LONE_CHUNK = 2048, 8192  # orders; of a single replication
TABLE = 2**17  # orders of all rows of a run: as many as fit into a processor's cache
MOST_ROWS = 500
BATCHES = SECTIONS  # of a single replication
LEAST_BATCH = 10  # orders; a smaller batch says nothing


class Length(NamedTuple):
    rows: int  # replications followed together
    width: int  # orders of a chunk


def run_length(spec: Spec) -> Length:
    width = int(min(max(spec.most_orders, 1), LONE_CHUNK if spec.replications == 1 else CHUNK))
    return Length(min(max(TABLE // width // BLOCK, 1) * BLOCK, MOST_ROWS), width)


Check = Callable[[int], None]


def do_nothing(orders: int) -> None:
    pass


class Run:
    """Replications `first` to `first + rows`, followed together. Use it once.

    `check` is called after each chunk with the number of orders in it; what it raises ends the run.
    """

    def __init__(self, spec: Spec, first: int, rows: int, check: Check = do_nothing) -> None:
        self.spec, self.first, self.rows, self.check = spec, first, rows, check
        self.width = run_length(spec).width
        self.draws = Draws(spec, first, rows)
        self.tandem = tandem_of(spec, rows)
        batches = BATCHES if spec.replications == 1 and self._counted() >= BATCHES * LEAST_BATCH else None
        self.sums = Sums(spec, first, rows, batches, self.width)

    def _counted(self) -> int:
        """Return the number of orders after the warm-up, if it is known how many come."""
        is_known = self.spec.orders is not None and math.isinf(self.spec.closing_seconds)
        return (self.spec.orders or 0) - self.spec.warmup_orders if is_known else 0

    # Through the kitchen

    def part(self) -> Part:
        table, lines = self._state()
        first = 0
        while True:
            new = self._next(first)
            first += new.numbers.shape[1]
            is_last = self._is_last(first, new.arrivals)
            width = table.numbers.shape[1]
            lines[0] = np.concatenate([lines[0], np.arange(width, width + new.numbers.shape[1])])
            table = table.beside(new)
            self.sums.come(new)
            bound = None if is_last else new.arrivals[:, -1:]
            for number, visits in enumerate(self.tandem.run(table.arrivals, table.services, lines, bound)):
                self._visit(number, visits, table)
            self.check(new.numbers.size)
            if is_last:
                return self.sums.part()
            table = self._carry_on(table)
            lines = [np.arange(0)] * len(lines)

    def _is_last(self, reached: int, arrivals: Array) -> bool:
        if self.spec.orders is not None and reached >= self.spec.orders:
            return True
        return arrivals.shape[1] < self.width or bool(np.isinf(arrivals[:, -1]).all())

    def _next(self, first: int) -> Table:
        arrivals = self.draws.arrivals(first, self.width)
        width = arrivals.shape[1]
        numbers = np.broadcast_to(np.arange(first, first + width), arrivals.shape)
        counts = np.isfinite(arrivals) & self._is_after_warmup(numbers, arrivals)
        group = np.broadcast_to(np.arange(self.rows)[:, None], arrivals.shape)
        if self.sums.is_batched:
            group = np.maximum(numbers - self.spec.warmup_orders, 0) * BATCHES // self._counted()
        ages = np.broadcast_to(0.0, arrivals.shape)
        return Table(numbers, arrivals, ages, self.draws.services(first, width), group, counts, counts)

    def _is_after_warmup(self, numbers: Ids, arrivals: Array) -> Any:
        if not self.spec.warmup:
            return True
        if self.spec.orders is not None:
            return numbers >= self.spec.warmup_orders
        return arrivals >= self.spec.warm_seconds

    def _state(self) -> tuple[Table, list[Ids]]:
        """Make a table of the orders that are there at the opening."""
        state, opening = self.spec.state, Opening(self.spec, self.tandem, self.draws)
        shape = (self.rows, len(state))
        no = np.zeros(shape, dtype=bool)
        numbers = np.broadcast_to(np.arange(-len(state), 0), shape)
        group = np.broadcast_to(np.arange(self.rows)[:, None], shape)
        ages = np.broadcast_to(np.array([order.age_seconds for order in state]), shape)
        arrivals = np.full(shape, opening.seconds)
        counts = no | self.spec.count_state
        table = Table(numbers, arrivals, ages, opening.services, group, counts, no | (not self.spec.warmup))
        self.sums.open(opening, table)
        return table, opening.lines

    def _carry_on(self, table: Table) -> Table:
        """Return the table of the orders that are still inside, renumbered."""
        inside = np.zeros(table.numbers.shape, dtype=bool)
        for columns in self.tandem.inside():
            row, index = np.nonzero(columns >= 0)
            inside[row, columns[row, index]] = True
        width = int(inside.sum(axis=1).max(initial=0))
        self.tandem.renumber(np.maximum(np.cumsum(inside, axis=1) - 1, 0))
        return table.keep(np.argsort(~inside, axis=1, kind="stable")[:, :width])

    def _visit(self, number: int, visits: Visits, table: Table) -> None:
        self.sums.visit(number, visits, table)
