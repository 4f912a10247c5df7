"""Ratios over replications, their differences, and how often their intervals hold."""

import math

import numpy as np
import pytest

from simulation.confidence import Estimate, difference, half_width, ratio, student


def test_half_widths_cover_the_truth_as_often_as_they_say():
    random = np.random.default_rng(5)
    hits = 0
    for _ in range(400):
        below = random.poisson(20, 30).astype(float)
        above = below * 3 + random.normal(0, 8, 30)
        estimate = ratio(above, below)
        hits += abs(estimate.value - 3) <= estimate.half_width
    assert abs(hits / 400 - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 400)


def test_a_ratio_weighs_orders_not_replications():
    assert ratio(np.array([10.0, 90.0]), np.array([1.0, 3.0])).value == 25
    assert ratio(np.array([10.0, 0.0]), np.array([1.0, 0.0])).value == 10


def test_students_t():
    for freedom, exact in ((20, 2.085963), (99, 1.984217), (1999, 1.961152)):
        assert student(freedom) == pytest.approx(exact, abs=2e-5)


def test_a_difference_of_the_same_is_sure_and_none_of_nothing():
    ones = np.ones(50)
    assert difference(ones, ones, ones, ones) == Estimate(0, 0)
    assert not ratio(ones * 0, ones * 0).is_known
    assert not difference(ones, ones, ones, ones * 0).is_known
    assert ratio(ones * 0, ones * 0).as_dict() == {"value": None, "half_width": None}


def test_one_group_has_a_value_and_no_interval():
    one = ratio(np.array([6.0]), np.array([2.0]))
    assert one.value == 3 and math.isnan(one.half_width) and not one.is_sure
    assert math.isnan(half_width(np.array([3.0])))
