"""The simulator beside an event loop on random small kitchens: every start and every end.

Times are whole ticks, whose sums are exact in floating point: much happens at the same moment, and the two have to
agree to the last bit. `HISTORIES=3000 pytest simulation/tests/test_oracle_engine.py` tries that many new kitchens;
without it, a hundred and twenty that are the same at every run.
"""

import math
import os
from unittest.mock import patch

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from simulation import replications
from simulation.engine import FEW_ROWS, Tandem
from simulation.opening import ends_of_present
from simulation.simulator import read_spec, replicate, simulate
from simulation.spec import Conveyor, StateItem
from simulation.tests import oracle
from simulation.tests.oracle import WHOLE, Order, Part, Standing, Station

WANTED = os.environ.get("HISTORIES")
SIZE = settings(
    max_examples=int(WANTED or 120),
    derandomize=not WANTED,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
HOUR = 3600
TICKS_AN_HOUR = 1024
TICK = HOUR / TICKS_AN_HOUR  # seconds; whole numbers of it are exact, in seconds and in hours
MOST_ITEMS = 4
PATHS = FEW_ROWS + 2  # no longer one by one


def ticks(least, most):
    return st.integers(least, most).map(lambda number: number * TICK)


# Random kitchens, as a spec's JSON


@st.composite
def kitchens(draw, least_service=0, with_state=True):
    count = draw(st.integers(0, 2)), draw(st.integers(0, 2))
    units = ["item"] * count[0] + ["order"] * count[1] or ["item", "order"]
    names = [f"{unit} {number}" for number, unit in enumerate(units)]
    routes = draw(some_routes(names, units)) if draw(st.booleans()) else []
    present = draw(st.lists(some_standing(units, routes), max_size=4)) if with_state else []
    coming = sorted(draw(st.lists(ticks(0, 12), min_size=1, max_size=7)))
    items = draw(st.lists(st.integers(1, MOST_ITEMS), min_size=len(coming), max_size=len(coming)))
    works = {"item": sum(map(items_of, present)) + sum(items), "order": len(present) + len(coming)}
    spec = {
        "stations": [
            {"name": name, "unit": unit, **draw(some_station(unit, works[unit], least_service))}
            for name, unit in zip(names, units, strict=True)
        ],
        "arrivals": {"law": "times", "seconds": coming},
        "orders_have": {"items": items},
        "state": present,
        "trace": True,
    }
    if routes:
        ways = st.lists(
            st.sampled_from([route["name"] for route in routes]), min_size=len(coming), max_size=len(coming)
        )
        spec["routes"] = routes
        spec["orders_have"]["routes"] = draw(ways)
    return spec


@st.composite
def some_routes(draw, names, units):
    firsts = [name for name, unit in zip(names, units, strict=True) if unit == "item"]
    rest = names[len(firsts) :]
    routes = []
    for number in range(draw(st.integers(1, 3))):
        way = firsts + [name for name in rest if draw(st.booleans())]
        routes.append({"name": f"route {number}", "share": 1, "stations": way or rest[:1]})
    return routes


@st.composite
def some_station(draw, unit, works, least_service):
    if draw(st.integers(0, 3)) == 0:
        headway, delay, busy = (
            draw(ticks(least, most)) for least, most in ((least_service, 3), (least_service, 6), (0, 4))
        )
        belt = {"law": "conveyor", "headway": headway, "delay": delay, **({"busy": busy} if busy else {})}
        return {"service": belt, "per_pizza": unit == "order" and draw(st.booleans()), **draw(some_changes(1))}
    seconds = draw(st.lists(ticks(least_service, 5), min_size=works, max_size=works))
    service = {"law": "times", "seconds": seconds}
    if draw(st.integers(0, 4)) == 0:
        return {"service": service, "places": None}
    return {"service": service, "places": draw(st.integers(1, 3)), **draw(some_changes(3))}


@st.composite
def some_changes(draw, most):
    if draw(st.booleans()):
        return {}
    moments = sorted(draw(st.lists(st.integers(0, 15), min_size=1, max_size=3, unique=True)))
    places = [draw(st.integers(0, most)) for _ in moments[:-1]] + [draw(st.integers(1, most))]
    return {"changes": [[moment / TICKS_AN_HOUR, count] for moment, count in zip(moments, places, strict=True)]}


@st.composite
def some_standing(draw, units, routes):
    """Draw an order that is there at the opening."""
    route = draw(st.sampled_from(routes)) if routes else None
    of_items = units.count("item")
    later = [number for number in range(of_items, len(units)) if not route or f"order {number}" in route["stations"]]
    values = {"route": route["name"]} if route else {}
    if later and (not of_items or draw(st.booleans())):
        return {
            "station": draw(st.sampled_from(later)),
            **draw(some_work()),
            "items": draw(st.integers(1, 3)),
            **values,
        }
    items = [draw(some_item(of_items)) for _ in range(draw(st.integers(0, MOST_ITEMS - 1)))]
    last = {"station": draw(st.integers(0, of_items - 1)), **draw(some_work())}
    return {"items": draw(st.permutations([*items, last])), **values}


@st.composite
def some_item(draw, of_items):
    if draw(st.integers(0, 3)) == 0:
        return {"done": True}
    values = {"station": draw(st.integers(0, of_items - 1)), **draw(some_work())}
    return {**values, "turn": draw(st.integers(0, 3))} if "waiting" in values else values


def some_work():
    return st.one_of(st.just({"waiting": True}), ticks(0, 5).map(lambda seconds: {"elapsed": seconds}))


def items_of(present):
    items = present.get("items", 1)
    return items if isinstance(items, int) else len(items)


# The same kitchen for the event loop


def by_events(spec):
    """Return {station: {(order, number): (start, end)}}; orders of the state have negative numbers, the last is -1."""
    rows, orders = spec["stations"], orders_of(spec)
    firsts = [sum(order.items for order in orders[:place]) for place in range(len(orders))]

    def seconds(station, part):
        service = rows[station]["service"]
        if service["law"] == "conveyor":
            return service["headway"] * (orders[part.order].items if rows[station]["per_pizza"] else 1)
        return service["seconds"][part.order if part.number == WHOLE else firsts[part.order] + part.number - 1]

    found = {number: {} for number in range(len(rows))}
    for (station, part), visit in oracle.run(stations_of(spec), orders, seconds).items():
        found[station][part.order - len(spec["state"]), part.number] = (visit.start, visit.end)
    return found


def stations_of(spec):
    return [station_of(row) for row in spec["stations"]]


def orders_of(spec):
    """Return the orders, those of the state first."""
    rows, have = spec["stations"], spec["orders_have"]
    numbers = {row["name"]: number for number, row in enumerate(rows)}
    routes = {row["name"]: tuple(numbers[name] for name in row["stations"]) for row in spec.get("routes", [])}
    orders = [standing(present, rows, routes) for present in spec["state"]]
    for place, (came, items) in enumerate(zip(spec["arrivals"]["seconds"], have["items"], strict=True)):
        orders.append(Order(came, items, routes[have["routes"][place]] if routes else tuple(range(len(rows)))))
    return orders


def station_of(row):
    delay, busy = row["service"].get("delay"), row["service"].get("busy", -math.inf)
    changes = tuple((hour * HOUR, places) for hour, places in row.get("changes", ()))
    return Station(row.get("places", 1), row["unit"] == "item", delay, changes, busy)


def standing(present, rows, routes):
    route = routes[present["route"]] if routes else tuple(range(len(rows)))
    items = present.get("items", 1)
    if isinstance(items, int):
        where = (Standing(WHOLE, present["station"], present.get("elapsed")),)
        return Order(0, items, route, standing=where)
    where = tuple(
        Standing(number, item["station"], item.get("elapsed"), item.get("turn", 0))
        for number, item in enumerate(items, 1)
        if "done" not in item
    )
    return Order(0, len(items), route, standing=where)


# Side by side


def by_simulator(spec):
    """Return the same from the simulator's trace."""
    rows = simulate(read_spec(spec)).as_dict()["orders_trace"]
    found = {number: {} for number in range(len(spec["stations"]))}
    for number, row in enumerate(rows, -len(spec["state"])):
        parts = [(WHOLE, row), *enumerate(row["items"], 1)]
        for part, visits in parts:
            for station, visit in enumerate(visits["stations"]):
                if visit["start"] is not None:
                    found[station][number, part] = (visit["start"], visit["end"])
    return found


@SIZE
@given(kitchens())
def test_every_start_and_end_is_that_of_an_event_loop(spec):
    assert by_simulator(spec) == by_events(spec)


@SIZE
@given(spec=kitchens(least_service=1), width=st.integers(1, 5))
def test_so_it_is_however_the_orders_are_cut_into_chunks(spec, width):
    with patch.multiple(replications, CHUNK=width, LONE_CHUNK=width):
        assert by_simulator(spec) == by_events(spec)


# The orders of a state, on many paths: what promises are made of


class Paths:
    """The draws of a look ahead: service times of its own for each path."""

    def __init__(self, spec, seed):
        self.spec, self.random = spec, np.random.default_rng(seed)
        self.drawn = {}  # {(station, part): (paths,)}

    def seconds(self, station, part):
        service = self.spec.stations[station].service
        if isinstance(service, Conveyor):
            pieces = self.spec.state[part[0]].pizzas if self.spec.stations[station].per_pizza else 1
            return np.full(PATHS, service.headway_seconds * pieces)
        key = station, Part(*part)
        if key not in self.drawn:
            self.drawn[key] = TICK * self.random.integers(0, 6, PATHS)
        return self.drawn[key]

    def present(self, station):
        there = [self.seconds(station, part) for part, _ in self.standing(station)]
        return np.array(there).reshape(-1, PATHS).T.copy()

    def remaining(self, station, columns):
        service, standing = self.spec.stations[station].service, self.standing(station)
        found = []
        for part, one in (standing[column] for column in columns):
            whole = service.delay_seconds if isinstance(service, Conveyor) else self.seconds(station, part)
            found.append(np.broadcast_to(np.maximum(whole - one.elapsed_seconds, 0), PATHS))
        return np.array(found).T

    def standing(self, station):
        """Return (part, where it stands) for all that come to a station, in the simulator's order."""
        first = 1 if self.spec.stations[station].works_on_items else WHOLE
        return [
            ((one.order, one.number + 1) if isinstance(one, StateItem) else (place, first), one)
            for place, one in enumerate(self.spec.standing_for(station))
        ]


@settings(SIZE, max_examples=SIZE.max_examples // 4)  # each is many event loops
@given(spec=kitchens(), seed=st.integers(0, 999))
def test_present_orders_leave_on_each_path_as_in_the_event_loop(spec, seed):
    asked = read_spec(spec)
    paths, count = Paths(asked, seed), len(spec["state"])
    ends = ends_of_present(asked, PATHS, paths)
    orders = orders_of(spec)[:count]
    for path in range(PATHS):
        visits = oracle.run(stations_of(spec), orders, lambda *at, path=path: paths.seconds(*at)[path])
        assert ends[path].tolist() == ends_of(visits, orders)


# Random times: what the simulator drew for one replication, and the sums of many that are followed together

BUSY = {
    "stations": [
        {"name": "make", "unit": "item", "places": 2, "service": {"law": "lognormal", "mean": 120, "cv": 0.4}},
        {"name": "oven", "unit": "item", "service": {"law": "conveyor", "headway": 55, "delay": 420}},
        {"name": "bench", "unit": "order", "places": 1, "service": {"law": "exponential", "mean": 70}},
        {
            "name": "drivers",
            "unit": "order",
            "places": 8,
            "service": {"law": "lognormal", "mean": 1200, "cv": 0.35},
            "changes": [[0.5, 2], [1, 9]],
        },
    ],
    "arrivals": {"law": "poisson", "per_hour": 30},
    "orders": 50,
    "orders_have": {"items": {"law": "discrete", "values": [1, 2, 3, 8], "weights": [4, 3, 2, 1]}},
}
ROUTES = [
    {"name": "delivery", "share": 0.6, "stations": ["make", "oven", "bench", "drivers"]},
    {"name": "carry out", "share": 0.4, "stations": ["make", "oven", "bench"]},
]
OVEN_PLACES = {"name": "oven", "unit": "item", "places": 6, "service": {"law": "fixed", "mean": 450}}
KITCHENS = {
    "belt": BUSY,
    "places": {**BUSY, "stations": [BUSY["stations"][0], OVEN_PLACES, *BUSY["stations"][2:]]},
    "routes": {**BUSY, "routes": ROUTES},
    "items only": {**BUSY, "stations": [BUSY["stations"][0], OVEN_PLACES]},
}
TOGETHER = FEW_ROWS + 2  # replications


@pytest.mark.parametrize("width", [4, 2048])
@pytest.mark.parametrize("spec", KITCHENS.values(), ids=KITCHENS)
def test_replications_together_are_the_event_loop_of_each(spec, width):
    alone = read_spec({**spec, "trace": True})
    with patch.multiple(replications, CHUNK=width, LONE_CHUNK=width):
        together = replicate(read_spec({**spec, "replications": TOGETHER}), 0, TOGETHER)
        for number in range(TOGETHER):
            rows = replicate(alone, number, 1).trace
            visits, orders = replayed(spec, rows)
            waits = [0.0] * len(spec["stations"])
            for (station, _), visit in visits.items():
                waits[station] += visit.start - visit.joined
            assert together.wait_seconds[number] == pytest.approx(waits)
            inside = [end - order.came_seconds for end, order in zip(ends_of(visits, orders), orders, strict=True)]
            assert together.seconds[number] == pytest.approx(sum(inside))


def replayed(spec, rows):
    """Give the event loop the service times of a trace, and hold its starts and ends against the trace."""
    names = [row["name"] for row in spec["stations"]]
    ways = {row["name"]: [names.index(name) for name in row["stations"]] for row in spec.get("routes", [])}
    traced = {
        (station, (order, part)): visit
        for order, row in enumerate(rows)
        for part, visits in [(WHOLE, row), *enumerate(row["items"], 1)]
        for station, visit in enumerate(visits["stations"])
        if visit["start"] is not None
    }
    orders = [
        Order(row["arrival"], len(row["items"]), tuple(ways.get(row.get("route"), range(len(names))))) for row in rows
    ]
    stations = [station_of(row) for row in spec["stations"]]

    def seconds(station, part):
        service = spec["stations"][station]["service"]
        visit = traced[station, part]
        return service.get("headway", visit["end"] - visit["start"])

    visits = oracle.run(stations, orders, seconds)
    assert visits.keys() == traced.keys()
    for at, visit in visits.items():
        assert (visit.start, visit.end) == pytest.approx((traced[at]["start"], traced[at]["end"]))
    return visits, orders


def ends_of(visits, orders):
    """Return when each order left."""
    ends = [order.came_seconds for order in orders]
    for (_, part), visit in visits.items():
        ends[part.order] = max(ends[part.order], visit.end)
    return ends


def test_filler_takes_no_place_where_some_pass_by():
    (station,) = Tandem(1, [2], optional=[True]).stations
    come = np.array([[0.0, np.inf, np.inf]])
    station.serve(come, np.array([[5.0, 0.0, 0.0]]), False, np.array([[False, False, True]]))
    assert station.free.tolist() == [[-np.inf, 5.0]]
