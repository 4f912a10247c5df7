"""The kitchen on its second clock: the same orders and draws through the engine, from one intervention to the next.

The engine knows arrivals, services, places that change, belts, the join and who is rushed. What people do at a moment
(hold, resume, remake, rush) ends a piece: the engine runs up to it, what everybody was doing then is read off its
visits, the intervention changes that, and the next piece begins with it. Times are whole microseconds, which floats
hold exactly, so that both clocks can agree to the last digit.
"""

from dataclasses import dataclass, field

import numpy as np

from simulation.engine import Tandem, take
from simulation.join import PAST, Join

WHOLE = 0  # the number of an order among its items, which count from 1


@dataclass
class Station:
    stage: str
    is_of_items: bool
    capacity: int
    changes: list = field(default_factory=list)  # (microseconds, capacity from then on)
    headway: int | None = None  # of a belt
    busy_until: float = -np.inf  # likewise


@dataclass
class Order:
    number: int
    placed: int
    stations: tuple  # of its route, numbers
    is_rushed: bool = False


@dataclass
class Work:
    """An item, or an order as a whole."""

    order: Order
    number: int
    joined: float
    station: int = 0
    state: str = "waiting"  # working, held, done
    is_rushed: bool = False
    left: int | None = None  # what is left of the service after a hold
    start: float = 0  # of the work in hand
    due: float = 0

    @property
    def key(self):
        return self.order.number, self.number

    @property
    def turn(self):
        return not self.is_rushed, self.joined, *self.key

    @property
    def has_begun(self):
        return self.state in ("working", "done") or self.left is not None or self.station > 0


class Twin:
    def __init__(self, stations, draw):
        """draw(station, order, item or WHOLE): microseconds of work; on a belt, until it comes out."""
        self.stations, self.draw = stations, draw
        self.fork = sum(station.is_of_items for station in stations)
        self.now = -1.0
        self.coming = []  # works of orders that are still to come
        self.items, self.whole = {}, {}  # {key: Work}, by order: those as a whole have no items left
        self.spans = {}  # {key: [(station, start, end)]}

    def place(self, order, count):
        self.coming += [Work(order, number, order.placed) for number in range(1, count + 1)]

    # What people do, at `now`

    def hold(self, number, item=None):
        for work in self.in_hand(number, item):
            if work.state == "working":
                work.left = int(work.due - self.now)
                self.close(work, self.now)
            work.state = "held"

    def resume(self, number, item=None):
        for work in self.in_hand(number, item):
            if work.state == "held":
                work.state = "waiting"

    def rush(self, number, item=None):
        parts = self.parts(number)
        for work in parts.values() if item is None else [parts[item]]:
            work.is_rushed = True
        if item is None:
            parts[1].order.is_rushed = True
            if number in self.whole:
                self.whole[number].is_rushed = True

    def remake(self, number, item=None):
        parts = self.parts(number)
        for work in [work for work in parts.values() if item in (None, work.number) and work.has_begun]:
            self.close(work, self.now)
            work.station, work.joined, work.state, work.left, work.is_rushed = 0, self.now, "waiting", None, True
        whole = self.whole.pop(number, None)
        if whole is not None:
            self.close(whole, self.now)

    def in_hand(self, number, item):
        if item is not None:
            return [self.items[number][item]]
        cooking = [work for work in self.parts(number).values() if work.state != "done"]
        return cooking or [self.whole[number]]

    def parts(self, number):
        return self.items[number]

    def close(self, work, moment):
        if work.state == "working":
            self.spans.setdefault(work.key, []).append((work.station, work.start, moment))

    # The engine, up to a moment

    def forward(self, until=np.inf):
        for work in [work for work in self.coming if work.joined <= until]:
            self.items.setdefault(work.order.number, {})[work.number] = work
        self.coming = [work for work in self.coming if work.joined > until]
        items = [
            work for parts in self.items.values() for work in parts.values() if work.state not in ("done", "held")
        ]
        items.sort(key=lambda work: work.key)
        orders = self.waiting_for(items)
        tandem, visits = self.run(range(self.fork), items, hands_on=True)
        entering = self.join(items, orders, tandem.handed)
        whole = sorted([*(work for work in self.whole.values() if work.state != "held"), *orders], key=by_key)
        entering = np.array([[whole.index(orders[column]) for column in entering[0][0]]], dtype=np.intp), entering[1]
        ready = {whole[column].key: moment for column, moment in zip(entering[0][0], entering[1][0], strict=True)}
        _, more = self.run(range(self.fork, len(self.stations)), whole, entering=entering)
        self.now = until
        for work in items:
            self.settle(work, visits[work.key])
        for work in whole:
            if ready.get(work.key, -np.inf) <= until and (work.key in ready or work.order.number in self.whole):
                self.whole[work.order.number] = work
                work.joined = ready.get(work.key, work.joined)
                self.settle(work, more[work.key])

    def waiting_for(self, items):
        """Return the orders that these items can complete, as works: none of their items is on hold."""
        found = {work.order.number: work.order for work in items}
        return [
            Work(order, WHOLE, order.placed, self.fork, is_rushed=order.is_rushed)
            for number, order in sorted(found.items())
            if all(work.state != "held" for work in self.items[number].values())
        ]

    def join(self, items, orders, handed):
        columns = {work.order.number: column for column, work in enumerate(orders)}
        missing = [sum(work.order.number == order.order.number for work in items) for order in orders]
        join = Join(1)
        join.expect(np.array([[*missing, PAST]], dtype=np.intp))  # the last: all that can't be completed
        of_item = np.array([[columns.get(work.order.number, len(orders)) for work in items]], dtype=np.intp)
        done, ends, _ = handed
        return join.receive(take(of_item, done), ends, is_last=True)

    def run(self, numbers, works, entering=None, hands_on=False):
        """Run some of the stations; return the tandem and {key: [(station, arrival, start, end)]}."""
        stations = [self.stations[number] for number in numbers]
        tandem = Tandem(
            1,
            [station.capacity for station in stations],
            [
                None if station.headway is None else self.delay(number)
                for number, station in zip(numbers, stations, strict=True)
            ],
            [station.changes for station in stations],
            hands_on=hands_on,
        )
        lines = [self.line(number, works, entering) for number in numbers]
        for index, number in enumerate(numbers):
            self.put_to_work(tandem, index, number, works)
        visits = {work.key: [] for work in works}
        columns = tandem.run(
            np.array([[max(work.joined, self.now) for work in works]], dtype=float),
            [self.services(number, works) for number in numbers],
            lines,
            entering=entering,
            skips=[self.skips(number, works) for number in numbers],
            rushed=np.array([[work.is_rushed for work in works]], dtype=bool),
        )
        for number, visit in zip(numbers, columns, strict=True):
            passes = np.zeros_like(visit.orders, dtype=bool) if visit.passes is None else visit.passes
            rows = zip(visit.orders[0], visit.arrivals[0], visit.starts[0], visit.ends[0], passes[0], strict=True)
            for column, arrival, start, end, goes_by in rows:
                if not goes_by and np.isfinite(arrival):
                    visits[works[column].key].append((number, arrival, start, end))
        return tandem, visits

    def line(self, number, works, entering):
        """Return who waits at a station, in turn; then, at the first, who is still to come."""
        enters = set() if entering is None else set(entering[0][0].tolist())
        here = [
            (max(work.joined, self.now), work.turn, column)
            for column, work in enumerate(works)
            if work.station == number
            and work.state == "waiting"
            and column not in enters
            and (work.number or work.order.number in self.whole)
        ]
        come_later = {column for moment, _, column in here if moment > self.now}
        here.sort(key=lambda row: (row[0], () if row[2] in come_later else row[1], row[2]))
        return np.array([column for *_, column in here], dtype=np.intp)

    def put_to_work(self, tandem, index, number, works):
        station = self.stations[number]
        columns = [c for c, work in enumerate(works) if (work.station, work.state) == (number, "working")]
        ends = np.array([[works[column].due for column in columns]], dtype=float)
        busy_until = ends if station.headway is None else np.array([[station.busy_until]])
        tandem.put_to_work(index, np.array(columns, dtype=np.intp), ends.reshape(1, -1), busy_until.reshape(1, -1))

    def services(self, number, works):
        station = self.stations[number]
        row = []
        for work in works:
            if number not in work.order.stations:
                row.append(0)
            elif station.headway is not None:
                row.append(station.headway)
            elif work.station == number and work.left is not None:
                row.append(work.left)
            else:
                row.append(self.draw(number, *work.key))
        return np.array([row], dtype=float)

    def skips(self, number, works):
        skips = np.array([[number not in work.order.stations for work in works]], dtype=bool)
        return skips if skips.any() else None

    def delay(self, number):
        return float(self.draw(number, 0, 1))

    # What everybody is doing at `now`

    def settle(self, work, visits):
        if work.state == "working":
            if work.due > self.now:
                return
            self.close(work, work.due)
        for station, arrival, start, end in visits:
            if (work.station, work.state) != (station, "waiting") or (arrival > work.joined and work.left is None):
                work.joined = work.joined if (work.station, work.state) == (station, "waiting") else arrival
            work.station, work.state = station, "waiting"
            if start > self.now:
                return
            self.stations[station].busy_until = max(
                self.stations[station].busy_until, start + (self.stations[station].headway or 0)
            )
            work.state, work.left, work.start, work.due = "working", None, start, end
            if end > self.now:
                return
            self.close(work, end)
        work.state = "done"


def by_key(work):
    return work.key
