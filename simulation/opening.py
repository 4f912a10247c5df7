"""The orders in the kitchen when a run begins: at work, or in the stations' lines, and so their items."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from simulation.engine import Array, Ids
from simulation.join import PAST
from simulation.spec import Conveyor, Present, Spec, StateItem
from simulation.stations import Stations, exit_of
from simulation.table import Inside, Table, rows_of


class PresentDraws(Protocol):
    """The draws of the orders of a state, and of their items, (rows, orders or items) each."""

    def present(self, number: int) -> Array:
        """Return the service times at a station."""
        ...

    def remaining(self, number: int, columns: Ids) -> Array:
        """Return the residual time of the work in hand."""
        ...


class AtWork(NamedTuple):
    station: int
    columns: Ids  # of orders, or of items at a station of items
    ends: Array
    busy_until: Array  # earlier than the end on a belt


class Opening:
    """Puts a spec's state to work: columns 0 to n - 1 in the order of the lines.

    `inside` has the tables of the orders and of the items that are not done; their services are for how long each will
    take a place, 0 where it has been already. `lines` has for each station the columns that wait there.
    """

    def __init__(self, spec: Spec, stations: Stations, draws: PresentDraws) -> None:
        self.spec, self.seconds, self.stations = spec, spec.opening_seconds, stations
        self.lines, self.at_work = list[Ids](), list[AtWork]()
        numbers = range(len(spec.stations))
        for number, station in enumerate(spec.stations):
            if isinstance(station.service, Conveyor) and station.service.busy_seconds:
                stations.keep_others_out(number, self.seconds + station.service.busy_seconds)
        items = self._services(numbers[: spec.fork], draws)
        orders = self._services(numbers[spec.fork :], draws)
        self.inside = Inside(self._orders(orders), self._items(items) if spec.fork else None)
        if spec.fork:
            there = [item.order for item in spec.items_of_state if not item.is_done]
            missing = np.bincount(np.array(there, dtype=np.intp), minlength=len(spec.state))
            shape = (stations.rows, len(spec.state))
            stations.join.expect(np.broadcast_to(np.where(missing > 0, missing, PAST), shape))

    def table_at(self, number: int) -> Table:
        """Return the table of what a station serves."""
        return self.inside.items if self.inside.items and number < self.spec.fork else self.inside.orders

    def _services(self, numbers: range, draws: PresentDraws) -> list[Array]:
        """Let those at work begin, and return the service times at these stations, all of orders or all of items."""
        if not numbers:
            return []
        there = self.spec.standing_for(numbers[0])
        if not there:  # and no random stream to draw it from
            self.lines += [np.arange(0)] * len(numbers)
            return [np.empty((self.stations.rows, 0))] * len(numbers)
        at = np.array([one.station for one in there], dtype=np.intp)
        works = np.array([one.elapsed_seconds is not None for one in there], dtype=bool)
        turns = [_turn(one) for one in there]
        services = []
        for number in numbers:
            here = at == number
            service = draws.present(number)
            columns = np.flatnonzero(here & works)
            if columns.size:
                work = self._at_work(number, columns, there, draws)
                self.stations.put_to_work(number, columns, work.ends, work.busy_until)
                service[:, columns] = work.busy_until - self.seconds
                self.at_work.append(work)
            service[:, (at > number) | self._skips(number, there)] = 0.0
            services.append(service)
            waiting = np.flatnonzero(here & ~works)
            if any(turns):
                waiting = waiting[np.argsort(np.array(turns)[waiting], kind="stable")]
            self.lines.append(waiting)
        return services

    def _skips(self, number: int, there: Sequence[Present | StateItem]) -> NDArray[np.bool_]:
        skipping = self.stations.skipping[number]
        if skipping is None:
            return np.zeros(len(there), dtype=bool)
        return skipping[[one.route if isinstance(one, Present) else 0 for one in there]]

    def _at_work(self, number: int, columns: Ids, there: Sequence[Present | StateItem], draws: PresentDraws) -> AtWork:
        ends = self.seconds + draws.remaining(number, columns)
        station = self.spec.stations[number]
        if not isinstance(station.service, Conveyor):
            return AtWork(number, columns, ends, ends)
        loaded = [there[column] for column in columns]
        elapsed = np.array([one.elapsed_seconds for one in loaded], dtype=np.float64)
        loading = np.maximum(station.service.headway_seconds * station.pieces(loaded) - elapsed, 0.0)
        return AtWork(number, columns, ends, np.broadcast_to(self.seconds + loading, ends.shape))

    def _orders(self, services: list[Array]) -> Table:
        state = self.spec.state
        shape = (self.stations.rows, len(state))
        return Table(
            numbers=np.broadcast_to(np.arange(-len(state), 0), shape),
            arrivals=np.broadcast_to(self.seconds, shape),
            ages=np.broadcast_to(np.array([order.age_seconds for order in state], dtype=np.float64), shape),
            services=services,
            group=rows_of(shape),
            counts=np.broadcast_to(self.spec.count_state, shape),
            has_time=np.broadcast_to(not self.spec.warmup, shape),
            routes=_row([order.route for order in state], shape) if self.spec.routes else None,
            sizes=_row([order.pizzas for order in state], shape) if self.spec.needs_sizes else None,
            first_station=self.spec.fork,
        )

    def _items(self, services: list[Array]) -> Table:
        items = [item for item in self.spec.items_of_state if not item.is_done]
        shape = (self.stations.rows, len(items))
        return Table(
            numbers=_row([item.order - len(self.spec.state) for item in items], shape),
            arrivals=np.broadcast_to(self.seconds, shape),
            ages=np.broadcast_to(0.0, shape),
            services=services,
            group=rows_of(shape),
            counts=np.broadcast_to(self.spec.count_state, shape),
            has_time=np.broadcast_to(not self.spec.warmup, shape),
            order=_row([item.order for item in items], shape),
            places=_row([item.number for item in items], shape),
        )


def _turn(one: Present | StateItem) -> int:
    if isinstance(one, StateItem):
        return one.turn
    return one.items[0].turn if one.items else 0


def _row(values: Sequence[int], shape: tuple[int, int]) -> Ids:
    return np.broadcast_to(np.array(values, dtype=np.intp), shape)


def ends_of_present(spec: Spec, rows: int, draws: PresentDraws) -> Array:
    """Return when each order of the state leaves the kitchen if no others come, (rows, orders)."""
    stations = Stations(spec, rows)
    opening = Opening(spec, stations, draws)
    ends = np.empty((rows, len(spec.state)))
    for work in opening.at_work:
        if work.station == exit_of(spec):
            ends[:, work.columns] = work.ends
    *_, last = stations.run(opening.inside, opening.lines)
    np.put_along_axis(ends, last.visits.orders, last.visits.ends, axis=1)
    return ends
