"""A second opinion: the kitchen of pizzas as a plain event loop, with nothing of the engine's.

An order of n items is split on its arrival. Each item goes through the stations of items on the order's route; when
the last one has left them, the order joins its first station of orders and goes through these. A station has places,
whose number can change with the time, or is a belt: one is loaded every so many seconds and comes out after a delay.
Lines are first come, first served, rushed orders first; of those who came at the same moment, the lower order, then
the lower item goes first. A completion comes before an arrival at the same moment, and a station of the route before
the next one, so that work which takes no time at all is over before others begin.

Times are in seconds. Service times are given, never drawn.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import NamedTuple

WHOLE = 0  # the number of an order among its items, which count from 1
# What can happen, in this order at the same moment
CHANGE, END, FREE, OUT, COME = range(5)


@dataclass(frozen=True)
class Station:
    capacity: int | None  # None: a place for everybody
    of_items: bool = False
    delay_seconds: float | None = None  # a belt: a service keeps others out, and its work comes out after the delay
    changes: tuple[tuple[float, int], ...] = ()  # (seconds, capacity from then on)


@dataclass(frozen=True)
class Order:
    came_seconds: float
    items: int = 1
    route: tuple[int, ...] = ()  # numbers of stations, rising; those of items first
    is_rushed: bool = False


class Part(NamedTuple):
    """An item, or the WHOLE order."""

    order: int
    number: int


class Visit(NamedTuple):
    joined: float
    start: float
    end: float


Services = Callable[[int, Part], float]  # the seconds that a station needs for a part
Visits = dict[tuple[int, Part], Visit]


def run(stations: Sequence[Station], orders: Sequence[Order], services: Services) -> Visits:
    """Return every visit to a station: {(station, part): (joined, start, end)}."""
    kitchen = Kitchen(stations, orders, services)
    while kitchen.events:
        kitchen.step()
    return kitchen.visits


@dataclass
class Place:
    """A station at a moment."""

    capacity: float
    at_work: int = 0
    line: list[tuple[bool, float, Part]] = field(default_factory=list)  # who goes first: rushed, joined, number


class Kitchen:
    def __init__(self, stations: Sequence[Station], orders: Sequence[Order], services: Services) -> None:
        self.stations, self.orders, self.services = stations, orders, services
        self.places = [Place(math.inf if row.capacity is None else row.capacity) for row in stations]
        self.left = [order.items for order in orders]  # items that are not yet through the stations of items
        self.visits: Visits = {}
        self.events: list[tuple[float, int, int, Part, int]] = []  # (seconds, station, what, part, capacity)
        for station, row in enumerate(stations):
            for seconds, capacity in row.changes:
                heappush(self.events, (seconds, station, CHANGE, Part(-1, WHOLE), capacity))
        for number, order in enumerate(orders):
            for item in range(1, order.items + 1):
                self.go_on(order.came_seconds, -1, Part(number, item))

    def step(self) -> None:
        now, station, what, part, capacity = heappop(self.events)
        place = self.places[station]
        if what == CHANGE:
            place.capacity = capacity
        if what == COME:
            heappush(place.line, (not self.orders[part.order].is_rushed, now, part))
        if what in (END, FREE):
            place.at_work -= 1
        if what in (END, OUT):
            self.go_on(now, station, part)
        while place.line and place.at_work < place.capacity:
            _, joined, first = heappop(place.line)
            self.begin(now, station, first, joined)

    def begin(self, now: float, station: int, part: Part, joined: float) -> None:
        seconds, delay = self.services(station, part), self.stations[station].delay_seconds
        end = now + (seconds if delay is None else delay)
        self.visits[station, part] = Visit(joined, now, end)
        self.places[station].at_work += 1
        if delay is None:
            heappush(self.events, (end, station, END, part, 0))
        else:
            heappush(self.events, (now + seconds, station, FREE, part, 0))
            heappush(self.events, (end, station, OUT, part, 0))

    def go_on(self, now: float, station: int, part: Part) -> None:
        """Send an item, or an order, to its next station; the order with its last item."""
        of_items = part.number != WHOLE
        for following in self.orders[part.order].route:
            if following > station and self.stations[following].of_items == of_items:
                heappush(self.events, (now, following, COME, part, 0))
                return
        if of_items:
            self.left[part.order] -= 1
            if not self.left[part.order]:
                self.go_on(now, station, Part(part.order, WHOLE))
