"""Simulated days of several scenarios, on common random numbers.

Days come in blocks of BLOCK, and a block is made of its own streams of chance, whoever makes it: the n-th customer of
a day is the same person in every scenario, with the same pizzas and, under the same law, the same service times. What
differs between two scenarios is then what was changed, and little else.
"""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

from kitchen.planner.figures import BINS, Array, Figures, Floats, bins_of, join
from kitchen.planner.scenarios import BELT, OpenOrder, Plan, Scenario, StationPlan
from simulation.distributions import remaining_of_sum
from simulation.schedules import Changes, forward
from simulation.simulator import stations_forward

BLOCK = 50  # days
MOST_ORDERS_A_PIECE = 200_000  # that one worker simulates at once: a fraction of a second
SECONDS = 3600.0  # an hour
NEVER = 1e12  # seconds: when the customers come who would come after closing
LONG_DAY_HOURS = 4  # a longer one is cut into half hours, a shorter one into quarters
JUST_AFTER = 1e-9  # seconds after the beginning
STREAMS = {"arrivals": 0, "pizzas": 1, "work": 10, "present work": 100}  # the last two by the number of the station


def simulate(
    plan: Plan, scenarios: Sequence[Scenario], first: int, blocks: int, check: Callable[[], None] = lambda: None
) -> Figures:
    """So many blocks of days, from the block number `first`. `check` is called between the scenarios."""
    return join([block(plan, scenarios, number, check) for number in range(first, first + blocks)])


def slot_edges(plan: Plan) -> Floats:
    """The pieces of the day: seconds since the plan's opening. At least an hour in all."""
    hours = max(1.0, plan.close_hour - plan.open_hour)
    slot = SECONDS / (2 if hours > LONG_DAY_HOURS else 4)
    return np.append(np.arange(0, hours * SECONDS - 1e-6, slot), hours * SECONDS)


def block(plan: Plan, scenarios: Sequence[Scenario], number: int, check: Callable[[], None] = lambda: None) -> Figures:
    edges = slot_edges(plan)
    rows = []
    for scenario in scenarios:
        check()
        rows.append(Day(plan, scenario, number).figures(edges))
    return Figures(**{name: np.stack([vars(row)[name] for row in rows], axis=1) for name in vars(rows[0])})


class Day:
    """One scenario's block of days. Arrays are (days, orders); orders that are in the kitchen already come first."""

    def __init__(self, plan: Plan, scenario: Scenario, number: int) -> None:
        self.plan, self.scenario, self.number = plan, scenario, number
        self.state = sorted(plan.state, key=lambda order: not order.working)  # who works holds a place
        came = self.arrivals()
        pizzas = self.pizzas(came.shape[1])
        present = len(self.state)
        self.arrivals_seconds = np.concatenate([np.zeros((BLOCK, present)), came], axis=1)
        self.counts = self.arrivals_seconds < NEVER
        work = [self.work(index, station, pizzas) for index, station in enumerate(scenario.stations)]
        self.ready, self.starts, self.ends = self.cook(work)

    def random(self, stream: str, index: int = 0) -> np.random.Generator:
        seed = np.random.SeedSequence(self.plan.seed, spawn_key=(self.number, STREAMS[stream] + index))
        return np.random.Generator(np.random.PCG64(seed))

    def arrivals(self) -> Floats:
        """Seconds since the plan's opening, NEVER for who comes too late: a Poisson stream of rate 1, drawn once for
        all scenarios, on a clock that runs as fast as the demand. Exact for rates that are constant in each piece."""
        pieces = [(begin, end, rate) for begin, end, rate in self.scenario.rates() if rate]
        expected = sum((end - begin) * rate for begin, end, rate in pieces)
        if not expected:
            return np.zeros((BLOCK, 0))
        random = self.random("arrivals")
        rows = math.ceil(expected + 6 * math.sqrt(expected) + 10)
        clock = random.standard_exponential((rows, BLOCK)).cumsum(axis=0)
        while clock[-1].min() <= expected:
            clock = np.concatenate([clock, clock[-1] + random.standard_exponential((rows, BLOCK)).cumsum(axis=0)])
        clock = clock[: int((clock < expected).sum(axis=0).max())].T
        reached = np.cumsum([0.0, *((end - begin) * rate for begin, end, rate in pieces)])
        hours = np.full(clock.shape, NEVER)
        for (begin, _, rate), (since, until) in zip(pieces, pairwise(reached), strict=True):
            inside = (clock >= since) & (clock < until)
            hours[inside] = begin + (clock[inside] - since) / rate
        return np.where(hours < NEVER, (hours - self.plan.open_hour) * SECONDS, NEVER)

    def pizzas(self, orders: int) -> Array:
        """How many each order has. Drawn customer by customer, so that a longer day begins like a shorter one."""
        counts = np.array(list(self.scenario.demand.pizzas), dtype=np.int64)
        weights = np.cumsum(list(self.scenario.demand.pizzas.values()))
        chance = self.random("pizzas").random((orders, BLOCK)) * weights[-1]
        drawn: Array = counts[np.searchsorted(weights, chance, side="right")]
        return drawn

    def work(self, index: int, station: StationPlan, pizzas: Array) -> Floats:
        """Service times at a station, of a belt its headways; of pizzas, the sum. First the orders that are there
        already."""
        random = self.random("work", index)
        orders = pizzas.shape[0]
        if station.law == BELT:
            headway = station.mean_seconds / station.places
            service = headway * (pizzas if station.per_pizza else np.ones((orders, BLOCK)))
        elif station.per_pizza and orders:
            each = draw(random, station, int(pizzas.sum()))
            first = np.concatenate([[0], np.cumsum(pizzas.ravel())[:-1]])
            service = np.add.reduceat(each, first).reshape(orders, BLOCK)
        else:
            service = draw(random, station, orders * BLOCK).reshape(orders, BLOCK)
        here = self.random("present work", index)
        before = [self.present_work(here, index, station, order) for order in self.state]
        return np.concatenate([*(row[:, None] for row in before), service.T], axis=1)

    def present_work(self, random: np.random.Generator, index: int, station: StationPlan, order: OpenOrder) -> Floats:
        """Of an order that is in the kitchen: all of its work here, or what is left of it."""
        pizzas = order.pizzas if station.per_pizza else 1
        if order.station > index:
            return np.zeros(BLOCK)
        if station.law == BELT:
            left = max(0.0, station.mean_seconds - order.elapsed_seconds)
            headway = pizzas * station.mean_seconds / station.places
            return np.full(BLOCK, left if order.station == index and order.working else headway)
        if order.station == index and order.working:
            return remaining_of_sum(random, station.distribution, pizzas, order.elapsed_seconds, BLOCK)
        total: Floats = draw(random, station, pizzas * BLOCK).reshape(BLOCK, pizzas).sum(axis=1)
        return total

    def cook(self, work: Sequence[Floats]) -> tuple[list[Floats], list[Floats], list[Floats]]:
        """When each order reached each station, began there and ended there."""
        stations = self.scenario.stations
        arrivals = self.arrivals_seconds
        new = arrivals.shape[1] - len(self.state)
        at_station = np.array([order.station for order in self.state] + [0] * new)
        if any(station.changes for station in stations):
            return forward(arrivals, work, [self.places(*item) for item in enumerate(stations)], at_station)
        working = [order.working for order in self.state] + [False] * new
        places = [station.places for station in stations]
        belts = [station.mean_seconds if station.law == BELT else None for station in stations]
        starts, ends = stations_forward(arrivals, work, places, delays=belts, at_station=at_station, working=working)
        ready = [np.where(at_station < index, end, arrivals) for index, end in enumerate(ends[:-1], 1)]
        return [arrivals, *ready], starts, ends

    def places(self, index: int, station: StationPlan) -> tuple[int, Changes]:
        """At first and later, in seconds since the plan's opening. Who is at work goes on where places are fewer."""
        working = sum(order.working and order.station == index for order in self.state)
        first = [(JUST_AFTER, station.places)] if working > station.places else []
        later = [((hour - self.plan.open_hour) * SECONDS, places) for hour, places in station.changes]
        return max(station.places, working), [*first, *later]

    def figures(self, edges: Floats) -> Figures:
        slots = len(edges) - 1
        counts = self.counts
        ages = np.array([order.age_seconds for order in self.state] + [0.0] * (counts.shape[1] - len(self.state)))
        seconds = np.where(counts, self.ends[-1] - self.arrivals_seconds + ages, 0.0)
        kept = counts & (seconds <= self.scenario.promise_minutes * 60)
        waits = [np.where(counts, start - ready, 0.0) for ready, start in zip(self.ready, self.starts, strict=True)]
        slot = np.clip(np.searchsorted(edges, self.arrivals_seconds, side="right") - 1, 0, slots - 1)
        slot[:, : len(self.state)] = slots
        slot = slot[counts]
        lengths = seconds[counts]
        histogram = np.bincount(slot * BINS + bins_of(lengths), minlength=(slots + 1) * BINS).reshape(1, -1, BINS)
        return Figures(
            orders=counts.sum(axis=1),
            seconds=seconds.sum(axis=1),
            kept=kept.sum(axis=1),
            wait_seconds=np.stack([wait.sum(axis=1) for wait in waits], axis=1),
            slot_orders=np.bincount(slot, minlength=slots + 1)[None, :slots],
            slot_seconds=np.bincount(slot, lengths, slots + 1)[None, :slots],
            slot_kept=np.bincount(slot, kept[counts], slots + 1)[None, :slots],
            slot_busy=np.stack([self.busy(index, edges) for index in range(len(self.starts))])[None],
            histogram=histogram.astype(np.int32),
        )

    def busy(self, index: int, edges: Floats) -> Floats:
        """Seconds for which places of a station were taken in each slot, all days together."""
        here = self.counts.copy()
        here[:, [number for number, order in enumerate(self.state) if order.station > index]] = False
        start, end = self.starts[index][here], self.ends[index][here]
        return np.diff([np.clip(edge - start, 0, end - start).sum() for edge in edges])


def draw(random: np.random.Generator, station: StationPlan, count: int) -> Floats:
    """So many service times, in seconds."""
    return station.distribution.many(random, (count,))
