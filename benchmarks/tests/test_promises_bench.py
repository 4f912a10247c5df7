"""Promises on simulated days: a short version of benchmarks/promises with the same bars.

The seeds are fixed, so it passes or fails for good; the tolerances are for the fewer orders.
"""

from dataclasses import replace

import pytest

from benchmarks import promises
from benchmarks.promises import DRIFT, EACH_THIRD, OVERALL, PICK_UP, RULES, SETTLING, WITH_DRIVERS


@pytest.mark.parametrize("shop", [WITH_DRIVERS, PICK_UP], ids=lambda shop: shop.name)
def test_promises_are_kept_as_often_as_they_say(shop):
    result = promises.measure(shop, held_out=600, drift_orders=0, learning_days=4)
    ours = result.scores["ours"]
    assert OVERALL[0] - 1 <= ours.percent <= OVERALL[1] + 1
    assert all(EACH_THIRD[0] - 1 <= third <= EACH_THIRD[1] + 1 for third in ours.thirds())
    assert ours.width_minutes <= shop.widest_minutes
    for name in RULES:  # each is wider, or fails
        other = result.scores[name]
        assert other.width_minutes > ours.width_minutes or other.percent < OVERALL[0]


def test_after_a_drift_the_coverage_comes_back():
    result = promises.measure(PICK_UP, held_out=500, drift_orders=1000, learning_days=2)
    assert result.drifted["ours, uncorrected"].percent < 60
    assert result.drifted["ours"].after(SETTLING).percent > 87


def test_what_is_known_at_a_moment_is_what_has_happened_by_then():
    day = promises.live_day(WITH_DRIVERS, 1, 0)
    order = len(day.pizzas) // 2
    state = promises.state_at(WITH_DRIVERS, day, order, "day")
    now = day.arrivals[order]
    inside = [other for other in range(order) if day.ends[-1][other] > now]
    assert len(state.orders) - 1 == len(inside)
    for standing in state.orders[:-1]:
        assert standing.elapsed_seconds is None or standing.elapsed_seconds >= 0
    assert state.orders[-1].station == 0 and state.orders[-1].elapsed_seconds is None


def test_a_slower_day_is_the_same_day_only_slower():
    plain, slow = (promises.live_day(replace(PICK_UP), 1, 0, slower) for slower in (1.0, DRIFT))
    assert list(plain.arrivals) == list(slow.arrivals)
    first = slow.ends[0][0] - slow.starts[0][0]
    assert first == pytest.approx(DRIFT * (plain.ends[0][0] - plain.starts[0][0]))
