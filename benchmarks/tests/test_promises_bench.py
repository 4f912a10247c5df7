"""Promises on simulated days: a short version of benchmarks/promises with the same bars.

The seeds are fixed, so it passes or fails for good; the tolerances are for the fewer orders.
"""

from itertools import pairwise

import numpy as np
import pytest

from benchmarks import promises
from benchmarks.promises import (
    AT_THE_DOOR,
    BOTH_WAYS,
    DRIFT,
    EACH_THIRD,
    OVERALL,
    PICK_UP,
    RULES,
    SETTLING,
    TO_COLLECT,
    WITH_DRIVERS,
)


@pytest.mark.parametrize("shop", [WITH_DRIVERS, PICK_UP, BOTH_WAYS], ids=lambda shop: shop.name)
def test_promises_are_kept_as_often_as_they_say(shop):
    result = promises.measure(shop, held_out=600, drift_orders=0, learning_days=4)
    ours = result.scores["ours"]
    assert OVERALL[0] - 1 <= ours.percent <= OVERALL[1] + 1
    assert all(EACH_THIRD[0] - 1 <= third <= EACH_THIRD[1] + 1 for third in ours.thirds())
    assert ours.width_minutes <= shop.widest_minutes
    for name in RULES:  # each is wider, or fails
        other = result.scores[name]
        assert other.width_minutes > ours.width_minutes or other.percent < OVERALL[0]


def test_each_way_is_kept_as_often_as_it_says():
    result = promises.measure(BOTH_WAYS, held_out=600, drift_orders=0, learning_days=4)
    ways = result.scores["ours"].by_way()
    assert sorted(ways) == [AT_THE_DOOR, TO_COLLECT]
    assert all(EACH_THIRD[0] - 1 <= way.percent <= EACH_THIRD[1] + 1 for way in ways.values())
    assert ways[TO_COLLECT].width_minutes < ways[AT_THE_DOOR].width_minutes / 4


def test_after_a_drift_the_coverage_comes_back():
    result = promises.measure(PICK_UP, held_out=500, drift_orders=1000, learning_days=2)
    assert result.drifted["ours, uncorrected"].percent < 60
    assert result.drifted["ours"].after(SETTLING).percent > 87


def test_what_is_known_at_a_moment_is_what_has_happened_by_then():
    day = promises.live_day(BOTH_WAYS, 1, 0)
    order = len(day.pizzas) // 2
    state = promises.state_at(BOTH_WAYS, day, order, "day")
    now = day.arrivals[order]
    inside = [other for other in range(order) if day.fulfilled[other] > now]
    assert len(state.orders) - 1 == len(inside)
    standing = [place for one in state.orders[:-1] for place in (one.items or [one])]
    assert all(place.elapsed_seconds is None or place.elapsed_seconds >= 0 for place in standing)
    assert any(one.items for one in state.orders[:-1]) and not all(one.items for one in state.orders)


def test_a_newcomer_is_behind_all_who_wait():
    day, lines = promises.live_day(BOTH_WAYS, 1, 0), 0
    for order in range(day.arrivals.size):
        *others, newcomer = promises.state_at(BOTH_WAYS, day, order, "day").orders
        assert [(item.station, item.elapsed_seconds) for item in newcomer.items] == [(0, None)] * newcomer.pizzas
        waiting = [item for one in others for item in one.items if item.elapsed_seconds is None and not item.is_done]
        assert all(item.turn < newcomer.items[0].turn for item in waiting)
        lines += bool(waiting)
    assert lines > 10


def test_the_true_kitchen_serves_who_comes_first():
    came, services = np.array([0.0, 1.0, 1.0, 2.0, 50.0]), np.array([10.0, 10.0, 1.0, 1.0, 1.0])
    assert promises.first_come(came, services, 1).tolist() == [0, 10, 20, 21, 50]
    assert promises.first_come(came, services, 2).tolist() == [0, 1, 10, 11, 50]


def test_pizzas_go_on_together_and_who_collects_passes_the_drivers_by():
    day = promises.live_day(BOTH_WAYS, 1, 0)
    out_of_the_oven = [day.ends[1][first:last].max() for first, last in pairwise(day.firsts)]
    assert day.joined.tolist() == out_of_the_oven
    for way, start, end, ready in zip(day.ways, day.starts[3], day.ends[3], day.ends[2], strict=True):
        assert (start == end == ready) if way == TO_COLLECT else start < end


def test_a_slower_day_is_the_same_day_only_slower():
    plain, slow = (promises.live_day(PICK_UP, 1, 0, slower) for slower in (1.0, DRIFT))
    assert list(plain.arrivals) == list(slow.arrivals)
    first = slow.ends[0][0] - slow.starts[0][0]
    assert first == pytest.approx(DRIFT * (plain.ends[0][0] - plain.starts[0][0]))
