"""What is expected of work, prepared for frames, is what the distribution says."""

import pytest

from kitchen.outlook import Expected
from simulation.works.service import ServiceTime, mean_remaining


@pytest.mark.parametrize("code", ["fixed", "lognormal", "exponential", "uniform"])
@pytest.mark.parametrize("pizzas", [1, 3])
def test_prepared_it_is_the_same_at_any_time(code, pizzas):
    service = ServiceTime(code, 120, 0 if code == "fixed" else 20, True, lateness=(4, 40))
    expected = Expected(station=None, service=service)
    for elapsed_seconds in (0, 1e-6, 1, 60, 119, 120, 121, 200, 360, 1_000):
        left_seconds = expected.left_seconds(pizzas, elapsed_seconds)
        assert left_seconds == mean_remaining(service, pizzas, elapsed_seconds), elapsed_seconds
