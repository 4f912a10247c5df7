"""A station of a request: the shop's, but for what is named."""

import math
from collections.abc import Mapping
from random import Random
from typing import Any

from kitchen.models import MAX_SERVICE_SECONDS, MOST_CV, MOST_VALUES
from kitchen.planner.scenarios import BELT, StationPlan
from simulation import distributions
from simulation.distributions.text import parse
from simulation.fields import PLAN, Fields, SpecError

MOST_PLACES = 1000
LAWS_BESIDES = (BELT,)  # what the planner knows besides simulation.distributions


def read_station(parts: Fields, station: StationPlan) -> StationPlan:
    asked, called = parts.optional_object(station.stage), station.name
    places = asked.whole("places", 1, MOST_PLACES, station.places, f"{called}: places")
    law = asked.choice(
        "law", (*distributions.DISTRIBUTIONS, *LAWS_BESIDES), station.law, f"{called}: the distribution"
    )
    parameters = read_parameters(asked, law, station)
    moments = read_moments(asked, law, parameters, station)
    per_pizza = asked.flag("per_pizza", station.per_pizza, f"{called}: per pizza")
    asked.refuse_others()
    check(asked, law, *moments, parameters, called)
    return StationPlan(station.stage, called, places, law, *moments, per_pizza, station.changes, parameters)


def read_parameters(asked: Fields, law: str, station: StationPlan) -> dict[str, Any]:
    """The law's own ones, as an object or as text. Another law than the shop's does not inherit any."""
    given, path = asked.get("parameters"), asked.at("parameters")
    if given is None and law == station.law:
        return station.parameters
    try:
        fields = Fields(parse(given) if isinstance(given, str) else given or {}, path, PLAN)
        if law not in LAWS_BESIDES:
            return distributions.DISTRIBUTIONS[law].read_own(fields, MOST_VALUES)
        if fields.values:
            raise ValueError("A conveyor takes no parameters of its own.")
        return {}
    except (ValueError, SpecError) as error:
        raise SpecError(path, f"{station.name}: {str(error).removeprefix(f'{path}.')}") from None


def read_moments(asked: Fields, law: str, parameters: Mapping[str, Any], station: StationPlan) -> tuple[float, float]:
    """Mean and spread. Those of parameters that have their own, unless another mean stretches them."""
    known = (station.mean_seconds, station.spread_seconds)
    try:
        own = None if law in LAWS_BESIDES else distributions.own_moments(law, parameters)
    except distributions.Impossible as error:
        raise SpecError(asked.at("parameters"), f"{station.name}: {error}") from None
    changed = (law, parameters) != (station.law, station.parameters)
    limits = {"most": MAX_SERVICE_SECONDS}
    usual = own if own and changed else known
    mean = asked.number("mean_seconds", f"{station.name}: the mean", usual[0], above=0, **limits)
    spread = asked.number("spread_seconds", f"{station.name}: the spread", usual[1], least=0, **limits)
    return (mean, own[1] * mean / own[0]) if own and own[0] else (mean, spread)


def check(asked: Fields, law: str, mean: float, spread: float, parameters: Mapping[str, Any], called: str) -> None:
    if spread > MOST_CV * mean:
        raise asked.wrong("spread_seconds", "must be at most ten times the mean.", f"{called}: the spread")
    if law in LAWS_BESIDES:
        return
    try:
        distributions.build(law, mean, spread, parameters)
    except distributions.Impossible as error:
        field = "spread_seconds" if error.parameter == "cv" else "parameters"
        raise SpecError(asked.at(field), f"{called}: {error}") from None
    if not is_usable(law, mean, spread, parameters):
        raise SpecError(asked.at("spread_seconds"), f"{called}: no {law} time has {mean:g} ± {spread:g} s.")


def is_usable(law: str, mean_seconds: float, spread_seconds: float, parameters: Mapping[str, Any]) -> bool:
    """A uniform time may not begin below 0, a gamma time needs a spread."""
    if law in LAWS_BESIDES:
        return True
    try:
        seconds = distributions.build(law, mean_seconds, spread_seconds, parameters).one(Random(0))
    except (ValueError, ArithmeticError, TypeError, KeyError):
        return False
    return math.isfinite(seconds)
