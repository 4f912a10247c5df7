"""Look ahead for those who come after a look ahead, without running all others forward again.

Who was there is run forward once, as the simulator does with a chunk of orders when others follow: what nobody new can
change any more is settled, and what is left is about what stands in the stations' places. A newcomer is the next
chunk. The answer is that of looking ahead for all, to the bit.
"""

from collections.abc import Sequence
from copy import deepcopy

import numpy as np

from simulation.calibration import Interval
from simulation.engine import Array, Ids
from simulation.lookahead import PATHS, RANKS, KeptDraws, Standing, Workplace, spec_of
from simulation.pieces import Pieces
from simulation.table import Inside, Table, rows_of


class Newcomers:
    """The kitchen on each path, and who has come since. Seconds are counted from the look ahead."""

    def __init__(
        self, places: Sequence[Workplace], orders: Sequence[Standing], routes: Sequence[tuple[int, ...] | None]
    ) -> None:
        """routes: those that newcomers can take."""
        pieces = Pieces(places, orders, routes)
        while pieces.left:
            for _ in pieces.run_next():
                pass
        assert pieces.inside is not None
        self.places, self.routes, self.spec, self.stations = places, pieces.routes, pieces.spec, pieces.stations
        self.inside, self.came = pieces.inside, 0.0

    def look_ahead(self, order: Standing, seconds: float) -> Interval:
        """Return (low, median, high) of an order that comes then, in seconds from then.

        No station on its way is closed.
        """
        inside, lines = self._with(order, seconds)
        stations = deepcopy(self.stations, {id(self.spec): self.spec})
        stations.expect(_last_of(inside.orders))
        *_, last = stations.run(inside, lines)
        ends = last.visits.ends[last.visits.orders == inside.orders.numbers.shape[1] - 1]
        low, median, high = (np.partition(ends, RANKS)[list(RANKS)] - seconds).tolist()
        return low, median, high

    def add(self, order: Standing, seconds: float) -> None:
        """Let an order in that comes then, after all others."""
        self.inside, lines = self._with(order, seconds)
        self.came = max(self.came, seconds)
        self.stations.expect(_last_of(self.inside.orders))
        self._settle(lines)

    def _settle(self, lines: Sequence[Ids]) -> None:
        """Run forward what nobody can change who comes later than the last."""
        for _ in self.stations.run(self.inside, lines, np.full((PATHS, 1), self.came)):
            pass
        self.inside = self.stations.carry_on(self.inside)

    def _with(self, order: Standing, seconds: float) -> tuple[Inside, list[Ids]]:
        """Return what is inside with an order that comes then, and the lines it stands in: the first."""
        draws = KeptDraws(spec_of(self.places, [order]), self.places, [order])
        fork = self.spec.fork
        services = [draws.present(number) for number in range(len(self.places))]
        passed = range(len(self.places)) if order.route is None else order.route
        own = [seconds if number in passed else np.zeros_like(seconds) for number, seconds in enumerate(services)]
        new = Inside(
            _table(own[fork:], max(self.came, seconds), first_station=fork),
            _table(services[:fork], max(self.came, seconds)) if fork else None,
        )
        new.orders.sizes = np.full((PATHS, 1), order.pizzas)
        new.orders.routes = np.full((PATHS, 1), self.routes[order.route]) if self.spec.routes else None
        if new.items:
            shape = new.items.numbers.shape
            new.items.order = np.zeros(shape, dtype=np.intp)
            new.items.places = np.broadcast_to(np.arange(shape[1]), shape)
        width = (self.inside.items or self.inside.orders).numbers.shape[1]
        coming = (new.items or new.orders).numbers.shape[1]
        lines = [np.arange(width, width + coming), *[np.arange(0)] * (len(self.places) - 1)]
        return self.inside.beside(new), lines


def _table(services: list[Array], seconds: float, first_station: int = 0) -> Table:
    shape = services[0].shape
    return Table(
        numbers=np.zeros(shape, dtype=np.intp),
        arrivals=np.full(shape, seconds),
        ages=np.zeros(shape),
        services=services,
        group=rows_of(shape),
        counts=np.zeros(shape, dtype=bool),
        has_time=np.zeros(shape, dtype=bool),
        first_station=first_station,
    )


def _last_of(orders: Table) -> Table:
    """Return the table of the order that came last."""
    last = np.broadcast_to(np.array([orders.numbers.shape[1] - 1], dtype=np.intp), (PATHS, 1))
    return orders.keep(last)
