"""Orders of several items against exact results: of queueing theory, and by hand.

Every estimate has to lie within 4 of its own standard errors of the exact value. Seeds are fixed, so a test passes
always or never; a correct simulator fails one such comparison in 15,000.
"""

import pytest

from simulation.confidence import student
from simulation.simulator import read_spec, simulate

HOUR = 3600.0
MEAN = 60.0  # seconds, of every exponential time
EXPONENTIAL = {"law": "exponential", "mean": MEAN}
ITEM, ORDER = "item", "order"


def station(name, unit, capacity, service=EXPONENTIAL):
    return {"name": name, "unit": unit, "places": capacity, "service": service}


def belt(name, unit, headway, delay):
    return {"name": name, "unit": unit, "service": {"law": "conveyor", "headway": headway, "delay": delay}}


def poisson(gap_seconds):
    return {"law": "poisson", "per_hour": HOUR / gap_seconds}


def coming(*seconds):
    return {"law": "times", "seconds": list(seconds)}


def sizes(weights):
    """Return the `orders_have` of a spec. weights: {number of items: its relative frequency}."""
    return {"items": {"law": "discrete", "values": [*weights], "weights": [*weights.values()]}}


def ask(stations, arrivals, have, **more):
    spec = {"stations": stations, "arrivals": arrivals, "orders_have": have, **more}
    return simulate(read_spec(spec)).as_dict()


def assert_is(estimate, exact, replications):
    error = estimate["half_width"] / student(replications - 1)
    assert estimate["value"] == pytest.approx(exact, abs=4 * error + 1e-9), f"{exact} ± {error}"
    assert error < 0.05 * abs(exact) + 1e-9, "so wide an interval tests nothing"


# One place, items in batches: M[X]/M/1


def truncated_geometric(stop, most):
    """Return the weights of 1 to `most` items, where `stop` is the chance that an item is the last one."""
    return {number: (1 - stop) ** (number - 1) * stop for number in range(1, most + 1)}


def moments(weights):
    """Return E[X] and E[X²]."""
    total = sum(weights.values())
    return tuple(sum(number**power * weight for number, weight in weights.items()) / total for power in (1, 2))


@pytest.mark.parametrize(
    "weights",
    [{1: 1}, {3: 1}, truncated_geometric(0.4, 12), {1: 38, 2: 29, 3: 15, 4: 15, 5: 3}],
    ids=["single", "fixed", "geometric", "shop"],
)
def test_batches_at_one_exponential_place(weights):
    """M[X]/M/1 (Gross and Harris, Fundamentals of Queueing Theory, 3.1): the mean number of items in the system is
    rho / (1 - rho) * (E[X] + E[X²]) / (2 E[X]).

    By Little's law an item is there for that number * gap / E[X]. An order is an M/G/1 customer whose service is the
    sum over its items, S with E[S²] = mean² * (E[X] + E[X²]). It waits as Pollaczek and Khinchine say, whatever its
    own size, and leaves with its last item.
    """
    rho, replications = 0.7, 150
    size, square = moments(weights)
    gap = size * MEAN / rho
    how = {"orders": 2500, "replications": replications, "warmup": 0.2}
    answer = ask([station("make", ITEM, 1)], poisson(gap), sizes(weights), **how)
    items = rho / (1 - rho) * (size + square) / (2 * size)
    (row,) = answer["stations"]
    assert_is(row["wait_mean"], items * gap / size - MEAN, replications)
    assert_is(row["service_mean"], MEAN, replications)
    assert_is(row["utilisation"], rho, replications)
    assert_is(row["queue_mean"], items - rho, replications)
    wait = MEAN**2 * (size + square) / gap / (2 * (1 - rho))
    assert_is(answer["time_in_system"]["mean"], wait + size * MEAN, replications)
    for part, weight in zip(answer["by_items"], weights.values(), strict=True):
        if weight >= max(weights.values()) / 4:  # often enough for a narrow interval
            assert_is(part["time_in_system"]["mean"], wait + part["items"] * MEAN, replications)


# Items side by side


@pytest.mark.parametrize(("items", "capacity"), [(2, 2), (2, None), (3, 2), (5, 3), (8, 1)])
def test_the_last_of_several_exponential_items(items, capacity):
    """While k of them work, the next one is done after mean / k on average, as exponential times have no memory
    (Rényi, 1953). For two servers that is the mean of the maximum, 1.5 means."""
    replications = 20_000
    answer = ask([station("make", ITEM, capacity)], coming(0), {"items": [items]}, replications=replications)
    exact = sum(MEAN / min(left, capacity or items) for left in range(1, items + 1))
    assert_is(answer["time_in_system"]["mean"], exact, replications)


def test_the_later_of_two_items_through_two_stations():
    """Each takes the sum of two exponential times, which is longer than t means with a chance of (1 + t) exp(-t). The
    shorter of the two lasts 1.25 means, the integral of the square of that, and so the longer 2 * 2 - 1.25."""
    replications = 20_000
    stations = [station("make", ITEM, None), station("oven", ITEM, None)]
    answer = ask(stations, coming(0), {"items": [2]}, replications=replications)
    assert_is(answer["time_in_system"]["mean"], 2.75 * MEAN, replications)


def test_behind_the_join_a_poisson_stream_stands_in_line():
    """Where every item has a place, orders pass the stations of items like M/G/infinity, and leave as a Poisson stream
    (Mirasol, 1963). The station behind the join is M/M/1, its output again Poisson (Burke, 1956), and so is the share
    that goes on. On the way an order waits for the longest of its items, on average 1 + 1/2 + ... + 1/n means."""
    replications, gap, share = 150, 80.0, 0.6
    weights = {1: 2, 2: 1, 4: 1}
    answer = ask(
        [station("make", ITEM, None), station("bench", ORDER, 1), station("drivers", ORDER, 1)],
        poisson(gap),
        sizes(weights),
        routes=[
            {"name": "delivery", "share": share, "stations": ["make", "bench", "drivers"]},
            {"name": "carry_out", "share": 1 - share, "stations": ["make", "bench"]},
        ],
        orders=4000,
        replications=replications,
        warmup=0.2,
    )
    bench, drivers = MEAN / (1 - MEAN / gap), MEAN / (1 - share * MEAN / gap)
    rows = answer["stations"]
    assert_is(rows[1]["wait_mean"], bench - MEAN, replications)
    assert_is(rows[2]["wait_mean"], drivers - MEAN, replications)
    assert_is(rows[1]["utilisation"], MEAN / gap, replications)
    assert_is(rows[2]["utilisation"], share * MEAN / gap, replications)
    longest = {items: MEAN * sum(1 / number for number in range(1, items + 1)) for items in weights}
    make = sum(longest[items] * weight for items, weight in weights.items()) / sum(weights.values())
    delivered, collected = answer["by_route"]
    assert_is(delivered["time_in_system"]["mean"], make + bench + drivers, replications)
    assert_is(collected["time_in_system"]["mean"], make + bench, replications)
    for row in answer["by_items"]:
        assert_is(row["time_in_system"]["mean"], longest[row["items"]] + bench + share * drivers, replications)


# By hand


def trace(stations, arrivals, have, **more):
    """Return for each order the (start, end) of its items at each of their stations, and its own at the others."""
    rows = ask(stations, arrivals, have, trace=True, **more)["orders_trace"]
    return [([*map(spans, row["items"])], spans(row)) for row in rows]


def spans(row):
    return [(visit["start"], visit["end"]) for visit in row["stations"] if visit["start"] is not None]


def fixed(seconds):
    return {"law": "fixed", "mean": seconds}


def test_a_belt_takes_the_items_of_an_order_one_after_the_other():
    stations = [belt("oven", ITEM, 60, 420), station("bench", ORDER, 1, fixed(30))]
    answer = ask(stations, coming(0, 100, 1000), {"items": [3, 2, 1]})
    assert trace(stations, coming(0, 100, 1000), {"items": [3, 2, 1]}) == [
        ([[(0, 420)], [(60, 480)], [(120, 540)]], [(540, 570)]),
        ([[(180, 600)], [(240, 660)]], [(660, 690)]),
        ([[(1000, 1420)]], [(1420, 1450)]),
    ]
    assert answer["time_in_system"]["mean"]["value"] == (570 + 590 + 450) / 3
    assert answer["stations"][0]["wait_mean"]["value"] == (0 + 60 + 120 + 80 + 140 + 0) / 6
    assert [row["time_in_system"]["mean"]["value"] for row in answer["by_items"]] == [450, 590, 570]


def test_who_collects_passes_the_drivers_by():
    stations = [
        station("make", ITEM, 2, fixed(100)),
        station("oven", ITEM, 6, fixed(450)),
        station("bench", ORDER, 1, fixed(40)),
        station("drivers", ORDER, 1, fixed(1200)),
    ]
    routes = [
        {"name": "delivery", "share": 0.5, "stations": ["make", "oven", "bench", "drivers"]},
        {"name": "carry_out", "share": 0.5, "stations": ["make", "oven", "bench"]},
    ]
    have = {"items": [2, 1, 1], "routes": ["delivery", "carry_out", "delivery"]}
    assert trace(stations, coming(0, 0, 0), have, routes=routes) == [
        ([[(0, 100), (100, 550)], [(0, 100), (100, 550)]], [(550, 590), (590, 1790)]),
        ([[(100, 200), (200, 650)]], [(650, 690)]),
        ([[(100, 200), (200, 650)]], [(690, 730), (1790, 2990)]),
    ]
    answer = ask(stations, coming(0, 0, 0), have, routes=routes)
    assert [row["time_in_system"]["mean"]["value"] for row in answer["by_route"]] == [(1790 + 2990) / 2, 690]
    assert [row["orders"] for row in answer["by_route"]] == [2, 1]
    assert answer["time_in_system"]["mean"]["value"] == (1790 + 690 + 2990) / 3
    drivers = answer["stations"][3]
    assert (drivers["wait_mean"]["value"], drivers["wait_probability"]["value"]) == ((0 + 1060) / 2, 0.5)
    assert drivers["service_mean"]["value"] == 1200


def test_a_small_order_overtakes_one_that_waits_for_its_last_item():
    stations = [
        station("make", ITEM, 2, {"law": "times", "seconds": [10, 300, 20, 5]}),
        station("bench", ORDER, 1, fixed(7)),
    ]
    assert trace(stations, coming(0, 1, 2), {"items": [2, 1, 1]}) == [
        ([[(0, 10)], [(0, 300)]], [(300, 307)]),
        ([[(10, 30)]], [(30, 37)]),
        ([[(30, 35)]], [(37, 44)]),
    ]


def test_an_item_takes_a_place_and_an_order_one_place_for_all():
    by_item, by_order = ([station("oven", unit, 2, fixed(100))] for unit in (ITEM, ORDER))
    have = {"items": [3, 1]}
    assert trace(by_item, coming(0, 0), have) == [
        ([[(0, 100)], [(0, 100)], [(100, 200)]], []),
        ([[(100, 200)]], []),
    ]
    assert [orders for _, orders in trace(by_order, coming(0, 0), have)] == [[(0, 100)], [(0, 100)]]
