"""Forecast when each order will be there, by running the kitchen forward from a moment. No database.

The simulator takes the orders forward on PATHS paths (simulation.opening), and the 10th, 100th and 190th of 199 ends
are a 90 % interval and its middle: of 200 equally likely ranks of the true end 180 lie between them, if the
distributions are right.

Nobody peeks: the live kitchen knows when each piece of work will be done (`due_at`), but a real one would not, so only
the time for which the work has lasted counts. Later orders are left out: only a pizza that is made faster, beside a
slow one, overtakes, and what that costs is left to simulation.calibration. A rushed order is first in the line where
it stands; that it will be first in the next ones, too, is left out as well.
"""

import operator
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from simulation.calibration import Interval
from simulation.engine import Ids
from simulation.opening import ends_of_present
from simulation.spec import ITEM, ORDER, Conveyor, Present, PresentItem, Route, Spec, StateItem, Station, Times
from simulation.works.service import PATHS as PATHS
from simulation.works.service import ServiceTime as ServiceTime
from simulation.works.service import item_times_of, on_belt, ranks_of, residual, service_times_of
from simulation.works.service import mean_remaining as mean_remaining

RANKS = (9, 99, 189)  # from zero: the 10th, the 100th and the 190th

NO_ARRIVALS = Times(())

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Workplace:
    """A station, reduced to what looking ahead needs."""

    name: str
    capacity: int
    is_open: bool
    service: ServiceTime  # on a belt, the delay from the loading to the end
    unit: str = ORDER
    headway_seconds: float | None = None  # of a belt: from one loading to the next; its capacity says nothing
    busy_seconds: float = 0.0  # for which a belt takes no other from now on, even if nothing is on it

    @property
    def station(self) -> Station:
        if self.headway_seconds is None:
            return Station(self.name, self.capacity, self.service.drawn, self.service.per_pizza, unit=self.unit)
        belt = Conveyor(self.headway_seconds, self.service.mean, self.busy_seconds)
        return Station(self.name, 1, belt, self.service.per_pizza, unit=self.unit)


ItemStanding = PresentItem  # (station, elapsed_seconds, is_done, turn)


@dataclass(frozen=True, slots=True)
class Standing:
    """An order at a station, and for how long its work there has lasted (None: it waits).

    Among stations of items, `items` says where each of its `pizzas` items is, by number, and `station` and
    `elapsed_seconds` say nothing; without `items`, all are where the order is.
    """

    key: str  # the seed of its draws: the same order, and each of its items, has the same draws each time
    station: int
    elapsed_seconds: float | None
    pizzas: int
    route: tuple[int, ...] | None = None  # the stations it passes; None: all
    items: tuple[ItemStanding, ...] = ()
    is_held: bool = False  # one of its items is put aside: it won't go on as a whole, but the others take places

    @property
    def next_station(self) -> int:
        """The first station at which it, or an item of it, has still to begin."""
        cooking = [_next_station(item) for item in self.items if not item.is_done]
        return min(cooking, default=_next_station(self))

    def begins_at(self, number: int) -> bool:
        """True if it, or an item of it, has still to begin at a station."""
        return number >= self.next_station and (self.route is None or number in self.route)


def _next_station(place: Standing | ItemStanding) -> int:
    return place.station + (place.elapsed_seconds is not None)


@dataclass(frozen=True)
class State:
    """The kitchen at one moment. Orders are in the order of the lines; what is on hold is in none."""

    stations: tuple[Workplace, ...]
    orders: tuple[Standing, ...]
    speed: float
    shop_is_open: bool
    pks: tuple[int, ...] = ()  # of the orders, where they come from the database

    @cached_property
    def closed(self) -> tuple[int, ...]:
        return tuple(number for number, station in enumerate(self.stations) if not station.is_open)

    def blocked_by(self, order: Standing) -> Workplace | None:
        """Return the closed station that an order has to wait for, if any: it could open in a minute, or never."""
        return next((self.stations[number] for number in self.closed if order.begins_at(number)), None)

    @cached_property
    def item_stations(self) -> int:
        """How many stations work on items. They come first."""
        return sum(station.unit == ITEM for station in self.stations)

    @cached_property
    def last_turn(self) -> int:
        """Return the turn of the item that is the last in the lines of items; 0 if there is none."""
        return max((item.turn for order in self.orders for item in order.items), default=0)

    def stopping(self, order: Standing) -> Standing | None:
        """Return the order as far as it goes: the same, the part that takes places of others until it stops, or None.

        It stops at a closed station, or where an item on hold keeps the others waiting.
        """
        closed = [number for number in self.closed if order.begins_at(number)]
        if not closed and not order.is_held:
            return order
        closed_to_items = max((number for number in closed if number < self.item_stations), default=-1)
        items = tuple(
            replace(item, is_done=True) if _next_station(item) <= closed_to_items else item for item in order.items
        )
        if any(not item.is_done for item in items):
            is_short = order.is_held or items != order.items
            return self._until(replace(order, items=items), self.item_stations if is_short else closed[0])
        if order.is_held or closed_to_items >= 0 or closed[0] <= order.next_station:
            return None
        return self._until(order, closed[0])

    def _until(self, order: Standing, last: int) -> Standing:
        passed = range(len(self.stations)) if order.route is None else order.route
        return replace(order, route=tuple(number for number in passed if number < last))


def look_ahead(state: State) -> list[Interval | None]:
    """Return (low, median, high) of each order in kitchen seconds from now; None if nothing can be said of it yet.

    That is so of those that wait for a closed station, or for an item on hold. They take places of others until then.
    """
    going = [state.stopping(order) for order in state.orders]
    answers: list[Interval | None] = [None] * len(state.orders)
    there = [order for order in going if order is not None]
    if any(map(operator.is_, going, state.orders)):
        ends = iter(ranked(paths(state.stations, there)).tolist())
        for index, order in enumerate(going):
            if order is not None:
                low, median, high = next(ends)
                answers[index] = (low, median, high) if order is state.orders[index] else None
    return answers


def ranked(ends: Array) -> Array:
    """Return the low, median and high end of each order, (orders, 3), of (PATHS, orders) ends."""
    found: Array = np.partition(ends.T, RANKS, axis=1)[:, RANKS]
    return found


def look_ahead_last(state: State) -> Interval | None:
    """Look ahead for the last order alone, which costs less."""
    going = [order for order in map(state.stopping, state.orders) if order is not None]
    if not going or going[-1] is not state.orders[-1]:
        return None
    low, median, high = np.partition(paths(state.stations, going)[:, -1], RANKS)[list(RANKS)].tolist()
    return low, median, high


def paths(stations: Sequence[Workplace], orders: Sequence[Standing]) -> Array:
    """Return when each order leaves the kitchen on each path, in kitchen seconds from now: (PATHS, orders)."""
    spec = spec_of(stations, orders)
    return ends_of_present(spec, PATHS, KeptDraws(spec, stations, orders))


def spec_of(stations: Sequence[Workplace], orders: Sequence[Standing]) -> Spec:
    """Return the kitchen with these orders in it, and no others to come."""
    everywhere = tuple(range(len(stations)))
    ways = {order.route: None for order in orders if order.route not in (None, everywhere)}
    routes = tuple(Route(str(way), 1.0, way or everywhere) for way in (None, *ways)) if ways else ()
    numbers: dict[tuple[int, ...] | None, int] = {way: number for number, way in enumerate(ways, 1)}
    state = tuple(_present(order, numbers.get(order.route, 0)) for order in orders)
    return Spec(tuple(place.station for place in stations), NO_ARRIVALS, 0, state=state, routes=routes)


def _present(order: Standing, route: int) -> Present:
    if any(not item.is_done for item in order.items):
        return Present.of_items(order.items, route=route)
    return Present(order.station, order.elapsed_seconds, order.pizzas, route=route)


class KeptDraws:
    """Draws that belong to an order or an item, whatever else is in the kitchen; see `service_times_of`."""

    def __init__(
        self, spec: Spec, stations: Sequence[Workplace], orders: Sequence[Standing], is_remembered: bool = True
    ) -> None:
        """is_remembered: they are soon asked for again, and there is room for them."""
        self.spec, self.places, self.first = spec, stations, spec.item_stations
        services = tuple(station.service for station in stations)
        self.keys = [order.key for order in orders]
        of_order = service_times_of if is_remembered else service_times_of.function
        of_item = item_times_of if is_remembered else item_times_of.function
        works = [of_order(order.key, order.pizzas, services[self.first :]) for order in orders]
        self.of_orders = np.array(works)
        self.item_keys = [item_key(self.keys[item.order], item.number) for item in self._items()]
        if self.first:
            apart = services[: self.first]
            # Where pizzas share nothing, the order does not matter, and must not be part of the key.
            owners = self.keys if any(service.likeness for service in apart) else [""] * len(self.keys)
            items = zip(self.item_keys, self._items(), strict=True)
            self.of_items = np.array([of_item(key, apart, owners[item.order]) for key, item in items])

    def _items(self) -> list[StateItem]:
        """Return the items that are not done; all first ones if every order is a single item."""
        return (
            [item for item in self.spec.items_of_state if not (self.spec.fork and item.is_done)] if self.first else []
        )

    def present(self, number: int) -> Array:
        place = self.places[number]
        if place.headway_seconds is not None:
            pieces = self.spec.stations[number].pieces(self.spec.standing_for(number))
            return np.tile(place.headway_seconds * pieces, (PATHS, 1))
        drawn = self.of_items[:, number] if number < self.first else self.of_orders[:, number - self.first]
        return drawn.T

    def remaining(self, number: int, columns: Ids) -> Array:
        place, there = self.places[number], self.spec.standing_for(number)
        elapsed = [there[column].elapsed_seconds or 0.0 for column in columns]
        keys = self.item_keys if number < self.first else self.keys
        if place.headway_seconds is not None:
            left = [on_belt(keys[column], row, place.service) for column, row in zip(columns, elapsed, strict=True)]
            return np.stack(left, axis=1)
        pieces = self.spec.stations[number].pieces([there[column] for column in columns])
        left = []
        for column, seconds, count in zip(columns, elapsed, pieces.tolist(), strict=True):
            key, ranks = keys[column], None
            if number < self.first and place.service.likeness:  # as slow as its siblings
                ranks = ranks_of(key, self.of_items[column, number], place.service)
            left.append(residual(key, seconds, count, place.service, ranks))
        return np.stack(left, axis=1)


def item_key(key: str, number: int) -> str:
    return f"{key} item {number}"
