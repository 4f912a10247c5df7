"""Read a station of a request: the shop's, except for what is named."""

import math
from collections.abc import Mapping
from random import Random
from typing import Any

from kitchen.models import MAX_SERVICE_SECONDS, MOST_CV, MOST_VALUES
from kitchen.planner.scenarios import BELT, StationPlan
from simulation import distributions
from simulation.distributions.text import parse
from simulation.fields import PLAN, Fields, SpecError

MOST_CAPACITY = 1000
OWN_DISTRIBUTIONS = (BELT,)  # those of the planner, besides simulation.distributions


def read_station(parts: Fields, station: StationPlan) -> StationPlan:
    asked, called = parts.optional_object(station.stage), station.name
    capacity = asked.whole("places", 1, MOST_CAPACITY, station.capacity, f"{called}: places")
    distribution = asked.choice(
        "law", (*distributions.DISTRIBUTIONS, *OWN_DISTRIBUTIONS), station.distribution, f"{called}: the distribution"
    )
    parameters = read_parameters(asked, distribution, station)
    moments = read_moments(asked, distribution, parameters, station)
    per_pizza = asked.flag("per_pizza", station.per_pizza, f"{called}: per pizza")
    asked.refuse_others()
    check(asked, distribution, *moments, parameters, called)
    return StationPlan(station.stage, called, capacity, distribution, *moments, per_pizza, station.changes, parameters)


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
