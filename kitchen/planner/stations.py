"""Read a station of a request: the shop's, except for what is named."""

import math
from collections.abc import Mapping
from dataclasses import replace
from random import Random
from typing import Any

from kitchen.models import MAX_SERVICE_SECONDS, MOST_CV, MOST_VALUES
from kitchen.planner.scenarios import BELT, ITEM, MOST_CAPACITY, StationPlan, belt_capacity
from simulation import distributions
from simulation.distributions.text import parse
from simulation.fields import PLAN, Fields, SpecError

OWN_DISTRIBUTIONS = (BELT,)  # those of the planner, besides simulation.distributions


def read_station(parts: Fields, station: StationPlan) -> StationPlan:
    asked, called = parts.optional_object(station.stage), station.name
    distribution = asked.choice(
        "law", (*distributions.DISTRIBUTIONS, *OWN_DISTRIBUTIONS), station.distribution, f"{called}: the distribution"
    )
    parameters = read_parameters(asked, distribution, station)
    moments = read_moments(asked, distribution, parameters, station)
    capacity, headway_seconds = read_places(asked, station), None
    if distribution == BELT:
        capacity, headway_seconds = read_belt(asked, capacity, moments[0], station)
    elif asked.get("headway_seconds") is not None:
        raise asked.wrong("headway_seconds", "goes with a conveyor.", loadings_of(station))
    per_pizza = asked.flag("per_pizza", station.is_per_pizza, f"{called}: per pizza")
    if station.unit == ITEM and not per_pizza:
        raise asked.wrong("per_pizza", "must be left out: each pizza has a place of its own.", f"{called}: per pizza")
    asked.refuse_others()
    check(asked, distribution, *moments, parameters, called)
    return replace(
        station,
        capacity=capacity,
        distribution=distribution,
        mean_seconds=moments[0],
        spread_seconds=moments[1],
        per_pizza=station.per_pizza if station.unit == ITEM else per_pizza,
        parameters=parameters,
        headway_seconds=headway_seconds,
    )


def read_places(asked: Fields, station: StationPlan) -> int:
    return asked.whole("places", 1, MOST_CAPACITY, station.capacity, f"{station.name}: places")


def loadings_of(station: StationPlan) -> str:
    return f"{station.name}: the time between two loadings"


def read_belt(asked: Fields, capacity: int, delay_seconds: float, station: StationPlan) -> tuple[int, float | None]:
    """Read how many are on a conveyor at a time, and the time between two loadings where that is what is known.

    Another delay leaves the shop's own belt its loadings, and a conveyor of the planner its places.
    """
    called = loadings_of(station)
    headway = station.headway_seconds
    if asked.get("headway_seconds") is not None:
        headway = asked.number("headway_seconds", called, least=0, most=MAX_SERVICE_SECONDS)
        if capacity != station.capacity:
            raise asked.wrong("headway_seconds", "goes without places: either of them says the other.", called)
    if headway is None or capacity != station.capacity:
        return capacity, None
    return belt_capacity(delay_seconds, headway), headway


def read_parameters(asked: Fields, distribution: str, station: StationPlan) -> dict[str, Any]:
    """Read own parameters, as an object or as text. They are the shop's only if the distribution is."""
    given, path = asked.get("parameters"), asked.at("parameters")
    if given is None and distribution == station.distribution:
        return station.parameters
    try:
        fields = Fields(parse(given) if isinstance(given, str) else given or {}, path, PLAN)
        if distribution not in OWN_DISTRIBUTIONS:
            return distributions.DISTRIBUTIONS[distribution].read_own(fields, MOST_VALUES)
        if fields.values:
            raise ValueError("A conveyor takes no parameters of its own.")
        return {}
    except (ValueError, SpecError) as error:
        raise SpecError(path, f"{station.name}: {str(error).removeprefix(f'{path}.')}") from None


def read_moments(
    asked: Fields, distribution: str, parameters: Mapping[str, Any], station: StationPlan
) -> tuple[float, float]:
    """Read mean and spread. Parameters that have their own give them, unless another mean stretches these."""
    known = (station.mean_seconds, station.spread_seconds)
    try:
        own = None if distribution in OWN_DISTRIBUTIONS else distributions.own_moments(distribution, parameters)
    except distributions.Impossible as error:
        raise SpecError(asked.at("parameters"), f"{station.name}: {error}") from None
    changed = (distribution, parameters) != (station.distribution, station.parameters)
    limits = {"most": MAX_SERVICE_SECONDS}
    usual = own if own and changed else known
    mean = asked.number("mean_seconds", f"{station.name}: the mean", usual[0], above=0, **limits)
    spread = asked.number("spread_seconds", f"{station.name}: the spread", usual[1], least=0, **limits)
    return (mean, own[1] * mean / own[0]) if own and own[0] else (mean, spread)


def check(
    asked: Fields, distribution: str, mean: float, spread: float, parameters: Mapping[str, Any], called: str
) -> None:
    if spread > MOST_CV * mean:
        raise asked.wrong("spread_seconds", "must be at most ten times the mean.", f"{called}: the spread")
    if distribution in OWN_DISTRIBUTIONS:
        return
    try:
        distributions.build(distribution, mean, spread, parameters)
    except distributions.Impossible as error:
        field = "spread_seconds" if error.parameter == "cv" else "parameters"
        raise SpecError(asked.at(field), f"{called}: {error}") from None
    if not is_usable(distribution, mean, spread, parameters):
        raise SpecError(asked.at("spread_seconds"), f"{called}: no {distribution} time has {mean:g} ± {spread:g} s.")


def is_usable(distribution: str, mean_seconds: float, spread_seconds: float, parameters: Mapping[str, Any]) -> bool:
    """True if times can be drawn: a uniform time can't begin below 0, a gamma time needs a spread."""
    if distribution in OWN_DISTRIBUTIONS:
        return True
    try:
        seconds = distributions.build(distribution, mean_seconds, spread_seconds, parameters).one(Random(0))
    except (ValueError, ArithmeticError, TypeError, KeyError):
        return False
    return math.isfinite(seconds)
