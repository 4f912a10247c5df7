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
LAST = math.inf  # the turn of all who come after the opening


@dataclass(frozen=True)
class Station:
    capacity: int | None  # None: a place for everybody
    of_items: bool = False
    delay_seconds: float | None = None  # a belt: a service keeps others out, and its work comes out after the delay
    changes: tuple[tuple[float, int], ...] = ()  # (seconds, capacity from then on)
    busy_until: float = -math.inf  # a belt takes nobody before, even if nothing is on it


@dataclass(frozen=True)
class Standing:
    """Where an item, or the WHOLE order, is at the opening."""

    number: int
    station: int
    elapsed_seconds: float | None = None  # for how long its work has gone on; None in the line
    turn: float = 0  # in the line, smallest first


@dataclass(frozen=True)
class Order:
    came_seconds: float
    items: int = 1
    route: tuple[int, ...] = ()  # numbers of stations, rising; those of items first
    is_rushed: bool = False
    standing: tuple[Standing, ...] = ()  # in the kitchen when it came; its other items are done


class Part(NamedTuple):
    """An item, or the WHOLE order."""

    order: int
    number: int


class Visit(NamedTuple):
    joined: float
    start: float
    end: float


class Event(NamedTuple):
    """What happens; sorted, in which order."""

    seconds: float
    station: int
    what: int
    turn: float = LAST
    part: Part = Part(-1, WHOLE)
    capacity: int = 0


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
    # Who goes first: rushed, the moment of joining, the turn, the number
    line: list[tuple[bool, float, float, Part]] = field(default_factory=list)


class Kitchen:
    def __init__(self, stations: Sequence[Station], orders: Sequence[Order], services: Services) -> None:
        self.stations, self.orders, self.services = stations, orders, services
        self.places = [Place(math.inf if row.capacity is None else row.capacity) for row in stations]
        self.left = [order.items for order in orders]  # items that are not yet through the stations of items
        self.visits: Visits = {}
        self.events: list[Event] = []
        for station, row in enumerate(stations):
            for seconds, capacity in row.changes:
                heappush(self.events, Event(seconds, station, CHANGE, capacity=capacity))
            if row.busy_until > -math.inf:
                self.places[station].at_work = 1
                heappush(self.events, Event(row.busy_until, station, FREE))
        for number, order in enumerate(orders):
            if order.standing:
                self.open_with(number, order)
                continue
            for item in range(1, order.items + 1):
                self.go_on(order.came_seconds, -1, Part(number, item))

    def open_with(self, number: int, order: Order) -> None:
        self.left[number] = sum(here.number != WHOLE for here in order.standing)
        for here in order.standing:
            part = Part(number, here.number)
            if here.elapsed_seconds is None:
                heappush(self.events, Event(order.came_seconds, here.station, COME, here.turn, part))
            else:
                start = order.came_seconds - here.elapsed_seconds
                self.begin(start, here.station, part, start, not_before=order.came_seconds)

    def step(self) -> None:
        now, station, what, turn, part, capacity = heappop(self.events)
        place = self.places[station]
        if what == CHANGE:
            place.capacity = capacity
        if what == COME:
            heappush(place.line, (not self.orders[part.order].is_rushed, now, turn, part))
        if what in (END, FREE):
            place.at_work -= 1
        if what in (END, OUT):
            self.go_on(now, station, part)
        while place.line and place.at_work < place.capacity:
            _, joined, _, first = heappop(place.line)
            self.begin(now, station, first, joined)

    def begin(self, now: float, station: int, part: Part, joined: float, not_before: float = -math.inf) -> None:
        """Begin the work on a part, which does not end before that moment."""
        seconds, delay = self.services(station, part), self.stations[station].delay_seconds
        lasts = seconds if delay is None else delay
        end = max(now + lasts, not_before)
        self.visits[station, part] = Visit(joined, now, end)
        self.places[station].at_work += 1
        if delay is None:
            heappush(self.events, Event(end, station, END, part=part))
        else:
            heappush(self.events, Event(now + seconds, station, FREE, part=part))
            heappush(self.events, Event(end, station, OUT, part=part))

    def go_on(self, now: float, station: int, part: Part) -> None:
        """Send an item, or an order, to its next station; the order with its last item."""
        of_items = part.number != WHOLE
        for following in self.orders[part.order].route:
            if following > station and self.stations[following].of_items == of_items:
                heappush(self.events, Event(now, following, COME, part=part))
                return
        if of_items:
            self.left[part.order] -= 1
            if not self.left[part.order]:
                self.go_on(now, station, Part(part.order, WHOLE))
