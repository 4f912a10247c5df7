"""The engine and the simulator: kitchens computed by hand, another simulator on the same inputs, and what must not
change a figure (the number of rows, chunks, shares, places)."""

import heapq
import json
import subprocess
import sys
import tracemalloc
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pytest
from django.conf import settings
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from simulation import engine, replications
from simulation.draws import Draws
from simulation.engine import FEW_ROWS
from simulation.estimates import sums
from simulation.notes import before
from simulation.simulator import SpecError, merge, read_spec, replicate, simulate, stations_forward


def station(capacity, distribution="exponential", **parameters):
    return {"name": distribution, "places": capacity, "service": {"law": distribution, **parameters}}


def times(capacity, *seconds):
    return station(capacity, "times", seconds=list(seconds))


def coming(*seconds):
    return {"law": "times", "seconds": list(seconds)}


POISSON = {"law": "poisson", "per_hour": 20}
SHOP = [
    station(2, "lognormal", mean=120, cv=0.4),
    station(6, "fixed", mean=450),
    {"name": "belt", "service": {"law": "conveyor", "headway": 60, "delay": 420}},
    station(None, "uniform", low=30, high=90),
    station(8, "erlang", mean=1200, k=8),
]


def ask(stations, arrivals=POISSON, **more):
    return simulate(read_spec({"stations": stations, "arrivals": arrivals, **more})).as_dict()


def trace(stations, arrivals, **more):
    """Return for each order its arrival and, for each station, (start, end)."""
    rows = ask(stations, arrivals, trace=True, **more)["orders_trace"]
    return [(row["arrival"], *((visit["start"], visit["end"]) for visit in row["stations"])) for row in rows]


# Another simulator, as simple as can be: an event loop


def by_events(arrivals, services, capacities, delays, at, working):
    """Process completions before arrivals, then by number; work begins only after all events of a moment."""
    numbers, stations = range(len(arrivals)), range(len(services))
    starts = [list(arrivals) for _ in stations]
    ends = [list(arrivals) for _ in stations]
    lines, busy, events = [[] for _ in stations], [0 for _ in stations], []

    def begin(number, moment, here, taken_until):
        busy[here] += 1
        heapq.heappush(events, (taken_until, "free", number, here))
        heapq.heappush(events, (ends[here][number], "go", number, here))

    for number in numbers:
        here = at[number]
        if working[number]:
            end = ends[here][number] = arrivals[number] + services[here][number]
            headway = max(
                (services[here][other] for other in numbers if not working[other] or at[other] != here), default=0
            )
            begin(number, 0, here, end if delays[here] is None else end - delays[here] + headway)
        else:
            heapq.heappush(events, (arrivals[number], "joins", number, here))
    while events:
        moment = events[0][0]
        while events and events[0][0] == moment:
            _, what, number, here = heapq.heappop(events)
            if what == "free":
                busy[here] -= 1
            elif what == "joins":
                heapq.heappush(lines[here], (moment, number))
            elif here + 1 < len(stations):
                heapq.heappush(lines[here + 1], (moment, number))
        for here in stations:
            while lines[here] and (capacities[here] is None or busy[here] < capacities[here]):
                number = heapq.heappop(lines[here])[1]
                taken_until = moment + services[here][number]
                starts[here][number] = moment
                ends[here][number] = taken_until if delays[here] is None else moment + delays[here]
                begin(number, moment, here, taken_until)
    return starts, ends


class Kitchen(NamedTuple):
    arrivals: list[int]
    services: list[list[int]]
    capacities: list[int | None]
    delays: list[int | None]
    at: list[int]
    working: list[bool]

    @property
    def present(self) -> int:
        """Return which orders are there already: arrivals at 0 can also be new ones, so the other fields tell."""
        return max(
            (number + 1 for number in range(len(self.at)) if self.at[number] or self.working[number]), default=0
        )


@st.composite
def kitchens(draw):
    """Draw small kitchens in whole seconds: much happens at the same moment and all sums are exact."""
    seconds = st.integers(1, 5)
    count = draw(st.integers(1, 9))
    stations = draw(st.integers(1, 3))
    delays = [draw(st.none() | st.none() | st.integers(5, 9)) for _ in range(stations)]
    capacities = [draw(st.sampled_from([1, 2, 3, None])) if delay is None else 1 for delay in delays]
    present = draw(st.integers(0, min(4, count - 1)))
    at = [draw(st.integers(0, stations - 1)) for _ in range(present)] + [0] * (count - present)
    working = [number < present and draw(st.booleans()) for number in range(count)]
    arrivals = [0] * present + sorted(draw(st.integers(0, 12)) for _ in range(count - present))
    services = []
    for here in range(stations):
        equal = delays[here] is not None or draw(st.booleans())
        every = draw(seconds)
        row = [every if equal else draw(seconds) for _ in range(count)]
        for number in range(present):
            if working[number] and at[number] == here:
                row[number] = draw(st.integers(1, delays[here] or 5))
        services.append(row)
    return Kitchen(arrivals, services, capacities, delays, at, working)


@given(kitchens())
@hypothesis_settings(max_examples=300, deadline=None)
def test_the_engine_does_what_an_event_loop_does(kitchen):
    arrivals, services, capacities, delays, at, working = kitchen
    expected_starts, expected_ends = by_events(*kitchen)
    for rows in (1, FEW_ROWS + 1):
        starts, ends = stations_forward(
            np.tile(arrivals, (rows, 1)), services, capacities, delays=delays, at_station=at, working=working
        )
        for here in range(len(services)):
            assert (starts[here] == expected_starts[here]).all()
            assert (ends[here] == expected_ends[here]).all()


@given(kitchens(), st.integers(1, 4))
@hypothesis_settings(max_examples=150, deadline=None)
def test_chunks_change_nothing(kitchen, chunk):
    """The simulator hands orders on as soon as they can no longer be overtaken; that must not show."""
    arrivals, services, capacities, delays, at, working = kitchen
    present = kitchen.present
    state = [{"station": at[number], "waiting": True} for number in range(present)]
    for number in range(present):
        if working[number]:
            left, delay = services[at[number]][number], delays[at[number]]
            state[number] = {"station": at[number], "elapsed": 0 if delay is None else delay - left}
    rows = [
        times(count, *row) if delay is None else {"service": {"law": "conveyor", "headway": row[-1], "delay": delay}}
        for row, count, delay in zip(services, capacities, delays, strict=True)
    ]
    spec = {"stations": rows, "arrivals": coming(*arrivals[present:]), "state": state}
    whole = trace(**spec)
    _, ends = by_events(*kitchen)
    assert [row[-1][1] for row in whole] == ends[-1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(replications, "LONE_CHUNK", chunk)
        assert trace(**spec) == whole


@pytest.mark.parametrize("chunk", [1, 7, 60])
def test_chunks_change_nothing_in_a_busy_kitchen(monkeypatch, chunk):
    """There are enough places and overtaking to expose an order that is handed on too early."""
    random = np.random.default_rng(8)
    arrivals = np.cumsum(random.exponential(100, 300))
    stations = [
        times(4, *random.exponential(380, 300)),
        {"service": {"law": "conveyor", "headway": 90, "delay": 500}},
        times(None, *random.exponential(300, 300)),
        times(5, *random.exponential(480, 300)),
        times(1, *random.exponential(98, 300)),
    ]
    whole = trace(stations, coming(*arrivals))
    monkeypatch.setattr(replications, "LONE_CHUNK", chunk)
    assert trace(stations, coming(*arrivals)) == whole


# By hand


def test_one_place():
    assert trace([times(1, 4, 1, 5)], coming(0, 1, 10)) == [(0, (0, 4)), (1, (4, 5)), (10, (10, 15))]


def test_overtaking_and_the_tie_that_follows():
    """Orders 0 and 1 reach the second station at 9, order 1 after overtaking; there the lower number goes first."""
    rows = trace([times(2, 9, 4, 5), times(1, 2, 2, 2)], coming(0, 0, 0))
    assert rows == [(0, (0, 9), (9, 11)), (0, (0, 4), (4, 6)), (0, (4, 9), (11, 13))]


def test_an_arrival_at_the_moment_a_place_becomes_free_does_not_wait():
    result = ask([times(1, 5, 5)], coming(0, 5))
    assert result["stations"][0]["wait_probability"]["value"] == 0


def test_the_oven_of_two_places():
    starts, ends = stations_forward([0, 1, 2, 3, 30], [10], [2])
    assert starts[0].tolist() == [[0, 1, 10, 11, 30]]
    assert ends[0].tolist() == [[10, 11, 20, 21, 40]]


@pytest.mark.parametrize("rows", [1, FEW_ROWS + 1])
def test_an_oven_in_which_old_work_takes_longer_than_new(rows):
    """Two at work with 5 and 50 s left: all who wait go through the first place."""
    services = np.tile([5, 50, 10, 10, 10], (rows, 1))
    _, ends = stations_forward(
        np.zeros(5), [services], [2], at_station=np.zeros(5), working=[True, True, False, False, False]
    )
    assert (ends[0] == [5, 50, 15, 25, 35]).all()


def test_a_conveyor_is_a_headway_and_a_delay():
    belt = {"service": {"law": "conveyor", "headway": 60, "delay": 420}}
    assert trace([belt], coming(0, 10, 500)) == [(0, (0, 420)), (10, (60, 480)), (500, (500, 920))]


def test_places_for_everybody():
    assert trace([station(None, "fixed", mean=7)], coming(0, 0, 1)) == [(0, (0, 7)), (0, (0, 7)), (1, (1, 8))]


def test_a_state():
    """Two in the oven of one place (one was taken away), one in its line, and one at the make line."""
    state = [
        {"station": 1, "elapsed": 40},
        {"station": 1, "elapsed": 10},
        {"station": 1, "waiting": True},
        {"station": 0, "elapsed": 20},
    ]
    rows = trace([station(1, "fixed", mean=30), station(1, "fixed", mean=50)], coming(5), state=state)
    assert rows == [
        (0, (None, None), (-40, 10)),
        (0, (None, None), (-10, 40)),
        (0, (None, None), (40, 90)),
        (0, (-20, 10), (90, 140)),
        (5, (10, 40), (140, 190)),
    ]


def test_a_state_on_a_conveyor():
    belt = {"service": {"law": "conveyor", "headway": 60, "delay": 420}}
    rows = trace([belt], coming(0), state=[{"station": 0, "elapsed": 100}, {"station": 0, "elapsed": 10}])
    assert rows == [(0, (-100, 320)), (0, (-10, 410)), (0, (50, 470))]


def test_figures_computed_by_hand():
    """Three at 0 s, one place, 60 s each: waits 0, 60, 120; all done after 180 s."""
    result = ask([station(1, "fixed", mean=60)], coming(0, 0, 0), promise_seconds=120, grid_seconds=30)
    row = result["stations"][0]
    values = {name: estimate["value"] for name, estimate in row.items() if name != "name"}
    assert values == {
        "wait_mean": 60,
        "wait_probability": pytest.approx(2 / 3),
        "service_mean": 60,
        "utilisation": 1,
        "busy_mean": 1,
        "queue_mean": 1,
    }
    lengths = {name: estimate["value"] for name, estimate in result["time_in_system"].items()}
    assert lengths == {"mean": 120, "p05": 66, "p50": 120, "p95": 174, "within_promise": pytest.approx(2 / 3)}
    assert result["throughput_per_hour"]["value"] == 60
    assert result["over_time"]["seconds"] == [0, 30, 60, 90, 120]
    assert result["over_time"]["stations"][0]["queue_mean"]["value"] == [2, 2, 1, 1, 0]
    assert (result["orders"], result["replications"], result["seed"]) == (3, 1, 1)


STATE = [
    {"station": 1, "elapsed": 10, "pizzas": 3, "age": 100},
    {"station": 0, "waiting": True, "pizzas": 2, "age": 40},
]


def test_orders_of_a_state_count_on_request():
    """10 s a pizza, then 30 s an order: 20 s left, and 20 + 30 s. They are 100 and 40 s old."""
    row = [{**station(1, "fixed", mean=10), "per_pizza": True}, station(1, "fixed", mean=30)]
    spec = {"stations": row, "arrivals": coming(1000), "state": STATE, "promise_seconds": 100}
    counted = ask(**spec, count_state=True)["time_in_system"]
    assert counted["mean"]["value"] == pytest.approx((120 + 90 + 40) / 3)
    assert counted["within_promise"]["value"] == pytest.approx(2 / 3)
    assert counted["p50"]["value"] == 90
    assert ask(**spec)["time_in_system"]["mean"]["value"] == 40


def test_pieces_of_the_day_computed_by_hand():
    """Three at 0 s, one place, 1,000 s each, and one after an hour: what each half hour saw."""
    spec = {"stations": [station(1, "fixed", mean=1000)], "arrivals": coming(0, 0, 0, 3600), "slots": [0, 0.5, 1, 2]}
    assert ask(**spec, promise_seconds=2000)["by_slot"] == {
        "hours": [0, 0.5, 1, 2],
        "orders": [3, 0, 1],
        "mean": [2000, None, 1000],
        "p05": [1100, None, 1000],
        "p50": [2000, None, 1000],
        "p95": [2900, None, 1000],
        "within_promise": [pytest.approx(2 / 3), None, 1],
        "utilisation": [[1, pytest.approx(1200 / 1800), pytest.approx(1000 / 3600)]],
    }


def test_warm_up_orders_do_not_count():
    """The first two of orders 0 to 3 are left out and gone after 120 s: waits of 120 and 180 s."""
    result = ask([station(1, "fixed", mean=60)], coming(0, 0, 0, 0), warmup=0.5)
    assert result["stations"][0]["wait_mean"]["value"] == 150
    assert result["time_in_system"]["mean"]["value"] == 210
    assert result["stations"][0]["utilisation"]["value"] == 1
    assert result["orders"] == 4


@pytest.mark.parametrize("orders", [None, 40, 60, 100_000])
def test_a_warm_up_before_closing_time(orders):
    """Leave out a tenth, whichever comes first, the number of orders or closing."""
    spec = {"law": "steps", "per_hour": [20, 20], "hours": [11, 12, 14]}
    result = simulate(
        read_spec({"stations": SHOP, "arrivals": spec, "orders": orders, "replications": 400, "warmup": 0.1})
    )
    counted = result.part.orders.sum() / result.part.came.sum()
    assert counted == pytest.approx(0.9, abs=0.01)


def test_closing_time_empties_the_kitchen():
    spec = {"law": "steps", "per_hour": [0, 600, 0], "hours": [11, 12, 13, 14]}
    result = ask([station(5, "fixed", mean=60)], spec, replications=5, trace=False, grid_seconds=600)
    assert 500 < result["orders"] < 700
    rows = trace([station(5, "fixed", mean=60)], spec)
    assert rows[0][0] >= 12 * 3600 and rows[-1][0] <= 13 * 3600
    assert result["over_time"]["seconds"][0] == 11 * 3600
    assert result["over_time"]["stations"][0]["queue_mean"]["value"][-1] == 0


def test_nobody_comes():
    result = ask([station(1, mean=60)], {"law": "steps", "per_hour": [0], "hours": [0, 1]}, replications=3)
    assert result["orders"] == 0 and result["time_in_system"]["mean"]["value"] is None
    assert any("No order came" in note for note in result["notes"])


# What must not change a figure


def test_a_heap_and_a_numpy_step_give_the_same_bits(monkeypatch):
    random = np.random.default_rng(1)
    arrivals = np.cumsum(random.exponential(1, (5, 60)), axis=1)
    services = [random.exponential(2.5, (5, 60)), np.full((5, 60), 1 / 3), random.exponential(0.7, (5, 60))]
    with_heaps = stations_forward(arrivals, services, [3, 2, 1])
    monkeypatch.setattr(engine, "FEW_ROWS", 0)
    with_steps = stations_forward(arrivals, services, [3, 2, 1])
    assert np.array_equal(with_heaps, with_steps)


SPECS = {
    "short": {"orders": 40, "replications": 70},
    "with a state": {
        "orders": 40,
        "replications": 70,
        "state": [{"station": 0, "elapsed": 30}, {"station": 4, "elapsed": 900}],
    },
    "long": {"orders": 5000, "replications": 5, "warmup": 0.1},
    "many": {"orders": 30, "replications": 9000, "slots": [0, 1, 2]},
    "of pizzas": {
        "stations": [{**SHOP[0], "per_pizza": True, "changes": [[0.5, 1], [1, 3]]}, *SHOP[1:]],
        "arrivals": {"law": "steps", "per_hour": [60, 90], "hours": [0, 1, 2]},
        "replications": 130,
        "pizzas": {"1": 1, "3": 2},
        "state": [{"station": 4, "elapsed": 900}, {"station": 0, "elapsed": 100, "pizzas": 3}],
        "count_state": True,
        "slots": [0, 0.5, 1, 2],
    },
    "a day": {
        "arrivals": {"law": "steps", "per_hour": [5, 40, 5], "hours": [11, 12, 13, 15]},
        "replications": 70,
        "grid_seconds": 600,
        "promise_seconds": 2400,
    },
}


@pytest.mark.parametrize("name", SPECS)
def test_shared_out_it_is_the_same_to_the_last_bit(name):
    spec = read_spec({"stations": SHOP, "arrivals": POISSON, "seed": 3, **SPECS[name]})
    whole = simulate(spec).as_dict()
    assert simulate(spec).as_dict() == whole
    count = spec.replications
    edges = [0, 1, count // 3 + 1, count]
    parts = [replicate(spec, begin, end - begin) for begin, end in pairwise(edges)]
    assert merge(spec, reversed(parts)).as_dict() == whole


def test_another_seed_is_another_run():
    results = [ask(SHOP, orders=30, replications=4, seed=seed)["time_in_system"] for seed in (1, 2)]
    assert results[0] != results[1]


def test_replications_are_independent():
    """They are independent across two streams, and within the block that shares one."""
    spec = read_spec({"stations": [station(1, mean=1)], "arrivals": POISSON, "orders": 2000, "replications": 70})
    (draws,) = Draws(spec, 0, 70).services(0, 2000)
    correlation = np.corrcoef(draws) - np.eye(70)
    assert abs(correlation).max() < 5 / np.sqrt(2000)  # 2415 pairs: the largest of that many is about 3.6
    assert abs(draws.mean() - 1) < 4 / np.sqrt(draws.size)


def test_scenarios_are_compared_on_the_same_orders():
    """Extra places and another distribution downstream leave the arrivals and the service times as they were."""
    few = trace([station(1, mean=100), station(1, mean=100)], POISSON, orders=50)
    many = trace([station(3, mean=100), station(2, "lognormal", mean=100, cv=1)], POISSON, orders=50)
    assert [row[0] for row in few] == [row[0] for row in many]
    services = [[row[1][1] - row[1][0] for row in rows] for rows in (few, many)]
    assert services[0] == pytest.approx(services[1])
    assert all(late[1][0] >= early[1][0] for late, early in zip(few, many, strict=True))


def test_a_trace_does_not_change_the_figures():
    plain, traced = (ask(SHOP, orders=3000, trace=trace) for trace in (False, True))
    traced.pop("orders_trace")
    assert plain == traced


def test_long_and_short_runs_agree_on_their_percentiles(monkeypatch):
    spec = {"stations": [times(1, *range(1, 400))], "arrivals": coming(*[1000 * n for n in range(399)])}
    exact = ask(**spec)["time_in_system"]
    monkeypatch.setattr(replications, "LONE_CHUNK", 100)
    monkeypatch.setattr(sums, "EXACT", 0)
    for name, estimate in ask(**spec)["time_in_system"].items():
        assert estimate["value"] == pytest.approx(exact[name]["value"], rel=0.003), name


@pytest.mark.parametrize("per_hour", [20, 200])
def test_memory_does_not_grow_with_the_orders(per_hour):
    """It does not grow with the lines either, in a kitchen that gets five times the work it can do."""

    def peak(orders):
        tracemalloc.start()
        ask(SHOP, {"law": "poisson", "per_hour": per_hour}, orders=orders)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    peak(12_000)
    assert peak(60_000) < 1.2 * peak(20_000)


# Confidence


def test_the_interval_of_one_long_run_comes_from_batches():
    """It must be about as wide as the spread of many such runs."""
    one = [ask([station(1, mean=90)], orders=20_000, seed=seed)["stations"][0]["wait_mean"] for seed in range(12)]
    spread = np.std([estimate["value"] for estimate in one], ddof=1)
    assert 0.5 < np.mean([estimate["half_width"] for estimate in one]) / 2.09 / spread < 2


def test_a_run_that_is_too_short_says_so():
    assert any("too short" in note for note in ask([station(1, mean=60)], orders=5)["notes"])
    crowded = {"law": "poisson", "per_hour": 59}
    assert any("too short" in note for note in ask([station(1, mean=60)], crowded, orders=400, seed=2)["notes"])
    assert ask([station(1, mean=60)], orders=20_000)["notes"] == []


def test_an_overload_is_named():
    notes = ask([station(None, mean=60), station(1, mean=200)], orders=100, replications=5)["notes"]
    assert any(note.startswith("stations[1] gets 1.11 times") for note in notes)


def test_an_overload_counts_all_pizzas_and_the_capacity_at_that_time():
    steps = {"law": "steps", "per_hour": [20, 10], "hours": [17, 18, 19]}
    row = [{**station(1, mean=120), "per_pizza": True}, {**station(4, mean=360), "changes": [[17.5, 1], [18, 4]]}]
    notes = ask(row, steps, pizzas={"1": 1, "3": 1}, replications=100)["notes"]
    assert [note.split(":")[0] for note in notes] == [
        "stations[0] gets 1.33 times the work that its places can do at the peak",
        "stations[1] gets 2.00 times the work that its places can do at the peak",
    ]


def test_a_station_without_a_place_is_named_and_hides_no_overload():
    """It has none before the first order can come; from 18:00 on its one place gets more than it can do."""
    steps = {"law": "steps", "per_hour": [0, 40], "hours": [17, 18, 19]}
    late = {**station(1, mean=120), "changes": [[16, 0], [18, 1]]}
    away = {**station(2, mean=60), "changes": [[18.5, 0], [18.75, 1]]}
    assert list(before(read_spec({"stations": [late, away], "arrivals": steps}))) == [
        "stations[0] gets 1.33 times the work that its places can do at the peak: its line grows for as long as that"
        " lasts.",
        "stations[1] has no place for a while in which orders come: its line grows for as long as that lasts.",
    ]


# Bad specs


GOOD = {"stations": [station(1, mean=60), station(2, mean=60)], "arrivals": POISSON, "orders": 10}
NAN = float("nan")


def service(**service):
    return {"stations": [GOOD["stations"][0], {"name": "b", "places": 2, "service": service}]}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"stations": []}, "stations"),
        ({"stations": "x"}, "stations"),
        ({"stations": [3]}, "stations[0]"),
        ({"stations": [{"name": "a", "service": {"law": "fixed", "mean": 1}}]}, "stations[0].places"),
        ({"stations": [station(0, mean=1)]}, "stations[0].places"),
        ({"stations": [station(1.5, mean=1)]}, "stations[0].places"),
        ({"stations": [station(True, mean=1)]}, "stations[0].places"),
        ({"stations": [station(10**9, mean=1)]}, "stations[0].places"),
        ({"stations": [{**station(1, mean=1), "name": 3}]}, "stations[0].name"),
        ({"stations": [{**station(1, mean=1), "speed": 3}]}, "stations[0].speed"),
        ({"stations": [{**station(4, "conveyor", headway=1, delay=1)}]}, "stations[0].places"),
        ({"stations": [{"places": 1}]}, "stations[0].service"),
        (service(law="magic"), "stations[1].service.law"),
        (service(law=["fixed"]), "stations[1].service.law"),
        (service(law="fixed"), "stations[1].service.mean"),
        (service(law="fixed", mean=0), "stations[1].service.mean"),
        (service(law="fixed", mean=-5), "stations[1].service.mean"),
        (service(law="fixed", mean=NAN), "stations[1].service.mean"),
        (service(law="fixed", mean=float("inf")), "stations[1].service.mean"),
        (service(law="fixed", mean=10**400), "stations[1].service.mean"),
        (service(law="fixed", mean="60"), "stations[1].service.mean"),
        (service(law="fixed", mean=True), "stations[1].service.mean"),
        (service(law="fixed", mean=1, cv=1), "stations[1].service.cv"),
        (service(law="lognormal", mean=1), "stations[1].service.cv"),
        (service(law="lognormal", mean=1, cv=-1), "stations[1].service.cv"),
        (service(law="uniform", low=5, high=4), "stations[1].service.high"),
        (service(law="uniform", low=-1, high=4), "stations[1].service.low"),
        (service(law="erlang", mean=1, k=0), "stations[1].service.k"),
        (service(law="erlang", mean=1, k=1.5), "stations[1].service.k"),
        (service(law="triangular", low=1, high=3), "stations[1].service.mode"),
        (service(law="triangular", low=1, mode=4, high=3), "stations[1].service.mode"),
        (service(law="pert", low=3, mode=3, high=3), "stations[1].service.high"),
        (service(law="weibull", mean=1, cv=0), "stations[1].service.cv"),
        (service(law="truncated_normal", mean=1, cv=1), "stations[1].service.cv"),
        (service(law="shifted_lognormal", shift=5, mean=5, cv=1), "stations[1].service.shift"),
        (service(law="discrete", values=[1, 2], p=[1]), "stations[1].service.p"),
        (service(law="uniform", mean=1, cv=0.6), "stations[1].service.cv"),
        (service(law="uniform", low=1, high=2, cv=0.1), "stations[1].service.cv"),
        (service(law="gamma", mean=1, cv=0), "stations[1].service.cv"),
        (service(law="hyperexponential", mean=1, cv=0.9), "stations[1].service.cv"),
        (service(law="hyperexponential", p=[0.5, 0.6], means=[1, 2]), "stations[1].service.p"),
        (service(law="hyperexponential", p=[1], means=[1, 2]), "stations[1].service.p"),
        (service(law="hyperexponential", p=[0.5, 0.5], means=[1, 0]), "stations[1].service.means[1]"),
        (service(law="empirical", values=[]), "stations[1].service.values"),
        (service(law="empirical", values=[1, -1]), "stations[1].service.values[1]"),
        (service(law="conveyor", headway=-1, delay=1), "stations[1].service.headway"),
        (service(law="times", seconds=[1, 2]), "stations[1].service.seconds"),
        ({"arrivals": None}, "arrivals"),
        ({"arrivals": {"law": "sometimes"}}, "arrivals.law"),
        ({"arrivals": {"law": "poisson", "per_hour": 0}}, "arrivals.per_hour"),
        ({"arrivals": {"law": "poisson", "per_hour": 5, "hours": [1]}}, "arrivals.hours"),
        ({"arrivals": {"law": "steps", "per_hour": [1, 2], "hours": [0, 1]}}, "arrivals.hours"),
        ({"arrivals": {"law": "steps", "per_hour": [1, 2], "hours": [0, 1, 1]}}, "arrivals.hours[2]"),
        ({"arrivals": {"law": "steps", "per_hour": [1, -2], "hours": [0, 1, 2]}}, "arrivals.per_hour[1]"),
        ({"arrivals": {"law": "times", "seconds": [3, 2]}, "orders": None}, "arrivals.seconds[1]"),
        ({"arrivals": {"law": "times", "seconds": [1]}}, "orders"),
        ({"orders": None}, "orders"),
        ({"orders": 0}, "orders"),
        ({"orders": 10**12}, "orders"),
        ({"replications": 0}, "replications"),
        ({"replications": 10**9}, "replications"),
        ({"replications": 2, "trace": True}, "replications"),
        ({"warmup": 1}, "warmup"),
        ({"warmup": -0.1}, "warmup"),
        ({"seed": -1}, "seed"),
        ({"seed": "a"}, "seed"),
        ({"trace": "yes"}, "trace"),
        ({"promise_seconds": 0}, "promise_seconds"),
        ({"grid_seconds": -1}, "grid_seconds"),
        ({"close_hours": 0}, "close_hours"),
        ({"state": [{"station": 2, "waiting": True}]}, "state[0].station"),
        ({"state": [{"station": 0}]}, "state[0].elapsed"),
        ({"state": [{"station": 0, "elapsed": 1, "waiting": True}]}, "state[0].elapsed"),
        ({"state": [{"station": 0, "elapsed": -1}]}, "state[0].elapsed"),
        ({"speed": 1}, "speed"),
        ({"stations": [{**station(1, mean=1), "changes": 3}]}, "stations[0].changes"),
        ({"stations": [{**station(1, mean=1), "changes": [[1]]}]}, "stations[0].changes[0]"),
        ({"stations": [{**station(1, mean=1), "changes": [[-1, 1]]}]}, "stations[0].changes[0].hour"),
        ({"stations": [{**station(1, mean=1), "changes": [[1, 2], [1, 3]]}]}, "stations[0].changes[1].hour"),
        ({"stations": [{**station(1, mean=1), "changes": [[1, 1.5]]}]}, "stations[0].changes[0].places"),
        ({"stations": [{**station(1, mean=1), "changes": [[1, 0]]}]}, "stations[0].changes"),
        ({"stations": [{**station(None, mean=1), "changes": [[1, 2]]}]}, "stations[0].changes"),
        ({"stations": [{**times(1, *range(10)), "per_pizza": True}]}, "stations[0].per_pizza"),
        ({"stations": [{**station(1, mean=1), "per_pizza": 3}]}, "stations[0].per_pizza"),
        ({"pizzas": [1, 2]}, "pizzas"),
        ({"pizzas": {}}, "pizzas"),
        ({"pizzas": {"0": 1}}, "pizzas"),
        ({"pizzas": {"many": 1}}, "pizzas"),
        ({"pizzas": {"2": -1}}, "pizzas.2"),
        ({"pizzas": {"2": 0}}, "pizzas"),
        ({"slots": [1]}, "slots"),
        ({"slots": [1, 1]}, "slots[1]"),
        ({"count_state": 2}, "count_state"),
        ({"state": [{"station": 0, "waiting": True, "pizzas": 0}]}, "state[0].pizzas"),
        ({"state": [{"station": 0, "waiting": True, "age": -1}]}, "state[0].age"),
    ],
)
def test_a_bad_spec_names_the_field(change, field):
    with pytest.raises(SpecError) as wrong:
        read_spec({**GOOD, **change})
    assert wrong.value.field == field
    assert str(wrong.value).startswith(field) and str(wrong.value).endswith(".") and "\n" not in str(wrong.value)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (service(law="uniform", low=5, high=4), "stations[1].service.high must not be below low."),
        (
            service(law="weibull", mean=1, cv=0),
            "stations[1].service.cv: A Weibull time needs a spread of 0.01 to 10 means.",
        ),
    ],
)
def test_an_impossible_distribution_is_named_once(change, sentence):
    with pytest.raises(SpecError) as wrong:
        read_spec({**GOOD, **change})
    assert str(wrong.value) == sentence


def test_the_simulator_needs_no_django():
    code = "import sys, simulation.simulator as s; print(sorted({'django', 'celery', 'scipy'} & set(sys.modules)))"
    printed = subprocess.run([sys.executable, "-c", code], cwd=settings.BASE_DIR, capture_output=True, check=True)
    assert json.loads(printed.stdout.replace(b"'", b'"')) == []
