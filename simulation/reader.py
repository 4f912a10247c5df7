"""Read a spec from plain JSON values, or refuse it with the field that is wrong.

Seconds and hours are the kitchen's. Every spec that `read_spec` returns can be simulated. All in one spec:

    {"stations": [{"name": "make", "places": 2, "service": {"law": "lognormal", "mean": 120, "cv": 0.4}},
                  {"name": "belt", "service": {"law": "conveyor", "headway": 60, "delay": 420}}],
     "arrivals": {"law": "steps", "per_hour": [10, 45, 10], "hours": [11, 12, 13, 14]},
     "orders": 500, "replications": 20, "warmup": 0.1, "seed": 1, "trace": false, "close_hours": 13.5,
     "promise_seconds": 2700, "grid_seconds": 600, "slots": [11, 11.5, 12],
     "state": [{"station": 1, "elapsed": 120}, {"station": 0, "waiting": true}]}

Optional: "changes": [[19, 1], [20.5, 3]] on a station sets its capacity from these hours on; "per_pizza": true on a
station makes its service time (on a conveyor, the headway) that of one pizza, and an order's the sum over its pizzas,
whose numbers are as frequent as "pizzas": {"1": 38, "2": 29, "3": 33} says. An order of the state can have "pizzas"
and "age", the seconds since it was placed; with "count_state": true these orders count like all others. "slots" are
the hours that divide the arrivals in the answer's "by_slot".

places: the capacity; null is a place for everybody. A service's "law" is a distribution of
simulation.distributions.table: fixed(mean), exponential(mean), lognormal(mean, cv), uniform(low, high or mean, cv),
gamma(mean, cv), erlang(mean, k), hyperexponential(p, means or mean, cv), weibull(mean, cv),
triangular(low, mode, high), pert(low, mode, high), truncated_normal(mean, cv), shifted_lognormal(shift, mean, cv),
discrete(values, p), empirical(values); or conveyor(headway, delay), or times(seconds), one for each order. Arrivals:
poisson(per_hour), steps(per_hour, hours), times(seconds).
warmup: a share of the orders (or of the time until closing), or "auto" to find it; the answer says how much it was.
A run ends after that many orders, or at the last of the hours or `close_hours` if that comes first; then the kitchen
is emptied. A state is in the order of the lines. Only stations, arrivals and what ends the run are required.
"""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from simulation import distributions
from simulation.fields import MAX_SECONDS, NAME_LENGTH, Fields, SpecError
from simulation.spec import HOUR, Arrivals, Conveyor, Present, Rate, Service, Spec, Station, Times

MAX_STATIONS = 50
MAX_CAPACITY = 10_000
MAX_ORDERS = 100_000_000
MAX_REPLICATIONS = 1_000_000
MAX_VISITS = 1e11  # orders x stations x replications: some days of work
MAX_TRACE = 1_000_000  # orders
MAX_STATE = 10_000
MAX_CHANGES = 1000
MAX_SLOTS = 1000
MAX_PIZZAS = 1000  # of one order
MAX_WEIGHT = 1e9
MAX_PER_HOUR = 1e7
MAX_HOURS = 24 * 366.0
MAX_SEED = 2**63 - 1
AUTO = "auto"  # a warm-up


def read_spec(values: Any) -> Spec:
    """Read a spec; SpecError if it can't be simulated."""
    asked = Fields(values)
    rows = asked.objects("stations", 1, MAX_STATIONS)
    stations = tuple(_read_station(row, f"station {number}") for number, row in enumerate(rows))
    arrivals, orders = _read_arrivals(asked)
    spec = Spec(
        stations,
        arrivals,
        orders,
        replications=asked.whole("replications", 1, MAX_REPLICATIONS, default=1),
        warmup=0.0 if asked.get("warmup") == AUTO else asked.number("warmup", least=0, below=1, default=0.0),
        auto_warmup=asked.get("warmup") == AUTO,
        seed=asked.whole("seed", 0, MAX_SEED, default=1),
        trace=asked.flag("trace"),
        promise_seconds=asked.optional("promise_seconds"),
        grid_seconds=asked.optional("grid_seconds"),
        state=_read_state(asked, stations),
        count_state=asked.flag("count_state"),
        pizzas=_read_pizzas(asked),
        slots=_read_slots(asked),
    )
    asked.refuse_others()
    if spec.auto_warmup and isinstance(arrivals, Rate) and len(set(arrivals.per_hour)) > 1:
        raise _wrong("warmup", f'can be "{AUTO}" only where orders arrive at a constant rate.')
    _check_size(spec)
    return spec


def _read_station(asked: Fields, default_name: str) -> Station:
    name = default_name if asked.get("name") is None else asked.text("name", NAME_LENGTH)
    service = _read_service(asked.object("service"))
    if isinstance(service, Conveyor):
        if asked.get("places") not in (None, 1):
            raise asked.wrong("places", "must be left out: a conveyor takes one order after the other.")
        capacity: int | None = 1
    elif "places" not in asked.values:
        raise asked.wrong("places", "is missing: a whole number, or null for a place for everybody.")
    else:
        capacity = None if asked.get("places") is None else asked.whole("places", 1, MAX_CAPACITY)
    per_pizza = asked.flag("per_pizza")
    if per_pizza and isinstance(service, Times):
        raise asked.wrong("per_pizza", "must be left out: times are those of whole orders.")
    changes = _read_changes(asked, 1 if isinstance(service, Conveyor) else MAX_CAPACITY)
    if changes and capacity is None:
        raise asked.wrong("changes", "must be left out: this station has a place for everybody.")
    asked.refuse_others()
    return Station(name, capacity, service, per_pizza, changes)


def _read_changes(asked: Fields, most: int) -> tuple[tuple[float, int], ...]:
    if asked.get("changes") is None:
        return ()
    changes = list[tuple[float, int]]()
    for change in asked.pairs("changes", ("hour", "places"), MAX_CHANGES):
        hour, capacity = change.number("hour", least=0, most=MAX_HOURS), change.whole("places", 0, most)
        if changes and hour * HOUR <= changes[-1][0]:
            raise change.wrong("hour", "must be after the one before it.")
        changes.append((hour * HOUR, capacity))
    if changes and not changes[-1][1]:
        raise asked.wrong("changes", "must end with a place, or the last orders never get out.")
    return tuple(changes)


def _read_pizzas(asked: Fields) -> tuple[tuple[int, float], ...]:
    if asked.get("pizzas") is None:
        return Spec.pizzas
    pizzas, found = asked.object("pizzas"), []
    for name in pizzas.values:
        if not (str(name).isdecimal() and len(name) < 5 and 1 <= int(name) <= MAX_PIZZAS):
            raise asked.wrong("pizzas", f"must have whole numbers from 1 to {MAX_PIZZAS} as names.")
        found.append((int(name), pizzas.number(name, least=0, most=MAX_WEIGHT)))
    if not any(weight for _, weight in found):
        raise asked.wrong("pizzas", "must say for some number of pizzas how often it comes.")
    return tuple(sorted(found))


def _read_slots(asked: Fields) -> tuple[float, ...]:
    if asked.get("slots") is None:
        return ()
    hours = asked.numbers("slots", least=0, most=MAX_HOURS)
    if not 2 <= len(hours) <= MAX_SLOTS + 1:
        raise asked.wrong("slots", f"must have 2 to {MAX_SLOTS + 1} hours.")
    for number, (begin, end) in enumerate(pairwise(hours), 1):
        if end <= begin:
            raise asked.wrong(f"slots[{number}]", "must be after the one before it.")
    return hours


def _read_service(asked: Fields) -> Service:
    code = asked.choice("law", (*distributions.DISTRIBUTIONS, *SPECIAL))
    service: Service = SPECIAL[code](asked) if code in SPECIAL else _read_distribution(asked, code)
    asked.refuse_others()
    return service


def _read_distribution(asked: Fields, code: str) -> distributions.Distribution:
    """Read a distribution. One that does not vary becomes a fixed time, which costs the simulator less."""
    found = distributions.DISTRIBUTIONS[code].read(asked)
    return found if found.variance else distributions.Fixed(found.mean)


def _conveyor(asked: Fields) -> Conveyor:
    headway = asked.number("headway", least=0, most=MAX_SECONDS)
    return Conveyor(headway, asked.number("delay", least=0, most=MAX_SECONDS))


SPECIAL: dict[str, Callable[[Fields], Conveyor | Times]] = {
    "conveyor": _conveyor,
    "times": lambda asked: Times(asked.numbers("seconds", least=0, most=MAX_SECONDS)),
}
ARRIVALS = ("poisson", "steps", "times")


def _read_arrivals(spec: Fields) -> tuple[Arrivals, int | None]:
    """Read the arrivals and the number of orders: None until closing."""
    asked = spec.object("arrivals")
    orders = spec.whole("orders", 1, MAX_ORDERS) if spec.get("orders") is not None else None
    close_hours = spec.optional("close_hours", MAX_HOURS)
    process = asked.choice("law", ARRIVALS)
    arrivals: Arrivals
    if process == "times":
        arrivals, orders = _read_times(asked, orders, close_hours)
    elif process == "steps":
        arrivals = _read_steps(asked, close_hours)
    elif close_hours is not None:
        arrivals = Rate((asked.number("per_hour", least=0, most=MAX_PER_HOUR),), (0.0, close_hours))
    elif orders is None:
        raise spec.wrong("orders", "is missing: how many orders to follow (or close_hours, when the kitchen closes).")
    else:
        arrivals = Rate((asked.number("per_hour", above=0, most=MAX_PER_HOUR),), (0.0, math.inf))
    asked.refuse_others()
    if isinstance(arrivals, Rate) and orders is not None and orders >= arrivals.most:
        orders = None  # closing time comes first, also for the warm-up
    return arrivals, orders


def _read_times(asked: Fields, orders: int | None, close_hours: float | None) -> tuple[Times, int]:
    seconds = asked.numbers("seconds", least=0, most=MAX_SECONDS)
    for number, (before, after) in enumerate(pairwise(seconds), 1):
        if after < before:
            raise asked.wrong(f"seconds[{number}]", "must not be before the one before it.")
    if orders is not None and orders > len(seconds):
        raise _wrong("orders", f"must be at most {len(seconds)}, as many as arrivals.seconds has.")
    seconds = seconds[:orders]
    if close_hours is not None:
        seconds = tuple(moment for moment in seconds if moment <= close_hours * HOUR)
    return Times(seconds), len(seconds)


def _read_steps(asked: Fields, close_hours: float | None) -> Rate:
    per_hour = asked.numbers("per_hour", least=0, most=MAX_PER_HOUR)
    hours = asked.numbers("hours", least=0, most=MAX_HOURS)
    if len(hours) != len(per_hour) + 1:
        raise asked.wrong("hours", f"must have one number more than per_hour: {len(per_hour) + 1}, not {len(hours)}.")
    for number, (begin, end) in enumerate(pairwise(hours), 1):
        if end <= begin:
            raise asked.wrong(f"hours[{number}]", "must be after the one before it.")
    if close_hours is None or close_hours >= hours[-1]:
        return Rate(per_hour, hours)
    if close_hours <= hours[0]:
        raise _wrong("close_hours", "must be after the first of arrivals.hours.")
    open_hours = [hour for hour in hours if hour < close_hours]
    return Rate(per_hour[: len(open_hours)], (*open_hours, close_hours))


def _read_state(spec: Fields, stations: Sequence[Station]) -> tuple[Present, ...]:
    if spec.get("state") is None:
        return ()
    state = []
    for asked in spec.objects("state", 0, MAX_STATE):
        station = asked.whole("station", 0, len(stations) - 1)
        waits = asked.flag("waiting")
        if waits == (asked.get("elapsed") is not None):
            raise asked.wrong("elapsed", "or waiting must be given, but not both.")
        elapsed = None if waits else asked.number("elapsed", least=0, most=MAX_SECONDS)
        pizzas = asked.whole("pizzas", 1, MAX_PIZZAS, default=1)
        age = asked.number("age", least=0, most=MAX_SECONDS, default=elapsed or 0.0)
        asked.refuse_others()
        state.append(Present(station, elapsed, pizzas, age))
    return tuple(state)


def _wrong(field: str, problem: str) -> SpecError:
    return SpecError(field, f"{field} {problem}")


def _check_size(spec: Spec) -> None:
    expected = spec.arrivals.expected if isinstance(spec.arrivals, Rate) else math.inf
    number = min(expected, math.inf if spec.orders is None else spec.orders)
    if number > MAX_ORDERS:
        raise _wrong("arrivals.per_hour", f"must not bring more than {MAX_ORDERS} orders.")
    if number * spec.replications * len(spec.stations) > MAX_VISITS:
        raise _wrong("replications", "are too many for this number of orders.")
    if spec.trace and spec.replications != 1:
        raise _wrong("replications", "must be 1 for a trace.")
    if spec.trace and number > MAX_TRACE:
        raise _wrong("orders", f"must be at most {MAX_TRACE} for a trace.")
    for index, station in enumerate(spec.stations):
        if isinstance(station.service, Times):
            field = f"stations[{index}].service.seconds"
            if spec.orders is None:
                raise _wrong(
                    field, "needs to know how many come at most: give orders, and not more than come before closing."
                )
            if len(station.service.seconds) < len(spec.state) + spec.orders:
                raise _wrong(field, f"must have {len(spec.state) + spec.orders} numbers, one for each order.")
