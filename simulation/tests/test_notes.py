"""The notes beside the figures: where they are needed, and only there."""

import numpy as np
import pytest

from simulation import distributions, notes
from simulation.simulator import read_spec, simulate

HOUR = 3600
MM1 = {"name": "a", "places": 1, "service": {"law": "exponential", "mean": 90}}
AT_90 = {"law": "poisson", "per_hour": 36}
EXACT_WAIT = 0.9 / 0.1 * 90


def said(stations=(MM1,), arrivals=AT_90, **more):
    return list(notes.before(read_spec({"stations": list(stations), "arrivals": arrivals, **more})))


def station(capacity=1, distribution="exponential", **parameters):
    return {"places": capacity, "service": {"law": distribution, **parameters}}


# Short runs


def test_a_short_run_says_how_many_orders_would_do():
    (note,) = said(orders=2000)
    assert note.startswith("One run of 2,000 orders is short for the long run: with a load of 0.9, stations[0]")
    assert note.endswith("Ask for at least 40,000 orders in one run.")
    (note,) = said(orders=1000, replications=20)
    assert note.startswith("Each replication of 1,000 orders is short")
    assert note.endswith("Ask for at least 5,000 orders each with a warm-up of 0.2.")


@pytest.mark.parametrize(
    "enough",
    [
        {"orders": 40_000},
        {"orders": 5_000, "replications": 20, "warmup": 0.2},
        {"orders": 16_000, "replications": 20},
        {"orders": 4_000, "replications": 5},
    ],
)
def test_a_run_that_is_long_enough_says_nothing(enough):
    assert said(**enough) == []
    assert said(**{**enough, "orders": int(0.98 * enough["orders"])}) != []


def test_what_it_asks_for_is_enough():
    for load in (0.3, 0.7, 0.95):
        arrivals = {"law": "poisson", "per_hour": 40 * load}
        for more in ({}, {"replications": 7, "warmup": 0.1}, {"replications": 300}):
            (note,) = said(arrivals=arrivals, orders=1, **more)
            words = note.partition("Ask for at least ")[2].split()
            better = {**more, "orders": int(words[0].replace(",", ""))}
            if "replications" in more:
                better["warmup"] = float(words[-1].rstrip("."))
            assert said(arrivals=arrivals, **better) == []


def test_more_variable_work_needs_longer_runs():
    for distribution, cv, services in (("fixed", {}, 100), ("lognormal", {"cv": 2}, 500), ("erlang", {"k": 4}, 125)):
        station = {"places": 3, "service": {"law": distribution, "mean": 270, **cv}}
        assert notes.slowest(read_spec({"stations": [station], "arrivals": AT_90, "orders": 1})).services == (
            pytest.approx(services)
        )


def test_close_to_a_load_of_one_no_run_is_long_enough():
    (note,) = said(arrivals={"law": "poisson", "per_hour": 40 * 0.999}, orders=100_000)
    assert "a load of 0.999" in note and note.endswith("No run of up to 100,000,000 orders is long enough.")


def test_a_day_and_what_comes_after_a_state_are_no_long_runs():
    assert said(orders=None, close_hours=2) == []
    assert said(orders=20, replications=500, state=[{"station": 0, "elapsed": 5}]) == []
    assert said([station(None, mean=90)], orders=20) == []


def test_without_a_note_the_interval_covers_the_exact_value():
    """M/M/1 at a load of 0.9, which covers 62 % with 2,000 orders."""

    def covered(orders, runs):
        hits = 0
        for seed in range(runs):
            spec = {"stations": [MM1], "arrivals": AT_90, "orders": orders, "seed": seed}
            wait = simulate(read_spec(spec)).as_dict()["stations"][0]["wait_mean"]
            hits += abs(wait["value"] - EXACT_WAIT) <= wait["half_width"]
        return hits / runs

    assert covered(2_000, 60) < 0.8
    assert covered(40_000, 60) > 0.8


# An impossible initial state


@pytest.mark.parametrize(
    ("station", "working", "room"),
    [
        (station(2, mean=60), 3, 2),
        (station(1, "fixed", mean=60), 2, 1),
        ({"service": {"law": "conveyor", "headway": 60, "delay": 150}}, 4, 3),
    ],
)
def test_more_at_work_than_there_is_room_for(station, working, room):
    state = [{"station": 0, "elapsed": 0}] * working
    (note,) = said([station], orders=1, state=state)
    assert note.startswith(f"stations[0] begins with {working} orders at work, and there is room for {room}:")
    assert said([station], orders=1, state=state[:room]) == []


@pytest.mark.parametrize(("places", "later", "at_opening"), [(3, [[19, 1], [21, 3]], 1), (1, [[20, 3]], 3)])
def test_the_room_is_that_of_the_opening(places, later, at_opening):
    arrivals = {"law": "steps", "per_hour": [6], "hours": [20, 21]}
    state = [{"station": 0, "elapsed": 0}] * 3
    notes = said([{**station(places, mean=60), "changes": later}], orders=1, arrivals=arrivals, state=state)
    assert [f"room for {at_opening}:" in note for note in notes] == [True] * (at_opening < 3)


@pytest.mark.parametrize(
    ("station", "longest"),
    [
        (station(9, "fixed", mean=450), 450),
        (station(9, "uniform", low=30, high=90), 90),
        (station(9, "empirical", values=[60, 200, 90]), 200),
        (station(9, "times", seconds=[5, 70, 5]), 70),
        ({"service": {"law": "conveyor", "headway": 60, "delay": 420}}, 420),
    ],
)
def test_work_that_has_gone_on_for_too_long(station, longest):
    def state(elapsed):
        return [{"station": 0, "elapsed": 1}, {"station": 0, "elapsed": elapsed}]

    (note,) = said([station], orders=1, state=state(longest * 1.01))
    assert note.startswith("stations[0] begins with 1 order whose work has gone on for up to")
    assert said([station], orders=1, state=state(longest)) == []


@pytest.mark.parametrize(
    "distribution", [distributions.Exponential(100), distributions.Lognormal(100, 40), distributions.Gamma(100, 40)]
)
def test_some_work_can_go_on_for_ever(distribution):
    assert not notes.can_not_last(distribution, 10_000)


@pytest.mark.parametrize(
    "distribution",
    [
        distributions.Fixed(100),
        distributions.Exponential(100),
        distributions.Lognormal(100, 60),
        distributions.Uniform(100, 40),
        distributions.Gamma(100, 35),
        distributions.Hyperexponential((0.7, 0.3), (40, 240)),
        distributions.Empirical((60, 90, 90, 130, 130)),
    ],
    ids=lambda distribution: type(distribution).__name__,
)
def test_the_variance_is_that_of_the_draws(distribution):
    draws = distribution.many(np.random.default_rng(3), (400_000,))
    assert draws.var() == pytest.approx(distribution.variance, rel=0.03)
