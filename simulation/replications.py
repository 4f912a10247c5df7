"""The one driver: follow some replications of a spec together, from their draws to their sums.

`simulate`, the planner's studies and the benchmarks all take `Run(spec, first, rows).part()`; a forecast takes the
same opening forward by itself (simulation.opening). Parts of any size join to the last bit as if they had been one:
each replication's sums come from its own orders alone, and only whole numbers are pooled.

Long replications are followed CHUNK orders at a time, and what they leave are sums. A chunk's tables have a column for
each order, and for each item where an order can have several: those still inside first, then the arrivals, in the
order of their numbers, so that a column breaks ties. Chunks are cut between orders.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from simulation.draws import BLOCK, Draws
from simulation.engine import Array, Ids, take
from simulation.estimates.lengths import SECTIONS
from simulation.estimates.part import Part
from simulation.estimates.sums import Sums
from simulation.opening import Opening
from simulation.packing import Packing
from simulation.spec import Spec
from simulation.stations import Passage, Stations
from simulation.table import Inside, Table, rows_of

CHUNK, LONE_CHUNK = 2048, 8192  # orders; of a single replication
TABLE = 2**17  # orders or items of all rows of a run: as many as fit into a processor's cache
MOST_ROWS = 500
BATCHES = SECTIONS  # of a single replication
LEAST_BATCH = 10  # orders; a smaller batch says nothing


class Length(NamedTuple):
    rows: int  # replications followed together
    width: int  # orders of a chunk


def run_length(spec: Spec) -> Length:
    width = int(min(max(spec.most_orders, 1), LONE_CHUNK if spec.replications == 1 else CHUNK))
    columns = math.ceil(width * spec.mean_pizzas) if spec.fork else width
    return Length(min(max(TABLE // columns // BLOCK, 1) * BLOCK, MOST_ROWS), width)


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
        self.stations = Stations(spec, rows)
        batches = BATCHES if spec.replications == 1 and self._counted() >= BATCHES * LEAST_BATCH else None
        self.sums = Sums(spec, first, rows, batches, self.width)

    def _counted(self) -> int:
        """Return the number of orders after the warm-up, if it is known how many come."""
        is_known = self.spec.orders is not None and math.isinf(self.spec.closing_seconds)
        return (self.spec.orders or 0) - self.spec.warmup_orders if is_known else 0

    # Through the kitchen

    def part(self) -> Part:
        inside, lines = self._state()
        first = 0
        while True:
            new = self._next(first)
            arrivals = new.orders.arrivals
            first += arrivals.shape[1]
            is_last = self._is_last(first, arrivals)
            come = new.items or new.orders  # what comes to the first station
            width = (inside.items or inside.orders).numbers.shape[1]
            lines[0] = np.concatenate([lines[0], np.arange(width, width + come.numbers.shape[1])])
            inside = inside.beside(new)
            self.sums.come(new)
            self.stations.expect(new.orders)
            for passage in self.stations.run(inside, lines, None if is_last else arrivals[:, -1:]):
                self._visit(passage)
            self.check(arrivals.size)
            if is_last:
                return self.sums.part()
            inside = self.stations.carry_on(inside)
            lines = [np.arange(0)] * len(lines)

    def _is_last(self, reached: int, arrivals: Array) -> bool:
        if self.spec.orders is not None and reached >= self.spec.orders:
            return True
        return arrivals.shape[1] < self.width or bool(np.isinf(arrivals[:, -1]).all())

    def _next(self, first: int) -> Inside:
        arrivals = self.draws.arrivals(first, self.width)
        width = arrivals.shape[1]
        numbers = np.broadcast_to(np.arange(first, first + width), arrivals.shape)
        counts = np.isfinite(arrivals) & self._is_after_warmup(numbers, arrivals)
        group = rows_of(arrivals.shape)
        if self.sums.is_batched:
            group = np.maximum(numbers - self.spec.warmup_orders, 0) * BATCHES // self._counted()
        ages = np.broadcast_to(0.0, arrivals.shape)
        services = self.draws.services(first, width)
        orders = Table(numbers, arrivals, ages, services, group, counts, counts, first_station=self.spec.fork)
        if self.spec.needs_sizes:
            orders.sizes = self.draws.sizes_of_chunk()
        if self.spec.routes:
            self._send(orders, self.draws.routes(first, width))
        return Inside(orders, self._items(orders, first) if self.spec.fork else None)

    def _send(self, orders: Table, routes: Ids) -> None:
        """Send the orders on their routes; one that passes a station by takes no time there."""
        orders.routes = routes
        skips = [self.stations.skip(number, orders) for number in range(self.spec.fork, len(self.spec.stations))]
        services = zip(orders.services, skips, strict=True)
        orders.services = [service if skip is None else np.where(skip, 0.0, service) for service, skip in services]

    def _items(self, orders: Table, first: int) -> Table:
        """Return the items of these orders."""
        assert orders.sizes is not None
        packing = Packing.of(np.where(np.isfinite(orders.arrivals), orders.sizes, 0))
        order, there = packing.order, packing.is_item
        counts = take(orders.counts, order) & there if self.spec.warmup else there
        return Table(
            numbers=take(orders.numbers, order),
            arrivals=np.where(there, take(orders.arrivals, order), np.inf),
            ages=np.broadcast_to(0.0, order.shape),
            services=self.draws.item_services(first, packing),
            group=take(orders.group, order) if self.sums.is_batched else rows_of(order.shape),
            counts=counts,
            has_time=counts,
            order=order,
            places=packing.number,
        )

    def _is_after_warmup(self, numbers: Ids, arrivals: Array) -> Any:
        if not self.spec.warmup:
            return True
        if self.spec.orders is not None:
            return numbers >= self.spec.warmup_orders
        return arrivals >= self.spec.warm_seconds

    def _state(self) -> tuple[Inside, list[Ids]]:
        """Return the orders that are there at the opening, and the stations' lines."""
        opening = Opening(self.spec, self.stations, self.draws)
        self.sums.open(opening)
        return opening.inside, opening.lines

    def _visit(self, passage: Passage) -> None:
        self.sums.visit(passage)
