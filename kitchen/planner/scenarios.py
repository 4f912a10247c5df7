"""The scenarios of a study: kitchens, their demand and their promise. Plain data: no database, no clock.

Hours are hours of the day (18.5 is half past six), `per_hour` is orders an hour, durations are kitchen seconds or
minutes as their names say.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from kitchen.stages import CARRY_OUT, DELIVERY, ROUTES
from simulation.distributions import Distribution, build
from simulation.distributions.text import written

COMPARE, CREW, NOW = "compare", "crew", "now"
QUESTIONS = (COMPARE, CREW, NOW)
PRESENT = "The shop as it is"
BELT = "conveyor"  # a distribution of the planner alone: always the mean, loaded one by one, `capacity` at a time
ITEM, ORDER = "item", "order"  # what a station works on: a pizza, or an order with all its pizzas
THINGS = {ITEM: "pizza", ORDER: "order"}
TAKEN = {DELIVERY: "delivered", CARRY_OUT: "collected"}  # an order, by its way out
ENDS = {DELIVERY: "door", CARRY_OUT: "counter"}  # where an order's time ends
MOST_CAPACITY = 1000
MOST_CREW = 40  # the largest capacity of a station that the search for the smallest crew tries


@dataclass(frozen=True)
class StationPlan:
    stage: str
    name: str
    capacity: int
    distribution: str  # its code
    mean_seconds: float
    spread_seconds: float
    per_pizza: bool
    # (hour of the day, capacity from then on), in the order of time: a place that breaks finishes its order
    changes: tuple[tuple[float, int], ...] = ()
    parameters: dict[str, Any] = field(default_factory=dict)  # of the distribution, besides its mean and spread
    unit: str = ORDER  # what it works on; stations of items come before all others
    headway_seconds: float | None = None  # between two loadings of a belt; None: as its capacity says

    @property
    def service(self) -> Distribution:
        """Build the service-time distribution; a conveyor has none."""
        return build(self.distribution, self.mean_seconds, self.spread_seconds, self.parameters)

    @property
    def is_per_pizza(self) -> bool:
        """True if its time is that of one pizza."""
        return self.per_pizza or self.unit == ITEM

    @property
    def loading_seconds(self) -> float:
        """Return the time between two loadings of a conveyor."""
        return self.mean_seconds / self.capacity if self.headway_seconds is None else self.headway_seconds

    def with_capacity(self, capacity: int) -> "StationPlan":
        """Return the station with another capacity. A belt that has to hold more or fewer is loaded more or less
        often."""
        is_same = capacity == self.capacity
        return replace(self, capacity=capacity, headway_seconds=self.headway_seconds if is_same else None)

    def things(self, count: float = 2) -> str:
        """Return what stands in its line and takes its places, in words."""
        return THINGS[self.unit] + ("" if count == 1 else "s")


def worked_on(way: str) -> tuple[str, ...]:
    """Return the stages of a way out that take the shop's time. People who wait at the counter take none."""
    route = ROUTES[way]
    return route.stages[: route.stages.index(route.fulfilled)]


def belt_capacity(delay_seconds: float, headway_seconds: float) -> int:
    """Return how many are on a belt at a time, as far as places are counted."""
    if delay_seconds > headway_seconds * MOST_CAPACITY:
        return MOST_CAPACITY
    return max(1, math.ceil(delay_seconds / headway_seconds - 1e-9))


# stored studies and requests have other names for these fields of a station
STORED_NAMES = {"capacity": "places", "distribution": "law"}
FIELD_NAMES = {stored: name for name, stored in STORED_NAMES.items()}


@dataclass(frozen=True)
class Demand:
    words: str
    per_hour: tuple[float, ...]  # the rate in each of the 24 hours of the day
    pizzas: dict[int, float]  # number: its relative frequency
    carry_out: float = 0.0  # the share of orders that are collected

    @property
    def shares(self) -> dict[str, float]:
        """Return the share of each way out of the kitchen that some order takes."""
        shares = {DELIVERY: 1 - self.carry_out, CARRY_OUT: self.carry_out}
        return {way: share for way, share in shares.items() if share > 0}


@dataclass(frozen=True)
class Scenario:
    name: str
    stations: tuple[StationPlan, ...]  # in the order of the stages
    demand: Demand
    open_hour: float
    close_hour: float
    promise_minutes: float

    def rates(self) -> list[tuple[float, float, float]]:
        """Return (from, to, orders an hour) of each piece of the day between opening and closing."""
        pieces = []
        for hour, rate in enumerate(self.demand.per_hour):
            begin, end = max(float(hour), self.open_hour), min(hour + 1.0, self.close_hour)
            if begin < end:
                pieces.append((begin, end, rate))
        return pieces

    def orders(self) -> float:
        """Return the expected number of orders on such a day."""
        return sum((end - begin) * rate for begin, end, rate in self.rates())

    def crowd(self) -> float:
        """Return how many come on such a day: pizzas where some station works on them, otherwise orders."""
        each = self.mean_pizzas() if any(station.unit == ITEM for station in self.stations) else 1
        return self.orders() * each

    def route(self, way: str) -> tuple[int, ...]:
        """Return the numbers of the stations of a way out, up to the moment that its promise is about."""
        return tuple(number for number, row in enumerate(self.stations) if row.stage in worked_on(way))

    def visitors(self, station: StationPlan) -> float:
        """Return how many pizzas, or orders, an average order brings to a station."""
        share = sum(share for way, share in self.demand.shares.items() if station.stage in worked_on(way))
        return share * (self.mean_pizzas() if station.unit == ITEM else 1)

    def work_seconds(self, station: StationPlan) -> float:
        """Return the mean work on one of a station's visitors."""
        pizzas = self.mean_pizzas() if station.per_pizza and station.unit == ORDER else 1
        seconds = station.mean_seconds
        if station.distribution == BELT:  # of each of its places
            seconds = station.loading_seconds * station.capacity
        return seconds * pizzas

    def mean_pizzas(self) -> float:
        return sum(count * weight for count, weight in self.demand.pizzas.items()) / sum(self.demand.pizzas.values())


@dataclass(frozen=True)
class OpenItem:
    """One pizza of an open order."""

    station: int
    working: bool
    elapsed_seconds: float
    is_done: bool = False  # has left the stations of items: the rest says nothing
    turn: int = 0  # in the line, the smallest first


@dataclass(frozen=True)
class OpenOrder:
    """An order that is in the kitchen at the moment from which a study looks ahead. Seconds are the kitchen's."""

    station: int  # the number of its station, from 0
    working: bool
    elapsed_seconds: float  # for how long its work has gone on; 0 in the line
    pizzas: int
    age_seconds: float  # since it was placed
    way: str = DELIVERY
    items: tuple[OpenItem, ...] = ()  # each of its pizzas, at stations of items; none: all are where the order is


@dataclass(frozen=True)
class Plan:
    """A complete study: run again, it gives the same figures, however the shop has changed since."""

    question: str
    scenarios: tuple[Scenario, ...]  # the shop as it is comes first
    seed: int
    half_width_minutes: float
    most_replications: int
    keep: float = 0.95
    costs: dict[str, float] = field(default_factory=dict)  # of one place at each stage's station
    state: tuple[OpenOrder, ...] = ()  # in the order of the lines
    notes: tuple[str, ...] = ()  # what a person should know about this plan

    @property
    def open_hour(self) -> float:
        return min(scenario.open_hour for scenario in self.scenarios)

    @property
    def close_hour(self) -> float:
        return max(scenario.close_hour for scenario in self.scenarios)

    def ways(self, scenario: Scenario) -> tuple[str, ...]:
        """Return the ways out that orders of a scenario take, in the order of ROUTES."""
        taken = {order.way for order in self.state}
        if scenario.orders() or not taken:
            taken |= set(scenario.demand.shares)
        return tuple(way for way in ROUTES if way in taken)

    def ends(self, *scenarios: Scenario) -> tuple[str, ...]:
        """Return where an order's time ends, in all scenarios or in these: at the door, at the counter or both."""
        taken = {way for scenario in scenarios or self.scenarios for way in self.ways(scenario)}
        return tuple(place for way, place in ENDS.items() if way in taken)

    def as_dict(self) -> dict[str, Any]:
        """Return the plan for JSON; `load` reads it."""
        stored = asdict(self)
        for scenario in stored["scenarios"]:
            scenario["stations"] = [
                {STORED_NAMES.get(name, name): value for name, value in station.items()}
                for station in scenario["stations"]
            ]
        return stored


def load(stored: Mapping[str, Any]) -> Plan:
    """Restore a plan from `Plan.as_dict`, after it went through JSON."""
    scenarios = tuple(
        _made(
            Scenario,
            row,
            stations=tuple(
                _made(
                    StationPlan,
                    {FIELD_NAMES.get(name, name): value for name, value in station.items()},
                    changes=tuple((hour, capacity) for hour, capacity in station["changes"]),
                )
                for station in row["stations"]
            ),
            demand=_made(
                Demand,
                row["demand"],
                per_hour=tuple(row["demand"]["per_hour"]),
                pizzas={int(count): weight for count, weight in row["demand"]["pizzas"].items()},
            ),
        )
        for row in stored["scenarios"]
    )
    state = tuple(
        _made(OpenOrder, row, items=tuple(_made(OpenItem, item) for item in row.get("items", ())))
        for row in stored["state"]
    )
    plan: Plan = _made(Plan, stored, scenarios=scenarios, state=state, notes=tuple(stored["notes"]))
    return plan


def _made(kind: Any, row: Mapping[str, Any], **values: Any) -> Any:
    """Make a `kind` from a row. Fields added after the row was stored keep their defaults."""
    return kind(**{item.name: row[item.name] for item in fields(kind) if item.name in row} | values)


def capacity_at(station: StationPlan, hour: float) -> int:
    """Return the capacity at an hour of the day."""
    capacity = station.capacity
    for at, changed in station.changes:
        if at <= hour:
            capacity = changed
    return capacity


def one_more(base: Scenario, station: StationPlan) -> Scenario:
    more = station.with_capacity(station.capacity + 1)
    scenario = replace(base, stations=tuple(more if row is station else row for row in base.stations))
    return replace(scenario, name=described(base, scenario))


def described(base: Scenario, scenario: Scenario) -> str:
    """Describe what is different, in a few words."""
    words = []
    for was, now in zip(base.stations, scenario.stations, strict=True):
        at = f"at “{now.name}”"
        more = now.capacity - was.capacity
        if more:
            words.append(f"{count_words(more)} {at}")
        if now.distribution != was.distribution:
            times = f"{now.distribution.replace('_', ' ')} times {at}"
            words.append(f"a conveyor {at}" if now.distribution == BELT else times)
        if (now.mean_seconds, now.spread_seconds, now.per_pizza) != (
            was.mean_seconds,
            was.spread_seconds,
            was.per_pizza,
        ):
            words.append(f"{now.mean_seconds:g} ± {now.spread_seconds:g} s {at}")
        if now.headway_seconds is not None and now.headway_seconds != was.headway_seconds:
            words.append(f"one every {now.headway_seconds:g} s {at}")
        if now.parameters != was.parameters and now.parameters:
            words.append(f"{written(now.parameters)} {at}")
        words += [
            f"{capacity} {at} from {clock(hour)}"
            for hour, capacity in now.changes
            if (hour, capacity) not in was.changes
        ]
    words += demand_words(base.demand, scenario.demand)
    if (scenario.open_hour, scenario.close_hour) != (base.open_hour, base.close_hour):
        words.append(f"open {clock(scenario.open_hour)} to {clock(scenario.close_hour)}")
    if scenario.promise_minutes != base.promise_minutes:
        words.append(f"promise {scenario.promise_minutes:g} minutes")
    text = ", ".join(words) or "the same again"
    return text[0].upper() + text[1:]


def demand_words(was: Demand, now: Demand) -> Iterator[str]:
    if (now.per_hour, now.pizzas) != (was.per_hour, was.pizzas):
        yield f"demand {now.words}"
    elif now.carry_out != was.carry_out:
        yield carry_out_words(now.carry_out)


def carry_out_words(share: float) -> str:
    if share in (0, 1):
        return f"every order {'collected' if share else 'delivered'}"
    return f"{100 * share:.3g} % of orders collected"


def count_words(more: int) -> str:
    count = "one" if abs(more) == 1 else str(abs(more))
    return f"{count} {'more' if more > 0 else 'fewer'} {'place' if abs(more) == 1 else 'places'}"


def clock(hour: float) -> str:
    """Write an hour of the day: 19.5 is 19:30."""
    minutes = round(hour * 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}"
