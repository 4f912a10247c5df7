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

"unit": "item" on the first stations: each of an order's items takes a place of its own there, and the order goes on
to the first station of orders when its last item is done. An order's items are its pizzas, so "pizzas" can also be
"orders_have": {"items": {"law": "discrete", "values": [1, 2, 3], "weights": [38, 29, 33]}}, or, with arrivals of the
law "times", a list with a number for each order: {"items": [1, 3, 2]}. Routes leave out stations of orders:

    "routes": [{"name": "delivery", "share": 0.6, "stations": ["make", "oven", "bench", "drivers"]},
               {"name": "carry_out", "share": 0.4, "stations": ["make", "oven", "bench"]}]

With given arrivals each order's can be given, too: "orders_have": {"routes": ["delivery", "carry_out"]}. An order of
the state can have a "route", otherwise the first one. Among stations of items, it says where each item is:

    {"route": "carry_out", "age": 300,
     "items": [{"station": 0, "waiting": true}, {"station": 1, "elapsed": 60}, {"done": true}]}

(without "items" it is one item, or "pizzas" of them that all wait), and beyond them how many there are:
{"station": 2, "elapsed": 10, "items": 3}. "turn": 0, 1, ... on items that wait says in which order, if not in that of
the orders. With items the answer has "by_items", with routes "by_route", and each order of a trace has its "items",
with a start and an end at each station of items, and its "route".

places: the capacity; null is a place for everybody. A service's "law" is a distribution of
simulation.distributions.table: fixed(mean), exponential(mean), lognormal(mean, cv), uniform(low, high or mean, cv),
gamma(mean, cv), erlang(mean, k), hyperexponential(p, means or mean, cv), weibull(mean, cv),
triangular(low, mode, high), pert(low, mode, high), truncated_normal(mean, cv), shifted_lognormal(shift, mean, cv),
discrete(values, p), empirical(values); or conveyor(headway, delay), with "busy" for the seconds in which it takes none
after the opening; or times(seconds), one for each order (or item). Arrivals: poisson(per_hour),
steps(per_hour, hours), times(seconds).
warmup: a share of the orders (or of the time until closing), or "auto" to find it; the answer says how much it was.
A run ends after that many orders, or at the last of the hours or `close_hours` if that comes first; then the kitchen
is emptied. A state is in the order of the lines. Only stations, arrivals and what ends the run are required.
"""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from simulation import distributions
from simulation.fields import MAX_SECONDS, NAME_LENGTH, Fields
from simulation.order_reader import read_orders, read_routes, read_state, wrong
from simulation.spec import HOUR, ORDER, UNITS, Arrivals, Conveyor, Rate, Service, Spec, Station, Times

MAX_STATIONS = 50
MAX_CAPACITY = 10_000
MAX_ORDERS = 100_000_000
MAX_REPLICATIONS = 1_000_000
MAX_VISITS = 1e11  # of stations, in all replications: some days of work
MAX_TRACE = 1_000_000  # orders or items
MAX_CHANGES = 1000
MAX_SLOTS = 1000
MAX_PER_HOUR = 1e7
MAX_HOURS = 24 * 366.0
MAX_SEED = 2**63 - 1
AUTO = "auto"  # a warm-up


def read_spec(values: Any) -> Spec:
    """Read a spec; SpecError if it can't be simulated."""
    asked = Fields(values)
    rows = asked.objects("stations", 1, MAX_STATIONS)
    stations = tuple(_read_station(row, f"station {number}") for number, row in enumerate(rows))
    _check_units(stations)
    arrivals, orders = _read_arrivals(asked)
    routes = read_routes(asked, stations)
    have = read_orders(asked, routes, _arrivals_given(asked, arrivals))
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
        state=read_state(asked, stations, routes),
        count_state=asked.flag("count_state"),
        pizzas=have.pizzas,
        slots=_read_slots(asked),
        routes=routes,
        order_items=have.items,
        order_routes=have.routes,
        by_items=have.is_given or any(station.works_on_items for station in stations),
    )
    asked.refuse_others()
    if spec.auto_warmup and isinstance(arrivals, Rate) and len(set(arrivals.per_hour)) > 1:
        raise wrong("warmup", f'can be "{AUTO}" only where orders arrive at a constant rate.')
    _check_size(spec)
    return spec


def _read_station(asked: Fields, default_name: str) -> Station:
    name = default_name if asked.get("name") is None else asked.text("name", NAME_LENGTH)
    service = _read_service(asked.object("service"))
    if isinstance(service, Conveyor):
        if asked.get("places") not in (None, 1):
            raise asked.wrong("places", "must be left out: a conveyor takes one after the other.")
        capacity: int | None = 1
    elif "places" not in asked.values:
        raise asked.wrong("places", "is missing: a whole number, or null for a place for everybody.")
    else:
        capacity = None if asked.get("places") is None else asked.whole("places", 1, MAX_CAPACITY)
    per_pizza = asked.flag("per_pizza")
    if per_pizza and isinstance(service, Times):
        raise asked.wrong("per_pizza", "must be left out: times are those of whole orders.")
    unit = asked.choice("unit", UNITS, default=ORDER)
    if per_pizza and unit != ORDER:
        raise asked.wrong("per_pizza", "must be left out: a station of items makes one item at a time.")
    changes = _read_changes(asked, 1 if isinstance(service, Conveyor) else MAX_CAPACITY)
    if changes and capacity is None:
        raise asked.wrong("changes", "must be left out: this station has a place for everybody.")
    asked.refuse_others()
    return Station(name, capacity, service, per_pizza, changes, unit)


def _check_units(stations: Sequence[Station]) -> None:
    for number, (before, station) in enumerate(pairwise(stations), 1):
        if station.works_on_items and not before.works_on_items:
            raise wrong(f"stations[{number}].unit", "must be order: stations of items come before those of orders.")


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
    delay = asked.number("delay", least=0, most=MAX_SECONDS)
    return Conveyor(headway, delay, asked.number("busy", least=0, most=MAX_SECONDS, default=0.0))


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


def _arrivals_given(asked: Fields, arrivals: Arrivals) -> int | None:
    """Return for how many orders the arrival is given, also after closing; None if they are drawn."""
    return len(asked.get("arrivals")["seconds"]) if isinstance(arrivals, Times) else None


def _read_times(asked: Fields, orders: int | None, close_hours: float | None) -> tuple[Times, int]:
    seconds = asked.numbers("seconds", least=0, most=MAX_SECONDS)
    for number, (before, after) in enumerate(pairwise(seconds), 1):
        if after < before:
            raise asked.wrong(f"seconds[{number}]", "must not be before the one before it.")
    if orders is not None and orders > len(seconds):
        raise wrong("orders", f"must be at most {len(seconds)}, as many as arrivals.seconds has.")
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
        raise wrong("close_hours", "must be after the first of arrivals.hours.")
    open_hours = [hour for hour in hours if hour < close_hours]
    return Rate(per_hour[: len(open_hours)], (*open_hours, close_hours))


def _check_size(spec: Spec) -> None:
    expected = spec.arrivals.expected if isinstance(spec.arrivals, Rate) else math.inf
    number = min(expected, math.inf if spec.orders is None else spec.orders)
    if number > MAX_ORDERS:
        raise wrong("arrivals.per_hour", f"must not bring more than {MAX_ORDERS} orders.")
    if number * spec.replications * spec.visits_of_order > MAX_VISITS:
        raise wrong("replications", "are too many for this number of orders.")
    if spec.trace and spec.replications != 1:
        raise wrong("replications", "must be 1 for a trace.")
    if spec.trace and number * (spec.mean_pizzas if spec.item_stations else 1) > MAX_TRACE:
        raise wrong("orders", f"must be at most {MAX_TRACE} for a trace.")
    for index, station in enumerate(spec.stations):
        if isinstance(station.service, Times):
            _check_times(spec, station, len(station.service.seconds), f"stations[{index}].service.seconds")


def _check_times(spec: Spec, station: Station, count: int, field: str) -> None:
    """Refuse service times that don't say for every order, or item, how long it takes."""
    if spec.orders is None:
        raise wrong(field, "needs to know how many come at most: give orders, and not more than come before closing.")
    needed, what = len(spec.state) + spec.orders, "order"
    if station.works_on_items:
        if not spec.order_items and any(number > 1 for number, _ in spec.pizzas):
            raise wrong(field, "needs to know how many items come: give orders_have.items as a list.")
        came = sum(spec.order_items[: spec.orders]) if spec.order_items else spec.orders
        needed, what = sum(order.pizzas for order in spec.state) + came, "item"
    if count < needed:
        raise wrong(field, f"must have {needed} numbers, one for each {what}.")
