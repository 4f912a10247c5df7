"""The duration of a run, and runs with a time limit, with a clock that advances by a step at each reading."""

import json

import pytest

from simulation import pace
from simulation.pace import OutOfTime, expected_seconds, in_words, run, trial_of
from simulation.simulator import read_spec, simulate

STATIONS = [
    {"name": "a", "places": 2, "service": {"law": "exponential", "mean": 90}},
    {"name": "b", "places": 1, "service": {"law": "fixed", "mean": 30}},
]


def spec(**more):
    return read_spec({"stations": STATIONS, "arrivals": {"law": "poisson", "per_hour": 40}, **more})


class Clock:
    def __init__(self, step=1.0):
        self.now, self.step = 0.0, step

    def __call__(self):
        self.now += self.step
        return self.now


@pytest.fixture
def trials(monkeypatch):
    """Run a trial for small specs, too."""
    monkeypatch.setattr(pace, "QUICK_VISITS", 0)


def without_notes(result):
    answer = result.as_dict()
    notes = answer.pop("notes")
    return answer, notes


def test_without_a_limit_it_is_the_whole_run_and_tells_how_far_it_is():
    told = []
    for asked in (spec(orders=30, replications=1200), spec(orders=30_000)):
        assert run(asked, tell=told.append).as_dict() == simulate(asked).as_dict()
        assert len(told) > 2 and told == sorted(told) and told[-1] == pytest.approx(1)
        told.clear()


def test_with_time_enough_it_is_the_whole_run(trials):
    for asked in (spec(orders=30, replications=70), spec(orders=9000), spec(orders=4000, replications=3, warmup=0.1)):
        assert run(asked, seconds=1e6, clock=Clock()).as_dict() == simulate(asked).as_dict()


def test_it_answers_with_the_replications_that_were_done(trials):
    result = run(spec(orders=30, replications=30_000), seconds=20, clock=Clock())
    answer, notes = without_notes(result)
    assert 2 <= answer["replications"] < 30_000
    assert notes[-1] == (
        f"Stopped after 20 seconds, as requested: {answer['replications']:,} of 30,000 replications were done."
    )
    assert answer == without_notes(simulate(spec(orders=30, replications=answer["replications"])))[0]
    json.dumps(result.as_dict(), allow_nan=False)


@pytest.mark.parametrize("replications", [1, 5])
def test_it_answers_with_fewer_orders(trials, replications):
    """The clock is checked after each chunk."""
    asked = spec(orders=4_000_000 // replications, replications=replications)
    result = run(asked, seconds=60, clock=Clock(0.25 if replications == 1 else 1.0))
    answer, notes = without_notes(result)
    assert 0 < answer["orders"] < asked.orders
    assert notes[-1] == (
        f"Stopped after 60 seconds, as requested: each replication has {answer['orders']:,} orders,"
        f" not {asked.orders:,}."
    )
    same = spec(orders=answer["orders"], replications=replications)
    assert answer == without_notes(simulate(same))[0]


def test_nothing_is_done_in_no_time(trials):
    for asked in (spec(orders=5000), spec(orders=30, replications=40), spec(close_hours=90)):
        with pytest.raises(OutOfTime, match=r"^Stopped after 1 seconds, as requested: nothing was done by then"):
            run(asked, seconds=1, clock=Clock())


def test_a_trial_is_small_and_its_pace_that_of_the_run():
    for asked in (
        spec(orders=100_000_000),
        spec(orders=100_000, replications=1000),
        spec(orders=30, replications=1_000_000),
        spec(close_hours=8000, replications=20),
        spec(close_hours=2, replications=1_000_000),
    ):
        assert pace.visits(trial_of(asked)) < 1_000_000 < pace.visits(asked)
    assert expected_seconds(spec(orders=10), Clock()) == 0
    asked = spec(orders=2_000_000)
    assert expected_seconds(asked, Clock()) == pytest.approx(pace.visits(asked) / pace.visits(trial_of(asked)))


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "about 1 second"),
        (80, "about 80 seconds"),
        (600, "about 10 minutes"),
        (5000, "about 83 minutes"),
        (11_000, "about 3 hours"),
        (400_000, "about 5 days"),
    ],
)
def test_times_in_words(seconds, words):
    assert in_words(seconds) == words
