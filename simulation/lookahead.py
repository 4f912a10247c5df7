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
from functools import cached_property, lru_cache
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulation.calibration import Interval
from simulation.distributions import Distribution, build, remaining_of_sum
from simulation.engine import Ids
from simulation.opening import ends_of_present
from simulation.spec import ITEM, ORDER, Conveyor, Present, PresentItem, Route, Spec, StateItem, Station, Times

PATHS = 199
RANKS = (9, 99, 189)  # from zero: the 10th, the 100th and the 190th
QUANTILES = 20_000
FAR = 0.99
# Bounds of the caches: as much as a thousand orders of two or three items need, 27 MB in a process. Measured means and
# spreads are part of the keys and drift, so older entries are never asked for again.
KEPT_ORDERS, KEPT_ITEMS = 1024, 4096
KEPT_QUANTILES = 32

NO_ARRIVALS = Times(())

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ServiceTime:
    """A service time: one of simulation.distributions, with its mean and spread in kitchen seconds."""

    distribution: str  # its code
    mean: float
    spread: float
    per_pizza: bool
    parameters: tuple[tuple[str, Any], ...] = ()  # its own ones, (name, value)

    @property
    def drawn(self) -> Distribution:
        return build(self.distribution, self.mean, self.spread, dict(self.parameters))

    def pieces(self, pizzas: int) -> int:
        return pizzas if self.per_pizza else 1


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


@dataclass(frozen=True)
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
        ranked = np.partition(paths(state.stations, there).T, RANKS, axis=1)[:, RANKS]
        ends = iter(ranked.tolist())
        for index, order in enumerate(going):
            if order is not None:
                low, median, high = next(ends)
                answers[index] = (low, median, high) if order is state.orders[index] else None
    return answers


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

    def __init__(self, spec: Spec, stations: Sequence[Workplace], orders: Sequence[Standing]) -> None:
        self.spec, self.places, self.first = spec, stations, spec.item_stations
        services = tuple(station.service for station in stations)
        self.keys = [order.key for order in orders]
        works = [service_times_of(order.key, order.pizzas, services[self.first :]) for order in orders]
        self.of_orders = np.array(works)
        self.item_keys = [item_key(self.keys[item.order], item.number) for item in self._items()]
        if self.first:
            self.of_items = np.array([item_times_of(key, services[: self.first]) for key in self.item_keys])

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
        if place.headway_seconds is not None:
            return np.tile(np.maximum(place.service.mean - np.array(elapsed), 0.0), (PATHS, 1))
        keys = self.item_keys if number < self.first else self.keys
        pieces = self.spec.stations[number].pieces([there[column] for column in columns])
        works = zip(columns, elapsed, pieces.tolist(), strict=True)
        left = [residual(keys[column], seconds, count, place.service) for column, seconds, count in works]
        return np.stack(left, axis=1)


def item_key(key: str, number: int) -> str:
    return f"{key} item {number}"


@lru_cache(maxsize=KEPT_ORDERS)
def service_times_of(key: str, pizzas: int, services: tuple[ServiceTime, ...]) -> Array:
    """Draw an order's service times at each station on each path: (stations, PATHS).

    They are always the same: with new draws every two seconds the interval would flicker.
    """
    random = chances(key, "work")
    drawn = [service.drawn.many(random, (service.pieces(pizzas), PATHS)).sum(axis=0) for service in services]
    return np.stack(drawn) if drawn else np.empty((0, PATHS))


@lru_cache(maxsize=KEPT_ITEMS)
def item_times_of(key: str, services: tuple[ServiceTime, ...]) -> Array:
    """Draw an item's service times at each station of items on each path: (stations, PATHS)."""
    random = chances(key, "work")
    return np.stack([service.drawn.many(random, (PATHS,)) for service in services])


def residual(key: str, elapsed_seconds: float, pieces: int, service: ServiceTime) -> Array:
    """Return the residual time on each path: the distribution given that it exceeds the elapsed time."""
    times = quantiles(service, pieces)
    outlasted = int(np.searchsorted(times, elapsed_seconds, side="right"))
    if outlasted > FAR * QUANTILES:  # too few are left to choose from
        return remaining_of_sum(chances(key, "far"), service.drawn, pieces, elapsed_seconds, PATHS)
    ranks = outlasted + (QUANTILES - outlasted) * shares(key)
    left: Array = times[ranks.astype(np.intp)] - elapsed_seconds
    return left


@lru_cache(maxsize=KEPT_QUANTILES)
def quantiles(service: ServiceTime, pieces: int) -> Array:
    """Return QUANTILES service times, rising: looked up, not computed, for each order under way."""
    return np.sort(service.drawn.many(chances("quantiles"), (pieces, QUANTILES)).sum(axis=0))


def mean_remaining(service: ServiceTime, pizzas: int, elapsed_seconds: float) -> float:
    """Return the mean of the residual time, in kitchen seconds; 0 for work that lasts longer than it ever does."""
    pieces = service.pieces(pizzas)
    if elapsed_seconds <= 0 or service.distribution == "fixed":
        return max(0.0, pieces * service.mean - elapsed_seconds)
    times = quantiles(service, pieces)
    outlasted = int(np.searchsorted(times, elapsed_seconds, side="right"))
    if outlasted > FAR * QUANTILES:
        return far_mean(service, pieces, float(f"{elapsed_seconds:.2g}"))
    return float(above(service, pieces)[outlasted] / (QUANTILES - outlasted)) - elapsed_seconds


@lru_cache(maxsize=KEPT_ORDERS)
def far_mean(service: ServiceTime, pieces: int, elapsed_seconds: float) -> float:
    """Return the mean of the residual time where few times are left to choose from: drawn, which takes long."""
    left = remaining_of_sum(chances("mean", "far"), service.drawn, pieces, elapsed_seconds, PATHS)
    return max(0.0, float(left.mean()))


@lru_cache(maxsize=KEPT_QUANTILES)
def above(service: ServiceTime, pieces: int) -> Array:
    """Return, for each rank, the sum of the service times of this rank and of all higher ones."""
    sums: Array = np.cumsum(quantiles(service, pieces)[::-1])[::-1]
    return sums


@lru_cache(maxsize=KEPT_ORDERS)
def shares(key: str) -> Array:
    """Rank an order's work on each path among all service times that exceed its elapsed time; it keeps its rank."""
    return chances(key, "work under way").random(PATHS)


def chances(*words: str) -> np.random.Generator:
    """Return a generator seeded by these words, the same in every process."""
    seed = blake2b(":".join(words).encode(), digest_size=8).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(seed)))
