"""The event loop beside the planner: a short version of benchmarks/advice. The seeds are fixed."""

import math

import pytest

from benchmarks import advice
from benchmarks.advice import AS_IT_OPENS, MOST_MINUTES, Row
from simulation.confidence import Estimate

# Of 30,000 days: the mean, and what one more place at the make line, one and two at the oven and one driver save; of
# 2,000, what is saved where half of the orders are collected
KNOWN = (36.6, 0.56, 1.84, 2.26, 0.41, 10.5)


@pytest.fixture(scope="module")
def events():
    return advice.by_events(days=80)


def test_the_event_loop_gives_the_known_figures(events):
    for found, known in zip(events, KNOWN, strict=True):
        assert abs(found.value - known) < 2 * found.half_width
        assert found.half_width < 0.7


def test_all_scenarios_have_the_same_days():
    day = advice.draw_day(1, 0)
    assert day == advice.draw_day(1, 0) != advice.draw_day(1, 1)
    minutes = advice.total_minutes(day, AS_IT_OPENS)
    assert minutes > advice.total_minutes(day, {**AS_IT_OPENS, "oven": 8})
    assert minutes > advice.total_minutes(day, {**AS_IT_OPENS, "carry_out": 0.5})


@pytest.mark.django_db
def test_the_planner_gives_the_figures_of_the_event_loop(events):
    planner = advice.by_planner("--most", "200", "--half-width", "0.001")
    for row in advice.rows(events, planner):
        assert abs(row.apart) < 2 * math.hypot(row.events.half_width, row.planner.half_width), row.name
        assert row.planner.half_width < 0.5


@pytest.mark.parametrize(
    ("apart", "half_width", "is_same"), [(0.1, 0.1, True), (0.1, 0.05, False), (MOST_MINUTES * 1.1, 5.0, False)]
)
def test_figures_are_the_same_within_both_intervals_and_a_limit(apart, half_width, is_same):
    assert Row("", Estimate(30.0, half_width), Estimate(30.0 + apart, half_width)).is_same == is_same
