"""Read the request of a person or a program into a plan that can be simulated."""

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from kitchen.demand import PIZZAS, PROFILES, SHARES
from kitchen.models import MAX_DEMAND
from kitchen.planner import notes as plan_notes
from kitchen.planner.scenarios import (
    BELT,
    COMPARE,
    CREW,
    MOST_CAPACITY,
    NOW,
    PRESENT,
    QUESTIONS,
    Demand,
    OpenOrder,
    Plan,
    Scenario,
    StationPlan,
    carry_out_words,
    clock,
    described,
    one_more,
)
from kitchen.planner.stations import read_station
from simulation.fields import HOURS_A_DAY, PLAN, Fields, SpecError

FLAT, HOURS, MEASURED = "flat", "hours", "measured"
# The hours that a profile covers, with the share of each; their mean rate is the requested one.
HOURS_OF = {"day": range(11, 23), **{name: hours for name, hours in PROFILES.items() if name != FLAT}}
DEMANDS = ("friday", "day", "lunch", FLAT, HOURS, MEASURED)
FLAT_HOURS = (11, 23)

MOST_SCENARIOS = 6
MOST_REPLICATIONS = 20_000
MOST_ORDERS = 5_000  # on one simulated day: more would not fit into a worker
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
    # ISO date -> that day's orders in each hour, and the frequency of each number of pizzas; ValueError if unusable
    measured: Callable[[Any], tuple[list[float], dict[int, float]]]
    now_hour: float = 0.0
    state: tuple[OpenOrder, ...] = ()
    notes: tuple[str, ...] = ()  # on the state
    measured_notes: tuple[str, ...] = ()  # on any measured day
    measured_carry_out: Callable[[Any], float] = lambda day: 0.0  # the share of such a day's orders


def read_plan(values: Any, present: Present) -> Plan:
    """Read a plan; SpecError with the field and a sentence if it can't be simulated."""
    asked = Fields(values, dialect=PLAN)
    question = asked.choice("question", QUESTIONS, COMPARE, "The question")
    demand_asked = asked.optional_object("demand")
    demand = read_demand(demand_asked, present)
    notes = list(present.notes) if question == NOW else []
    if question == NOW:
        open_hour, close_hour = present.now_hour, read_end(asked, demand.hours[1])
        if close_hour <= open_hour:
            notes.append(f"It is {clock(open_hour)} and the day ends at {clock(close_hour)}: no new orders come.")
            close_hour = open_hour
    else:
        open_hour, close_hour = read_hours(asked, *demand.hours)
    promise = asked.number("promise_minutes", "The promise in minutes", 45, above=0, most=MAX_PROMISE_MINUTES)
    base = Scenario(PRESENT, present.stations, demand.demand, open_hour, close_hour, promise)
    scenarios = [base]
    parts = asked.objects("scenarios", 0, MOST_SCENARIOS, "Scenarios")
    for part in parts:
        scenarios.append(read_scenario(part, base, present, demand_asked.values, question))
    if MEASURED in (part.get("profile") for part in (demand_asked, *(row.optional_object("demand") for row in parts))):
        notes += present.measured_notes
    if asked.flag("one_more", False, "One more place everywhere"):
        more = [one_more(base, station) for station in base.stations]
        scenarios += (row for row in more if all(replace(other, name=row.name) != row for other in scenarios))
    if question == CREW and len(scenarios) > 1:
        raise SpecError("scenarios", "The smallest crew is found for the shop as it is: leave the scenarios out.")
    check_names(scenarios)
    check_size(scenarios)
    plan = Plan(
        question,
        tuple(scenarios),
        asked.whole("seed", 0, MAX_SEED, 1, "The seed"),
        asked.number("half_width_minutes", "The precision in minutes", 0.25, above=0, most=MAX_PROMISE_MINUTES),
        asked.whole("most_replications", 100, MOST_REPLICATIONS, 2000, "The most simulated days"),
        asked.number("keep", "The share to keep", 0.95, above=0, most=0.999),
        read_costs(asked.optional_object("costs"), base.stations),
        present.state if question == NOW else (),
    )
    asked.refuse_others()
    return replace(plan, notes=tuple([*notes, *plan_notes.of(plan)]))


@dataclass(frozen=True)
class AskedDemand:
    demand: Demand
    hours: tuple[float, float]  # opening hours, unless others are requested


def read_demand(asked: Fields, present: Present) -> AskedDemand:
    """Read a profile around a mean rate, a rate for each hour, or a day that was measured.

    All orders are delivered, or as many as on the measured day, unless a share of carry-out is requested.
    """
    profile = asked.choice("profile", DEMANDS, DEMANDS[0], "Demand")
    per_hour = asked.number("per_hour", "Orders an hour", present.per_hour, least=0, most=MAX_DEMAND)
    times = asked.number("times", "The factor on the demand", 1, least=0, most=100)
    text, day = asked.get("by_hour"), asked.get("day")
    for name, value, needs in (("by_hour", text, HOURS), ("day", day, MEASURED)):
        if value is not None and profile != needs:
            raise SpecError(asked.at(name), f"“{name}” goes with the profile “{needs}”, not with “{profile}”.")
    carry_out = 0.0
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
            raise SpecError(asked.at("day"), str(error)) from None
        carry_out = present.measured_carry_out(day)
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
    carry_out = asked.number("carry_out", "The share of carry-out", carry_out, least=0, most=1)
    asked.refuse_others()
    if carry_out:
        words += f", {carry_out_words(carry_out)}"
    demand = Demand(words, tuple(rate * times for rate in rates), pizzas, carry_out)
    return AskedDemand(demand, (float(hours_open[0]), float(hours_open[1])))


def read_by_hour(path: str, value: Any) -> Iterator[tuple[int, float]]:
    """Read "11: 6, 12: 12.5", or {"11": 6, "12": 12.5}, or a list of 24 rates."""
    if isinstance(value, str):
        pairs: list[Any] = [piece.split(":") for piece in re.split(r"[,;\n]+", value) if piece.strip()]
    elif isinstance(value, list):
        pairs = list(enumerate(value))
    elif isinstance(value, Mapping):
        pairs = list(value.items())
    else:
        pairs = []
    if not pairs:
        raise SpecError(path, "Say how many orders come in each hour, such as 11: 6, 12: 12.5.")
    seen = set[int]()
    for pair in pairs:
        try:
            hour, rate = int(pair[0]), float(pair[1])
            if len(pair) != 2 or isinstance(pair[1], bool):
                raise ValueError
        except (TypeError, ValueError, IndexError, OverflowError):
            raise SpecError(path, "Orders by the hour must look like 11: 6, 12: 12.5.") from None
        if not 0 <= hour < HOURS_A_DAY or not 0 <= rate <= MAX_DEMAND:
            raise SpecError(path, f"An hour is 0 to 23 and has 0 to {MAX_DEMAND} orders, not “{hour}: {rate:g}”.")
        if hour in seen:
            raise SpecError(path, f"The hour {hour} is there twice. Say once how many orders come in it.")
        seen.add(hour)
        yield hour, rate


def read_end(asked: Fields, close_hour: float) -> float:
    """Read the closing time of a day that has already begun."""
    if asked.get("open") is not None:
        raise SpecError(asked.at("open"), "A study from now opens now.")
    return asked.hour("close", close_hour, "The closing time")


def read_hours(asked: Fields, open_hour: float, close_hour: float) -> tuple[float, float]:
    open_hour = asked.hour("open", open_hour, "The opening time")
    close_hour = asked.hour("close", close_hour, "The closing time")
    if close_hour <= open_hour:
        raise SpecError(asked.at("close"), f"The shop must close after it opens at {clock(open_hour)}.")
    return open_hour, close_hour


def read_scenario(
    asked: Fields, base: Scenario, present: Present, base_demand: Mapping[str, Any], question: str
) -> Scenario:
    """Read a scenario: the shop as it is, and the plan's demand, except for what is named."""
    name = asked.text("name", MAX_NAME, "", "The name")
    part = asked.optional_object("demand")
    demand, hours = base.demand, (base.open_hour, base.close_hour)
    if part.values:
        other = read_demand(Fields({**base_demand, **part.values}, part.path, PLAN), present)
        demand = other.demand
        if part.get("profile") is not None and question != NOW:
            hours = other.hours
    if question == NOW and "open" in asked.values:
        raise SpecError(asked.at("open"), "A study from now opens now.")
    open_hour, close_hour = read_hours(asked, *hours) if hours[0] < hours[1] else hours
    promise = asked.number("promise_minutes", "The promise", base.promise_minutes, above=0, most=MAX_PROMISE_MINUTES)
    parts = asked.optional_object("stations")
    stations = {station.stage: read_station(parts, station) for station in base.stations}
    parts.refuse_others()
    for change in asked.objects("changes", 0, MOST_CHANGES, "Changes of places"):
        stage = change.choice("stage", stations, "", "The station of a change")
        if not stage:
            raise SpecError(change.at("stage"), "Say which station changes.")
        at = change.hour("at", math.nan, "The time of a change")
        if not open_hour <= at <= max(close_hour, HOURS_A_DAY):
            raise SpecError(change.at("at"), f"The change must come between {clock(open_hour)} and 24:00.")
        capacity = change.whole("places", 0, MOST_CAPACITY, -1, "Places from then on")
        if capacity < 0:
            raise SpecError(change.at("places"), "Say how many places there are from then on.")
        change.refuse_others()
        old = stations[stage]
        stations[stage] = replace(old, changes=tuple(sorted([*old.changes, (at, capacity)])))
    asked.refuse_others()
    for station in stations.values():
        if station.changes and station.distribution == BELT:
            raise SpecError(asked.at("changes"), f"{station.name} is a conveyor: its places can't change.")
        if station.changes and not station.changes[-1][1]:
            raise SpecError(
                asked.at("changes"), f"{station.name} would end with no place: its orders would never get out."
            )
    scenario = Scenario(name, tuple(stations.values()), demand, open_hour, close_hour, promise)
    return scenario if name else replace(scenario, name=described(base, scenario))


def read_costs(asked: Fields, stations: Iterable[StationPlan]) -> dict[str, float]:
    costs = {
        station.stage: asked.number(station.stage, f"{station.name}: the cost of a place", 1, above=0, most=MAX_COST)
        for station in stations
    }
    asked.refuse_others()
    return costs


def check_names(scenarios: list[Scenario]) -> None:
    seen: set[str] = set()
    for number, scenario in enumerate(scenarios):
        if scenario.name in seen:
            raise SpecError(f"scenarios.{number - 1}.name", f"Two scenarios are the same: {scenario.name}.")
        seen.add(scenario.name)


def check_size(scenarios: list[Scenario]) -> None:
    for number, scenario in enumerate(scenarios):
        if scenario.orders() > MOST_ORDERS:
            where = f"scenarios.{number - 1}.demand" if number else "demand"
            raise SpecError(where, f"{scenario.orders():,.0f} orders a day are more than the limit, {MOST_ORDERS:,}.")
