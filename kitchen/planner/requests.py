"""From what a person or a program asked for to a plan that can be simulated."""

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from kitchen.demand import PIZZAS, PROFILES, SHARES
from kitchen.models import MAX_DEMAND, MAX_SERVICE_SECONDS
from kitchen.planner import notes as plan_notes
from kitchen.planner.fields import HOURS_A_DAY, Asked, PlanError
from kitchen.planner.scenarios import (
    BELT,
    COMPARE,
    CREW,
    NOW,
    PRESENT,
    QUESTIONS,
    Demand,
    OpenOrder,
    Plan,
    Scenario,
    StationPlan,
    clock,
    described,
    one_more,
)
from simulation import distributions

FLAT, HOURS, MEASURED = "flat", "hours", "measured"
# Which hours a profile covers, with the share of each; their mean rate is what was asked.
HOURS_OF = {"day": range(11, 23), **{name: hours for name, hours in PROFILES.items() if name != FLAT}}
DEMANDS = ("friday", "day", "lunch", FLAT, HOURS, MEASURED)
FLAT_HOURS = (11, 23)

MOST_SCENARIOS = 6
MOST_PLACES = 1000
MOST_REPLICATIONS = 20_000
MOST_ORDERS = 5_000  # of one simulated day: more would not fit into a worker
MOST_CHANGES = 12
MAX_SEED = 2**31 - 1
MAX_PROMISE_MINUTES = 24 * 60.0
MAX_COST = 1e6
MAX_NAME = 60


@dataclass(frozen=True)
class Present:
    """The shop as it is, from the database (kitchen.planner.studies)."""

    stations: tuple[StationPlan, ...]
    per_hour: float
    # ISO date -> that day's orders in each hour, and how often an order had so many pizzas; ValueError if unusable
    measured: Callable[[Any], tuple[list[float], dict[int, float]]]
    now_hour: float = 0.0
    state: tuple[OpenOrder, ...] = ()
    notes: tuple[str, ...] = ()  # on the state
    measured_notes: tuple[str, ...] = ()  # on any measured day


def read_plan(values: Any, present: Present) -> Plan:
    """PlanError with the field and a sentence if it can't be simulated."""
    asked = Asked(values)
    question = asked.choice("question", COMPARE, QUESTIONS, "The question")
    demand_asked = asked.part("demand")
    demand = read_demand(demand_asked, present)
    notes = list(present.notes) if question == NOW else []
    if question == NOW:
        open_hour, close_hour = present.now_hour, read_end(asked, demand.hours[1])
        if close_hour <= open_hour:
            notes.append(f"It is {clock(open_hour)} and the day ends at {clock(close_hour)}: nobody new comes.")
            close_hour = open_hour
    else:
        open_hour, close_hour = read_hours(asked, *demand.hours)
    promise = asked.number("promise_minutes", 45, 0, MAX_PROMISE_MINUTES, "The promise in minutes", above=True)
    base = Scenario(PRESENT, present.stations, demand.demand, open_hour, close_hour, promise)
    scenarios = [base]
    parts = asked.parts("scenarios", MOST_SCENARIOS, "Scenarios")
    for part in parts:
        scenarios.append(read_scenario(part, base, present, demand_asked.values, question))
    if MEASURED in (part.get("profile") for part in (demand_asked, *(row.part("demand") for row in parts))):
        notes += present.measured_notes
    if asked.yes("one_more", False, "One more place everywhere"):
        more = [one_more(base, station) for station in base.stations]
        scenarios += (row for row in more if all(replace(other, name=row.name) != row for other in scenarios))
    if question == CREW and len(scenarios) > 1:
        raise PlanError("scenarios", "The smallest crew is searched for the shop as it is: leave the scenarios away.")
    check_names(scenarios)
    check_size(scenarios)
    plan = Plan(
        question,
        tuple(scenarios),
        asked.whole("seed", 1, 0, MAX_SEED, "The seed"),
        asked.number("half_width_minutes", 0.25, 0, MAX_PROMISE_MINUTES, "The precision in minutes", above=True),
        asked.whole("most_replications", 2000, 100, MOST_REPLICATIONS, "The most simulated days"),
        asked.number("keep", 0.95, 0, 0.999, "The share to keep", above=True),
        read_costs(asked.part("costs"), base.stations),
        present.state if question == NOW else (),
    )
    asked.nothing_else()
    return replace(plan, notes=tuple([*notes, *plan_notes.of(plan)]))


@dataclass(frozen=True)
class AskedDemand:
    demand: Demand
    hours: tuple[float, float]  # opening hours, unless something else is asked


def read_demand(asked: Asked, present: Present) -> AskedDemand:
    """A profile around a mean rate, a rate for each hour, or a day that was measured."""
    profile = asked.choice("profile", DEMANDS[0], DEMANDS, "Demand")
    per_hour = asked.number("per_hour", present.per_hour, 0, MAX_DEMAND, "Orders an hour")
    times = asked.number("times", 1, 0, 100, "The factor on the demand")
    text, day = asked.get("by_hour"), asked.get("day")
    for name, value, needs in (("by_hour", text, HOURS), ("day", day, MEASURED)):
        if value is not None and profile != needs:
            raise PlanError(asked.at(name), f"“{name}” goes with the profile “{needs}”, not with “{profile}”.")
    asked.nothing_else()
    pizzas: dict[int, float] = {count: float(weight) for count, weight in PIZZAS.items()}
    rates = [0.0] * HOURS_A_DAY
    if profile == HOURS:
        for hour, rate in read_by_hour(asked.at("by_hour"), text):
            rates[hour] = rate
        words = "by the hour"
    elif profile == MEASURED:
        try:
            rates, pizzas = present.measured(day)
        except ValueError as error:
            raise PlanError(asked.at("day"), str(error)) from None
        words = f"as measured on {day}"
    elif profile == FLAT:
        rates, words = [per_hour] * HOURS_A_DAY, f"{per_hour:g} an hour, all day"
    else:
        hours = HOURS_OF[profile]
        mean = sum(SHARES[hour] for hour in hours) / len(hours)
        for hour in hours:
            rates[hour] = per_hour * SHARES[hour] / mean
        words = f"{profile}, {per_hour:g} an hour on average"
    busy = [hour for hour, rate in enumerate(rates) if rate]
    hours_open = FLAT_HOURS if profile == FLAT or not busy else (busy[0], busy[-1] + 1)
    if times != 1:
        words += f", × {times:g}"
    demand = Demand(words, tuple(rate * times for rate in rates), pizzas)
    return AskedDemand(demand, (float(hours_open[0]), float(hours_open[1])))


def read_by_hour(path: str, value: Any) -> Iterator[tuple[int, float]]:
    """ "11: 6, 12: 12.5", or {"11": 6, "12": 12.5}, or a list of 24 rates."""
    if isinstance(value, str):
        pairs: list[Any] = [piece.split(":") for piece in re.split(r"[,;\n]+", value) if piece.strip()]
    elif isinstance(value, list):
        pairs = list(enumerate(value))
    elif isinstance(value, Mapping):
        pairs = list(value.items())
    else:
        pairs = []
    if not pairs:
        raise PlanError(path, "Say how many orders come in each hour, such as 11: 6, 12: 12.5.")
    seen = set[int]()
    for pair in pairs:
        try:
            hour, rate = int(pair[0]), float(pair[1])
            if len(pair) != 2 or isinstance(pair[1], bool):
                raise ValueError
        except (TypeError, ValueError, IndexError, OverflowError):
            raise PlanError(path, "Orders by the hour must look like 11: 6, 12: 12.5.") from None
        if not 0 <= hour < HOURS_A_DAY or not 0 <= rate <= MAX_DEMAND:
            raise PlanError(path, f"An hour is 0 to 23 and has 0 to {MAX_DEMAND} orders, not “{hour}: {rate:g}”.")
        if hour in seen:
            raise PlanError(path, f"The hour {hour} is there twice. Say once how many orders come in it.")
        seen.add(hour)
        yield hour, rate


def read_end(asked: Asked, close_hour: float) -> float:
    """Of a day that has begun, whenever it did."""
    if asked.get("open") is not None:
        raise PlanError(asked.at("open"), "A study from now opens now.")
    return asked.hour("close", close_hour, "The closing time")


def read_hours(asked: Asked, open_hour: float, close_hour: float) -> tuple[float, float]:
    open_hour = asked.hour("open", open_hour, "The opening time")
    close_hour = asked.hour("close", close_hour, "The closing time")
    if close_hour <= open_hour:
        raise PlanError(asked.at("close"), f"The shop must close after it opens at {clock(open_hour)}.")
    return open_hour, close_hour


def read_scenario(
    asked: Asked, base: Scenario, present: Present, base_demand: Mapping[str, Any], question: str
) -> Scenario:
    """The shop as it is, but for what is named. A demand is the plan's own, but for what is named."""
    name = asked.text("name", "", MAX_NAME, "The name")
    part = asked.part("demand")
    demand, hours = base.demand, (base.open_hour, base.close_hour)
    if part.values:
        other = read_demand(Asked({**base_demand, **part.values}, part.path), present)
        demand = other.demand
        if part.get("profile") is not None and question != NOW:
            hours = other.hours
    if question == NOW and "open" in asked.values:
        raise PlanError(asked.at("open"), "A study from now opens now.")
    open_hour, close_hour = read_hours(asked, *hours) if hours[0] < hours[1] else hours
    promise = asked.number("promise_minutes", base.promise_minutes, 0, MAX_PROMISE_MINUTES, "The promise", above=True)
    parts = asked.part("stations")
    stations = {station.stage: read_station(parts, station) for station in base.stations}
    parts.nothing_else()
    for change in asked.parts("changes", MOST_CHANGES, "Changes of places"):
        stage = change.choice("stage", "", stations, "The station of a change")
        if not stage:
            raise PlanError(change.at("stage"), "Say which station changes.")
        at = change.hour("at", math.nan, "The time of a change")
        if not open_hour <= at <= max(close_hour, HOURS_A_DAY):
            raise PlanError(change.at("at"), f"The change must come between {clock(open_hour)} and 24:00.")
        places = change.whole("places", -1, 0, MOST_PLACES, "Places from then on")
        if places < 0:
            raise PlanError(change.at("places"), "Say how many places there are from then on.")
        change.nothing_else()
        old = stations[stage]
        stations[stage] = replace(old, changes=tuple(sorted([*old.changes, (at, places)])))
    asked.nothing_else()
    if any(station.changes for station in stations.values()) and BELT in {row.law for row in stations.values()}:
        raise PlanError(asked.at("changes"), "Places that change and a conveyor can't be in one scenario.")
    for station in stations.values():
        if station.changes and not station.changes[-1][1]:
            raise PlanError(
                asked.at("changes"), f"{station.name} would end with no place: its orders would never get out."
            )
    scenario = Scenario(name, tuple(stations.values()), demand, open_hour, close_hour, promise)
    return scenario if name else replace(scenario, name=described(base, scenario))


def read_station(parts: Asked, station: StationPlan) -> StationPlan:
    asked = parts.part(station.stage)
    places = asked.whole("places", station.places, 1, MOST_PLACES, f"{station.name}: places")
    law = asked.choice("law", station.law, (*distributions.LAWS, BELT), f"{station.name}: the law")
    mean = asked.number(
        "mean_seconds", station.mean_seconds, 0, MAX_SERVICE_SECONDS, f"{station.name}: the mean", above=True
    )
    spread = asked.number(
        "spread_seconds", station.spread_seconds, 0, MAX_SERVICE_SECONDS, f"{station.name}: the spread"
    )
    per_pizza = asked.yes("per_pizza", station.per_pizza, f"{station.name}: per pizza")
    asked.nothing_else()
    if spread > 10 * mean:
        raise PlanError(asked.at("spread_seconds"), f"{station.name}: a spread above ten means is no kitchen we know.")
    if not is_usable(law, mean, spread):
        raise PlanError(asked.at("spread_seconds"), f"{station.name}: no {law} law has {mean:g} ± {spread:g} s.")
    return StationPlan(station.stage, station.name, places, law, mean, spread, per_pizza, station.changes)


def is_usable(law: str, mean_seconds: float, spread_seconds: float) -> bool:
    """A uniform time may not begin below 0, a gamma law needs a spread."""
    if law == BELT:
        return True
    try:
        seconds = distributions.LAWS[law](mean_seconds, spread_seconds).one(Random(0))
    except (ValueError, ArithmeticError):
        return False
    return math.isfinite(seconds)


def read_costs(asked: Asked, stations: Iterable[StationPlan]) -> dict[str, float]:
    costs = {
        station.stage: asked.number(station.stage, 1, 0, MAX_COST, f"{station.name}: the cost of a place", above=True)
        for station in stations
    }
    asked.nothing_else()
    return costs


def check_names(scenarios: list[Scenario]) -> None:
    seen: set[str] = set()
    for number, scenario in enumerate(scenarios):
        if scenario.name in seen:
            raise PlanError(f"scenarios.{number - 1}.name", f"Two scenarios are the same: {scenario.name}.")
        seen.add(scenario.name)


def check_size(scenarios: list[Scenario]) -> None:
    for number, scenario in enumerate(scenarios):
        if scenario.orders() > MOST_ORDERS:
            where = f"scenarios.{number - 1}.demand" if number else "demand"
            raise PlanError(where, f"{scenario.orders():,.0f} orders a day are more than the {MOST_ORDERS:,} we try.")
