"""The warm-up that is found: MSER-5 by hand, and kitchens that begin empty or full."""

import numpy as np
import pytest

from simulation import warmup
from simulation.simulator import SpecError, merge, read_spec, replicate, simulate

MM1 = {"name": "a", "places": 1, "service": {"law": "exponential", "mean": 90}}
SPEC = {"stations": [MM1], "arrivals": {"law": "poisson", "per_hour": 36}, "warmup": "auto"}
EXACT_SECONDS = 90 / (1 - 0.9)
FULL = [{"station": 0, "waiting": True}] * 150


def ask(**more):
    return simulate(read_spec({**SPEC, **more})).as_dict()


def test_a_beginning_that_differs_is_left_out():
    rest = [10, 12, 11, 10, 12, 11, 10, 12]
    assert warmup.mser(np.array([0, 3.0, *rest])) == 2
    assert warmup.mser(np.array([90, 60, 30.0, *rest])) == 3
    assert warmup.mser(np.array(rest, dtype=float)) == 0


def test_it_is_the_smallest_standard_error():
    """Apply the definition literally, one number of batches after the other."""
    means = np.random.default_rng(2).normal(10, 1, 60) + 20 * np.exp(-np.arange(60) / 6)
    errors = [means[left:].var() / (60 - left) for left in range(31)]
    assert warmup.mser(means) == int(np.argmin(errors)) > 5


def test_at_most_half_is_left_out():
    assert warmup.mser(np.arange(100, 0, -1.0)) == 50


@pytest.mark.parametrize(
    "run",
    [
        {"orders": 40_000, "state": FULL},
        {"orders": 4000, "replications": 60, "state": FULL},
        {"orders": 4000, "replications": 60},
        {"orders": None, "close_hours": 110, "replications": 60, "state": FULL},
    ],
    ids=["one full", "many full", "many empty", "until closing"],
)
def test_the_mean_is_that_of_the_long_run(run):
    found = ask(**run)
    mean = found["time_in_system"]["mean"]
    assert mean["value"] == pytest.approx(EXACT_SECONDS, abs=1.5 * mean["half_width"])
    assert found["warmup"]["share"] > 0
    if run.get("state"):
        plain = ask(**run, warmup=0.0)["time_in_system"]["mean"]
        assert plain["value"] > mean["value"] + mean["half_width"]


def test_it_is_the_run_with_that_warm_up():
    found = ask(orders=3000, replications=7)
    share = found["warmup"]["share"]
    assert found["warmup"]["orders"] == int(3000 * share) > 0
    assert ask(orders=3000, replications=7, warmup=share) == found


def test_shared_out_it_is_the_same():
    spec = read_spec({**SPEC, "orders": 500, "replications": 70})
    parts = [replicate(spec, first, count) for first, count in ((30, 40), (0, 30))]
    assert merge(spec, parts).as_dict() == simulate(spec).as_dict()


def test_a_short_run_has_none():
    assert ask(orders=40, replications=3)["warmup"] == {"share": 0, "orders": 0}


def test_the_warm_up_of_a_long_run_is_found_from_its_beginning(monkeypatch):
    monkeypatch.setattr(warmup, "MOST_ORDERS", 2000)
    spec = read_spec({**SPEC, "orders": 50_000, "state": FULL})
    assert 0.002 < warmup.settled(spec).warmup <= 0.02


def test_a_day_with_a_peak_has_no_steady_state():
    steps = {"law": "steps", "per_hour": [10, 30], "hours": [0, 1, 2]}
    with pytest.raises(SpecError) as wrong:
        read_spec({**SPEC, "arrivals": steps})
    assert wrong.value.field == "warmup" and str(wrong.value).startswith("warmup can be ")
    for value in ("often", True, [0.1]):
        with pytest.raises(SpecError):
            read_spec({**SPEC, "orders": 10, "warmup": value})
