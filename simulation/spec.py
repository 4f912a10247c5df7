"""A request to the simulator: a kitchen, its orders and how often. Read from JSON by simulation.reader.

An order is a set of items, and its items are its pizzas. The first stations can work on items: an order's items are
made there side by side, and the order goes on to the first station of orders when its last item is done.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulation import distributions

HOUR = 3600.0


@dataclass(frozen=True)
class Conveyor:
    """A belt: one order (or item) is loaded every `headway_seconds`, and comes out `delay_seconds` after that."""

    headway_seconds: float
    delay_seconds: float
    busy_seconds: float = 0.0  # for which none is loaded from the opening on, even if nothing is on it


@dataclass(frozen=True)
class Times:
    """A time for each order, in the order of arrival; those of the state first. At a station of items one for each
    item, in the order of the orders."""

    seconds: tuple[float, ...]


@dataclass(frozen=True)
class Rate:
    """Poisson arrivals. `per_hour[i]` holds from `hours[i]` to `hours[i + 1]`; the last hour can be infinite."""

    per_hour: tuple[float, ...]
    hours: tuple[float, ...]

    @property
    def expected(self) -> float:
        """Return the expected number of arrivals."""
        pieces = zip(self.per_hour, self.hours, self.hours[1:], strict=False)
        return sum(rate * (end - begin) for rate, begin, end in pieces if rate)

    @property
    def most(self) -> float:
        """Return a number of arrivals that is exceeded once in a thousand million days."""
        return math.ceil(self.expected + 6 * math.sqrt(self.expected) + 10) if self.expected < math.inf else math.inf


Service = distributions.Distribution | Conveyor | Times
Arrivals = Rate | Times

ITEM, ORDER = "item", "order"
UNITS = (ITEM, ORDER)


@dataclass(frozen=True)
class Station:
    name: str
    capacity: int | None  # None: a place for everybody
    service: Service
    per_pizza: bool = False  # an order's service time is the sum over its pizzas
    changes: tuple[tuple[float, int], ...] = ()  # (seconds, capacity from then on), rising
    unit: str = ORDER  # what takes a place

    @property
    def works_on_items(self) -> bool:
        return self.unit == ITEM

    @property
    def piece_seconds(self) -> float:
        """Return the mean time for which an order, or a pizza where it is per pizza, keeps a place."""
        if isinstance(self.service, Conveyor):
            return self.service.headway_seconds
        if isinstance(self.service, Times):
            return math.fsum(self.service.seconds) / len(self.service.seconds)
        return self.service.mean

    def pieces(self, orders: "Sequence[Present | StateItem]") -> NDArray[np.intp]:
        """Return the number of service times that the work on each of these is made of."""
        return np.array([order.pizzas if self.per_pizza else 1 for order in orders], dtype=np.intp)

    def capacity_at(self, seconds: float) -> int | None:
        """Return the capacity at a moment, a change at that moment included."""
        return next((capacity for since, capacity in reversed(self.changes) if since <= seconds), self.capacity)

    def capacity_seconds(self, begin: NDArray[np.float64], end: NDArray[np.float64]) -> NDArray[np.float64]:
        """Integrate the capacity from one moment to another, in place-seconds; nan with a place for everybody."""
        capacity = math.nan if self.capacity is None else float(self.capacity)
        total = capacity * (end - begin)
        for since, changed in self.changes:
            total = total + (changed - capacity) * np.maximum(end - np.maximum(begin, since), 0.0)
            capacity = changed
        return total


@dataclass(frozen=True)
class Route:
    """A way through the kitchen: all stations of items and some of those of orders."""

    name: str
    share: float  # relative frequency
    stations: tuple[int, ...]  # rising


@dataclass(frozen=True, slots=True)
class PresentItem:
    """An item that is in the kitchen at the opening, at a station of items or past the last of them."""

    station: int
    elapsed_seconds: float | None  # for how long its work has gone on; None in the line
    is_done: bool = False  # past the stations of items: the other fields say nothing
    turn: int = 0  # in the line, smallest first; of equals, that of the earlier order, then the lower number


@dataclass(frozen=True, slots=True)
class Present:
    """An order that is in the kitchen at the opening.

    Among stations of items, `items` says where each stands and `station` is that of the least advanced one; without
    `items`, all stand where the order does.
    """

    station: int
    elapsed_seconds: float | None  # for how long its work has gone on; None in the line
    pizzas: int = 1  # the number of its items
    age_seconds: float = 0.0  # since it was placed
    route: int = 0  # of Spec.routes
    items: tuple[PresentItem, ...] = ()

    @staticmethod
    def of_items(items: "tuple[PresentItem, ...]", age_seconds: float = 0.0, route: int = 0) -> "Present":
        """Return an order whose items are at the stations of items, at least one of them not done."""
        last = min((item for item in items if not item.is_done), key=lambda item: item.station)
        return Present(last.station, last.elapsed_seconds, len(items), age_seconds, route, items)

    @property
    def each_item(self) -> tuple[PresentItem, ...]:
        return self.items or (PresentItem(self.station, self.elapsed_seconds),) * self.pizzas


class StateItem(NamedTuple):
    """An item of an order of the state."""

    order: int  # its place in the state
    number: int  # within the order, from 0
    station: int
    elapsed_seconds: float | None
    is_done: bool
    turn: int
    pizzas: int = 1


@dataclass(frozen=True)
class Spec:
    stations: tuple[Station, ...]
    arrivals: Arrivals
    orders: int | None = None  # None: until closing
    replications: int = 1
    warmup: float = 0.0  # share of the orders, or of the time until closing
    auto_warmup: bool = False  # to be found by simulation.warmup
    seed: int = 1
    trace: bool = False
    promise_seconds: float | None = None
    grid_seconds: float | None = None
    state: tuple[Present, ...] = ()  # in the order of the lines
    count_state: bool = False  # in averages over orders
    pizzas: tuple[tuple[int, float], ...] = ((1, 1.0),)  # (number, relative frequency)
    slots: tuple[float, ...] = ()  # hours that cut the day into pieces
    routes: tuple[Route, ...] = ()  # none: every order passes all stations
    order_items: tuple[int, ...] = ()  # the number of items of each order, where it is given; without the state's
    order_routes: tuple[int, ...] = ()  # the route of each order, where it is given
    by_items: bool = False  # the answer has figures by the number of items

    @cached_property
    def item_stations(self) -> int:
        """Return how many stations work on items. They come first."""
        return sum(station.works_on_items for station in self.stations)

    @cached_property
    def fork(self) -> int:
        """Return at how many stations an order's items are apart: at none if every order is a single item."""
        return self.item_stations if self.item_stations and self.item_numbers[-1] > 1 else 0

    @property
    def needs_sizes(self) -> bool:
        """Return True if one has to know how many items an order has, beyond its service times."""
        return self.fork > 0 or (self.by_items and len(self.item_numbers) > 1)

    @cached_property
    def item_numbers(self) -> tuple[int, ...]:
        """Return the numbers of items that an order can have, rising."""
        drawn = self.order_items or tuple(number for number, weight in self.pizzas if weight)
        return tuple(sorted({*drawn, *(order.pizzas for order in self.state)}))

    @property
    def visits_of_order(self) -> float:
        """Return how many visits to stations an order and its items are on average; one that goes by is a visit."""
        return self.item_stations * self.mean_pizzas + len(self.stations) - self.item_stations

    @cached_property
    def items_of_state(self) -> tuple[StateItem, ...]:
        """Return all items of the orders of the state, also those that are done."""
        last = self.fork
        return tuple(
            StateItem(
                place, number, item.station, item.elapsed_seconds, item.is_done or item.station >= last, item.turn
            )
            for place, order in enumerate(self.state)
            for number, item in enumerate(order.each_item)
        )

    def standing_for(self, number: int) -> "Sequence[Present | StateItem]":
        """Return who of the state comes to a station, or has been there: orders, or items that are not done."""
        return self.state if number >= self.fork else [item for item in self.items_of_state if not item.is_done]

    def ranks_in_state(self, number: int) -> NDArray[np.intp]:
        """Return for each of `standing_for` its place among all orders, or items, of the state."""
        if number >= self.fork:
            return np.arange(len(self.state))
        return np.flatnonzero([not item.is_done for item in self.items_of_state])

    def share_of(self, number: int) -> float:
        """Return the share of the orders that pass a station."""
        shares = [(route.share, number in route.stations) for route in self.routes]
        return sum(share for share, passes in shares if passes) / sum(share for share, _ in shares) if shares else 1.0

    def is_on(self, number: int, route: int) -> bool:
        """Return True if a route passes a station."""
        return not self.routes or number in self.routes[route].stations

    @property
    def opening_seconds(self) -> float:
        return self.arrivals.hours[0] * HOUR if isinstance(self.arrivals, Rate) else 0.0

    @property
    def closing_seconds(self) -> float:
        return self.arrivals.hours[-1] * HOUR if isinstance(self.arrivals, Rate) else math.inf

    @property
    def warmup_orders(self) -> int:
        """Return the number of orders that do not count, where a number of orders ends the run."""
        expected = self.arrivals.expected if isinstance(self.arrivals, Rate) else math.inf
        return int(self.warmup * min(self.orders or 0, expected))

    @property
    def warm_seconds(self) -> float:
        """Return the moment from which orders count, where closing ends the run."""
        opening = self.opening_seconds
        return opening + self.warmup * (self.closing_seconds - opening) if self.warmup else opening

    @property
    def mean_pizzas(self) -> float:
        weights = [weight for _, weight in self.pizzas]
        return sum(pizzas * weight for pizzas, weight in self.pizzas) / sum(weights)

    @property
    def expected_orders(self) -> float:
        """Return the expected orders of one replication, without those of the state."""
        expected = self.arrivals.expected if isinstance(self.arrivals, Rate) else math.inf
        return min(expected, math.inf if self.orders is None else self.orders)

    @property
    def most_orders(self) -> float:
        """Return the most orders of one replication, without those of the state."""
        most = self.arrivals.most if isinstance(self.arrivals, Rate) else math.inf
        return min(most, math.inf if self.orders is None else self.orders)

    def place_seconds(self, number: int) -> float:
        """Return the mean time for which an order keeps places of a station; 0 for those that pass it by."""
        station = self.stations[number]
        pieces = self.mean_pizzas if station.per_pizza or station.works_on_items else 1
        return station.piece_seconds * pieces * self.share_of(number)

    def peak_load(self, number: int) -> float:
        """Return a station's highest load: the work that arrives relative to the capacity at that time."""
        station = self.stations[number]
        if station.capacity is None or not isinstance(self.arrivals, Rate):
            return 0.0
        loads = []
        pieces = zip(self.arrivals.per_hour, self.arrivals.hours, self.arrivals.hours[1:], strict=False)
        for rate, begin, end in pieces:
            during = [capacity for since, capacity in station.changes if begin * HOUR < since < end * HOUR]
            least = min([station.capacity_at(begin * HOUR) or 0, *during])
            work = rate / HOUR * self.place_seconds(number)
            loads.append(work / least if least else math.inf if rate else 0.0)
        return max(loads)
