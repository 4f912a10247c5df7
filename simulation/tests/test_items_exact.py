"""Orders of several items against exact results: of queueing theory, and by hand.

Every estimate has to lie within 4 of its own standard errors of the exact value. Seeds are fixed, so a test passes
always or never; a correct simulator fails one such comparison in 15,000.
"""

import pytest

from simulation.confidence import student
from simulation.simulator import read_spec, simulate

HOUR = 3600.0
MEAN = 60.0  # seconds, of every exponential time


def station(capacity, unit, distribution="exponential", **parameters):
    service = {"law": distribution, **(parameters or {"mean": MEAN})}
    return {"name": f"{unit} {distribution}", "unit": unit, "places": capacity, "service": service}


def belt(unit, headway, delay):
    return {"name": "belt", "unit": unit, "service": {"law": "conveyor", "headway": headway, "delay": delay}}


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
    "weights", [{1: 1}, {3: 1}, truncated_geometric(0.4, 12), {1: 38, 2: 29, 3: 15, 4: 15, 5: 3}], ids=str
)
def test_batches_at_one_exponential_place(weights):
    """M[X]/M/1 (Gross and Harris, Fundamentals of Queueing Theory, 3.1): the mean number of items in the system is
    rho / (1 - rho) * (E[X] + E[X²]) / (2 E[X]).

    By Little's law an item is there for that number / (arrival rate * E[X]). An order is an M/G/1 customer whose
    service is the sum over its items, S with E[S²] = mean² * (E[X] + E[X²]); it waits as Pollaczek and Khinchine say,
    and leaves with its last item.
    """
    rho, replications = 0.7, 150
    size, square = moments(weights)
    gap = size * MEAN / rho
    answer = ask(
        [station(1, "item")], poisson(gap), sizes(weights), orders=3000, replications=replications, warmup=0.2
    )
    items = rho / (1 - rho) * (size + square) / (2 * size)
    row = answer["stations"][0]
    assert_is(row["wait_mean"], items * gap / size - MEAN, replications)
    assert_is(row["service_mean"], MEAN, replications)
    assert_is(row["utilisation"], rho, replications)
    assert_is(row["queue_mean"], items - rho, replications)
    wait = MEAN**2 * (size + square) / gap / (2 * (1 - rho))
    assert_is(answer["time_in_system"]["mean"], wait + size * MEAN, replications)


# Items side by side


@pytest.mark.parametrize(("items", "capacity"), [(2, 2), (2, None), (3, 2), (5, 3), (8, 1)])
def test_the_last_of_several_exponential_items(items, capacity):
    """While k of them work, the next one is done after mean / k on average, as exponential times have no memory
    (Rényi, 1953). For two servers it is the mean of the maximum, 1.5 means."""
    replications = 20_000
    answer = ask([station(capacity, "item")], coming(0), {"items": [items]}, replications=replications)
    exact = sum(MEAN / min(left, capacity or items) for left in range(1, items + 1))
    assert_is(answer["time_in_system"]["mean"], exact, replications)


def test_the_later_of_two_items_through_two_stations():
    """Each takes the sum of two exponential times, whose chance to be longer than t means is (1 + t) exp(-t). The
    shorter of two lasts 1.25 means, the integral of its square, so the longer lasts 2 * 2 - 1.25."""
    replications = 20_000
    stations = [station(None, "item"), station(None, "item")]
    answer = ask(stations, coming(0), {"items": [2]}, replications=replications)
    assert_is(answer["time_in_system"]["mean"], 2.75 * MEAN, replications)


def test_orders_join_in_a_poisson_stream():
    """Where every item has a place, orders pass the stations of items as M/G/infinity, and leave as a Poisson stream
    (Mirasol, 1963). The station behind the join is M/M/1, and for a share of the orders M/M/1 at that share."""
    replications, gap, share = 150, 80.0, 0.6
    answer = ask(
        [station(None, "item"), station(1, "order"), station(1, "order")],
        poisson(gap),
        {"items": {"law": "discrete", "values": [1, 2, 4], "weights": [2, 1, 1]}},
        routes=[
            {"name": "long", "share": share, "stations": ["item exponential", "bench", "drivers"]},
            {"name": "short", "share": 1 - share, "stations": ["item exponential", "bench"]},
        ],
        orders=4000,
        replications=replications,
        warmup=0.2,
    )
    assert answer
