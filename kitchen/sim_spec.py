"""What the simulator is asked for: read from plain JSON values, or refused with the field that is wrong.

Seconds and hours are the kitchen's. Whatever `read_spec` returns can be simulated.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from kitchen import service_times

HOUR = 3600.0
MAX_STATIONS = 50
MAX_PLACES = 10_000
MAX_ORDERS = 100_000_000
MAX_REPLICATIONS = 1_000_000
MAX_VISITS = 1e11  # orders x stations x replications: some days of work
MAX_TRACE = 1_000_000  # orders
MAX_VALUES = 1_000_000  # of a list
MAX_STATE = 10_000
MAX_SECONDS = 1e9
MAX_PER_HOUR = 1e7
MAX_HOURS = 24 * 366.0
MAX_CV = 100.0
MAX_SEED = 2**63 - 1
NAME_LENGTH = 100


class SpecError(Exception):
    """`field` is where, such as stations[1].service.mean; the text is a whole sentence and begins with it."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field or 'The spec'} {problem}")
        self.field = field


@dataclass(frozen=True)
class Conveyor:
    """A belt: one order is loaded each `headway_seconds`, and comes out `delay_seconds` after that."""

    headway_seconds: float
    delay_seconds: float


@dataclass(frozen=True)
class Times:
    """Each order its own, in the order of coming; those of the state first."""

    seconds: tuple[float, ...]


@dataclass(frozen=True)
class Rate:
    """Poisson arrivals. `per_hour[i]` holds from `hours[i]` to `hours[i + 1]`; the last hour may be infinite."""

    per_hour: tuple[float, ...]
    hours: tuple[float, ...]

    @property
    def expected(self) -> float:
        """How many come in all."""
        pieces = zip(self.per_hour, self.hours, self.hours[1:], strict=False)
        return sum(rate * (end - begin) for rate, begin, end in pieces if rate)


Service = service_times.Law | Conveyor | Times
Arrivals = Rate | Times


@dataclass(frozen=True)
class Station:
    name: str
    places: int | None  # None: a place for everybody
    service: Service

    @property
    def place_seconds(self) -> float:
        """How long an order keeps a place, on average."""
        if isinstance(self.service, Conveyor):
            return self.service.headway_seconds
        if isinstance(self.service, Times):
            return math.fsum(self.service.seconds) / len(self.service.seconds)
        return self.service.mean


@dataclass(frozen=True)
class Present:
    """An order that is in the kitchen at the beginning."""

    station: int
    elapsed_seconds: float | None  # how long its work has gone on; None in the line


@dataclass(frozen=True)
class Spec:
    stations: tuple[Station, ...]
    arrivals: Arrivals
    orders: int | None = None  # None: until closing
    replications: int = 1
    warmup: float = 0.0  # share of the orders, or of the time until closing
    seed: int = 1
    trace: bool = False
    promise_seconds: float | None = None
    grid_seconds: float | None = None
    state: tuple[Present, ...] = ()

    @property
    def opening_seconds(self) -> float:
        return self.arrivals.hours[0] * HOUR if isinstance(self.arrivals, Rate) else 0.0

    @property
    def closing_seconds(self) -> float:
        return self.arrivals.hours[-1] * HOUR if isinstance(self.arrivals, Rate) else math.inf


def read_spec(values: Any) -> Spec:
    """SpecError if it can't be simulated."""
    asked = _Object(values, "")
    rows = asked.objects("stations", 1, MAX_STATIONS)
    stations = tuple(_read_station(row, f"station {number}") for number, row in enumerate(rows))
    arrivals, orders = _read_arrivals(asked)
    spec = Spec(
        stations,
        arrivals,
        orders,
        replications=asked.whole("replications", 1, MAX_REPLICATIONS, default=1),
        warmup=asked.number("warmup", least=0, below=1, default=0.0),
        seed=asked.whole("seed", 0, MAX_SEED, default=1),
        trace=asked.flag("trace"),
        promise_seconds=asked.optional("promise_seconds"),
        grid_seconds=asked.optional("grid_seconds"),
        state=_read_state(asked, stations),
    )
    asked.refuse_others()
    _check_size(spec)
    return spec


def _read_station(asked: "_Object", default_name: str) -> Station:
    name = default_name if asked.get("name") is None else asked.text("name", NAME_LENGTH)
    service = _read_service(asked.object("service"))
    if isinstance(service, Conveyor):
        if asked.get("places") not in (None, 1):
            raise SpecError(asked.at("places"), "must be left out: a conveyor takes one order after the other.")
        places: int | None = 1
    elif "places" not in asked.values:
        raise SpecError(asked.at("places"), "is missing: a whole number, or null for a place for everybody.")
    else:
        places = None if asked.get("places") is None else asked.whole("places", 1, MAX_PLACES)
    asked.refuse_others()
    return Station(name, places, service)


def _read_service(asked: "_Object") -> Service:
    law = asked.choice("law", SERVICES)
    service: Service = SERVICES[law](asked)
    asked.refuse_others()
    return service


def _mean(asked: "_Object") -> float:
    return asked.number("mean", above=0, most=MAX_SECONDS)


def _lognormal(asked: "_Object") -> Service:
    mean, cv = _mean(asked), asked.number("cv", least=0, most=MAX_CV)
    return service_times.Lognormal(mean, cv * mean) if cv else service_times.Fixed(mean)


def _uniform(asked: "_Object") -> Service:
    low = asked.number("low", least=0, most=MAX_SECONDS)
    high = asked.number("high", above=0, most=MAX_SECONDS)
    if high < low:
        raise SpecError(asked.at("high"), "must not be below low.")
    return service_times.Uniform((low + high) / 2, (high - low) / math.sqrt(12))


def _erlang(asked: "_Object") -> Service:
    mean = _mean(asked)
    return service_times.Gamma(mean, mean / math.sqrt(asked.whole("k", 1, 10_000)))


def _gamma(asked: "_Object") -> Service:
    mean = _mean(asked)
    return service_times.Gamma(mean, mean * asked.number("cv", above=0, most=MAX_CV))


def _hyperexponential(asked: "_Object") -> Service:
    chances = asked.numbers("p", least=0, most=1)
    means = asked.numbers("means", above=0, most=MAX_SECONDS)
    if len(chances) != len(means):
        raise SpecError(asked.at("p"), f"must have as many numbers as means: {len(means)}.")
    if abs(math.fsum(chances) - 1) > 1e-6:
        raise SpecError(asked.at("p"), "must add up to 1.")
    return service_times.Hyperexponential(chances, means)


def _conveyor(asked: "_Object") -> Service:
    headway = asked.number("headway", least=0, most=MAX_SECONDS)
    return Conveyor(headway, asked.number("delay", least=0, most=MAX_SECONDS))


SERVICES: dict[str, Any] = {
    "fixed": lambda asked: service_times.Fixed(_mean(asked)),
    "exponential": lambda asked: service_times.Exponential(_mean(asked)),
    "lognormal": _lognormal,
    "uniform": _uniform,
    "erlang": _erlang,
    "gamma": _gamma,
    "hyperexponential": _hyperexponential,
    "empirical": lambda asked: service_times.Empirical(asked.numbers("values", least=0, most=MAX_SECONDS)),
    "conveyor": _conveyor,
    "times": lambda asked: Times(asked.numbers("seconds", least=0, most=MAX_SECONDS)),
}
ARRIVALS = ("poisson", "steps", "times")


def _read_arrivals(spec: "_Object") -> tuple[Arrivals, int | None]:
    """Who comes, and how many: None until closing."""
    asked = spec.object("arrivals")
    orders = spec.whole("orders", 1, MAX_ORDERS) if spec.get("orders") is not None else None
    close_hours = spec.optional("close_hours", MAX_HOURS)
    law = asked.choice("law", ARRIVALS)
    arrivals: Arrivals
    if law == "times":
        arrivals, orders = _read_times(asked, orders, close_hours)
    elif law == "steps":
        arrivals = _read_steps(asked, close_hours)
    elif close_hours is not None:
        arrivals = Rate((asked.number("per_hour", least=0, most=MAX_PER_HOUR),), (0.0, close_hours))
    elif orders is None:
        raise SpecError("orders", "is missing: how many orders to follow (or close_hours, when the kitchen closes).")
    else:
        arrivals = Rate((asked.number("per_hour", above=0, most=MAX_PER_HOUR),), (0.0, math.inf))
    asked.refuse_others()
    return arrivals, orders


def _read_times(asked: "_Object", orders: int | None, close_hours: float | None) -> tuple[Times, int]:
    seconds = asked.numbers("seconds", least=0, most=MAX_SECONDS)
    for number, (before, after) in enumerate(pairwise(seconds), 1):
        if after < before:
            raise SpecError(f"{asked.at('seconds')}[{number}]", "must not be before the one that stands before it.")
    if orders is not None and orders > len(seconds):
        raise SpecError("orders", f"must be at most {len(seconds)}, as many as arrivals.seconds has.")
    seconds = seconds[:orders]
    if close_hours is not None:
        seconds = tuple(moment for moment in seconds if moment <= close_hours * HOUR)
    return Times(seconds), len(seconds)


def _read_steps(asked: "_Object", close_hours: float | None) -> Rate:
    per_hour = asked.numbers("per_hour", least=0, most=MAX_PER_HOUR)
    hours = asked.numbers("hours", least=0, most=MAX_HOURS)
    if len(hours) != len(per_hour) + 1:
        raise SpecError(
            asked.at("hours"), f"must have one number more than per_hour: {len(per_hour) + 1}, not {len(hours)}."
        )
    for number, (begin, end) in enumerate(pairwise(hours), 1):
        if end <= begin:
            raise SpecError(f"{asked.at('hours')}[{number}]", "must be after the one that stands before it.")
    if close_hours is None or close_hours >= hours[-1]:
        return Rate(per_hour, hours)
    if close_hours <= hours[0]:
        raise SpecError("close_hours", "must be after the first of arrivals.hours.")
    open_hours = [hour for hour in hours if hour < close_hours]
    return Rate(per_hour[: len(open_hours)], (*open_hours, close_hours))


def _read_state(spec: "_Object", stations: Sequence[Station]) -> tuple[Present, ...]:
    if spec.get("state") is None:
        return ()
    state = []
    for asked in spec.objects("state", 0, MAX_STATE):
        station = asked.whole("station", 0, len(stations) - 1)
        waits = asked.flag("waiting")
        if waits == (asked.get("elapsed") is not None):
            raise SpecError(asked.at("elapsed"), "or waiting must be given: one of them.")
        elapsed = None if waits else asked.number("elapsed", least=0, most=MAX_SECONDS)
        asked.refuse_others()
        state.append(Present(station, elapsed))
    return tuple(state)


def _check_size(spec: Spec) -> None:
    expected = spec.arrivals.expected if isinstance(spec.arrivals, Rate) else math.inf
    number = min(expected, math.inf if spec.orders is None else spec.orders)
    if number > MAX_ORDERS:
        raise SpecError("arrivals.per_hour", f"must not bring more than {MAX_ORDERS} orders.")
    if number * spec.replications * len(spec.stations) > MAX_VISITS:
        raise SpecError("replications", "are too many for so many orders.")
    if spec.trace and spec.replications != 1:
        raise SpecError("replications", "must be 1 for a trace.")
    if spec.trace and number > MAX_TRACE:
        raise SpecError("orders", f"must be at most {MAX_TRACE} for a trace.")
    for place, station in enumerate(spec.stations):
        if isinstance(station.service, Times):
            field = f"stations[{place}].service.seconds"
            if spec.orders is None:
                raise SpecError(field, "needs to know how many come: give orders.")
            if len(station.service.seconds) < len(spec.state) + spec.orders:
                raise SpecError(field, f"must have {len(spec.state) + spec.orders} numbers, one for each order.")


class _Object:
    """An object of the spec. Every reader says what is wrong, and where."""

    def __init__(self, values: Any, path: str) -> None:
        if not isinstance(values, Mapping):
            raise SpecError(path, "must be an object.")
        self.values, self.path, self.known = values, path, set[str]()

    def at(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name

    def get(self, name: str) -> Any:
        self.known.add(name)
        return self.values.get(name)

    def needed(self, name: str) -> Any:
        value = self.get(name)
        if value is None:
            raise SpecError(self.at(name), "is missing.")
        return value

    def object(self, name: str) -> "_Object":
        return _Object(self.needed(name), self.at(name))

    def objects(self, name: str, least: int, most: int) -> list["_Object"]:
        rows = self._list(name, least, most)
        return [_Object(row, f"{self.at(name)}[{number}]") for number, row in enumerate(rows)]

    def _list(self, name: str, least: int, most: int) -> Sequence[Any]:
        rows = self.needed(name)
        if not isinstance(rows, list | tuple):
            raise SpecError(self.at(name), "must be a list.")
        if not least <= len(rows) <= most:
            raise SpecError(self.at(name), f"must have {least} to {most} entries, not {len(rows)}.")
        return rows

    def number(self, name: str, default: float | None = None, **limits: float) -> float:
        value = self.get(name) if default is not None else self.needed(name)
        return default if value is None and default is not None else _number(value, self.at(name), **limits)

    def optional(self, name: str, most: float = MAX_SECONDS) -> float | None:
        """A number above 0, or None."""
        return None if self.get(name) is None else self.number(name, above=0, most=most)

    def numbers(self, name: str, **limits: float) -> tuple[float, ...]:
        rows = self._list(name, 1, MAX_VALUES)
        return tuple(_number(value, f"{self.at(name)}[{place}]", **limits) for place, value in enumerate(rows))

    def whole(self, name: str, least: int, most: int, default: int | None = None) -> int:
        value = self.get(name) if default is not None else self.needed(name)
        if value is None and default is not None:
            return default
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            raise SpecError(self.at(name), "must be a whole number.")
        if not least <= value <= most:
            raise SpecError(self.at(name), f"must be from {least} to {most}.")
        return value

    def flag(self, name: str) -> bool:
        value = self.get(name)
        if not (value is None or isinstance(value, bool)):
            raise SpecError(self.at(name), "must be true or false.")
        return bool(value)

    def text(self, name: str, most: int) -> str:
        value = self.needed(name)
        if not isinstance(value, str) or not 1 <= len(value) <= most:
            raise SpecError(self.at(name), f"must be a text of 1 to {most} characters.")
        return value

    def choice(self, name: str, choices: Sequence[str] | Mapping[str, Any]) -> str:
        value = self.needed(name)
        if not isinstance(value, str) or value not in choices:
            raise SpecError(self.at(name), f"must be one of: {', '.join(choices)}.")
        return value

    def refuse_others(self) -> None:
        for name in self.values:
            if name not in self.known:
                raise SpecError(self.at(_shortened(name)), "is not known.")


def _shortened(name: object) -> str:
    return " ".join(str(name).split())[:NAME_LENGTH]


def _number(
    value: Any,
    field: str,
    least: float | None = None,
    above: float | None = None,
    most: float | None = None,
    below: float | None = None,
) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise SpecError(field, "must be a number.")
    if not -1e300 < value < 1e300:  # nan is neither
        raise SpecError(field, "must be a finite number.")
    if above is not None and value <= above:
        raise SpecError(field, f"must be above {above:g}.")
    if least is not None and value < least:
        raise SpecError(field, f"must not be below {least:g}.")
    if below is not None and value >= below:
        raise SpecError(field, f"must be below {below:g}.")
    if most is not None and value > most:
        raise SpecError(field, f"must be at most {most:g}.")
    return float(value)
