"""All stations of a spec: those of items, the join, and those of orders.

At stations of items a column is an item of an order, in the order of (order, number), so that it breaks ties as a
column of orders does. Where every order is a single item, the items are the orders, and there is nothing to join.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulation.engine import Array, Ids, Tandem, Visits, take
from simulation.join import PAST, Join
from simulation.spec import Conveyor, Route, Spec, Station
from simulation.table import Inside, Table


class Passage(NamedTuple):
    """The visits to one station in one chunk, and the table of whose columns they are."""

    station: int  # the number of stations for those who leave the join and the kitchen
    visits: Visits
    table: Table


class Stations:
    """The stations with what is in them. `run` takes a chunk through all of them."""

    def __init__(self, spec: Spec, rows: int) -> None:
        self.spec, self.rows, self.fork = spec, rows, spec.fork
        self.items = _tandem(spec, rows, range(self.fork), hands_on=True) if self.fork else None
        self.orders = _tandem(spec, rows, range(self.fork, len(spec.stations)))
        self.join = Join(rows)
        self.skipping = [skipping(spec.routes, number) for number in range(len(spec.stations))]

    def put_to_work(self, station: int, columns: Ids, ends: Array, busy_until: Array) -> None:
        """Put these columns, items at a station of items, to work there; see Tandem.put_to_work."""
        tandem, number = self._at(station)
        tandem.put_to_work(number, columns, ends, busy_until)

    def keep_others_out(self, station: int, until: float) -> None:
        """Take one place of a station until then, by nobody."""
        tandem, number = self._at(station)
        tandem.put_to_work(number, np.arange(0), np.empty((self.rows, 0)), np.full((self.rows, 1), until))

    def _at(self, station: int) -> tuple[Tandem, int]:
        return (self.items, station) if self.items and station < self.fork else (self.orders, station - self.fork)

    def expect(self, orders: Table) -> None:
        """Tell the join of orders that come, all of whose items are still to be made."""
        if self.fork:
            assert orders.sizes is not None
            self.join.expect(np.where(np.isfinite(orders.arrivals), orders.sizes, PAST))

    def run(
        self, inside: Inside, lines: Sequence[Ids], bound: Array | None = None, more_at: int = -1
    ) -> Iterator[Passage]:
        """Yield the visits of each station in turn; see Tandem.run. A line at a station of items is one of items."""
        orders, items, entering = inside.orders, inside.items, None
        if self.items and items is not None:
            assert items.order is not None
            tandem = self.items.run(items.arrivals, items.services, lines[: self.fork], bound, more_at=more_at)
            for number, visits in enumerate(tandem):
                yield Passage(number, visits, items)
            assert self.items.handed is not None
            done, ends, bound = self.items.handed
            entering = self.join.receive(take(items.order, done), ends, bound is None)
            if self.fork == len(self.spec.stations):
                yield Passage(self.fork, Visits(entering[0], entering[1], entering[1], entering[1]), orders)
                return
        skips = [self.skip(number, orders) for number in range(self.fork, len(self.spec.stations))]
        tandem = self.orders.run(
            orders.arrivals, orders.services, lines[self.fork :], bound, entering, skips, more_at=more_at - self.fork
        )
        for number, visits in enumerate(tandem, self.fork):
            yield Passage(number, visits, orders)

    def skip(self, station: int, orders: Table) -> NDArray[np.bool_] | None:
        """Return True for the orders that pass a station by; None if all visit it."""
        skipping = self.skipping[station]
        return None if skipping is None or orders.routes is None else skipping.take(orders.routes)

    def carry_on(self, inside: Inside) -> Inside:
        """Return the tables of what is still inside, with the columns renumbered."""
        orders, items = inside.orders, inside.items
        stays = _standing(self.orders.inside(), orders.numbers.shape)
        if self.items and items is not None:
            assert items.order is not None
            item_stays = _standing(self.items.inside(), items.numbers.shape)
            row, column = np.nonzero(item_stays)
            stays[row, items.order[row, column]] = True
            self.items.renumber(_new_columns(item_stays))
            items = items.keep(_first(item_stays))
            items.order = take(_new_columns(stays), items.order) if items.order is not None else None
            self.join.keep(_first(stays))
        self.orders.renumber(_new_columns(stays))
        return Inside(orders.keep(_first(stays)), items)


def exit_of(spec: Spec) -> int:
    """Return the station at which orders leave the kitchen: the last one, or the join if none follows it."""
    return len(spec.stations) - (spec.fork < len(spec.stations))


def skipping(routes: Sequence[Route], station: int) -> NDArray[np.bool_] | None:
    """Return for each route True if it passes a station by; None if none does."""
    skips = np.array([station not in route.stations for route in routes], dtype=bool)
    return skips if skips.any() else None


def _standing(stations: Sequence[Ids], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return True for the columns that are at a station."""
    inside = np.zeros(shape, dtype=bool)
    for columns in stations:
        row, index = np.nonzero(columns >= 0)
        inside[row, columns[row, index]] = True
    return inside


def _new_columns(stays: NDArray[np.bool_]) -> Ids:
    columns: Ids = np.maximum(np.cumsum(stays, axis=1) - 1, 0)
    return columns


def _first(stays: NDArray[np.bool_]) -> Ids:
    """Return the columns that stay, in their order; filler where a row has fewer."""
    width = int(stays.sum(axis=1).max(initial=0))
    return np.argsort(~stays, axis=1, kind="stable")[:, :width]


def _tandem(spec: Spec, rows: int, numbers: range, hands_on: bool = False) -> Tandem:
    stations = [spec.stations[number] for number in numbers]
    return Tandem(
        rows,
        [station.capacity for station in stations],
        [_delay(station) for station in stations],
        [station.changes for station in stations],
        [skipping(spec.routes, number) is not None for number in numbers],
        hands_on=hands_on,
    )


def _delay(station: Station) -> float | None:
    return station.service.delay_seconds if isinstance(station.service, Conveyor) else None
