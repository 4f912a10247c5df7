"""Work that goes on for longer than its distribution allows: it is not done now, and what is left widens."""

from itertools import pairwise

import numpy as np
import pytest

from simulation.lookahead import ItemStanding, ServiceTime, Standing, State, Workplace, look_ahead, mean_remaining
from simulation.works import overdue
from simulation.works.service import residual

HOUR = 3600.0
OVEN = ServiceTime("fixed", 450, 0.0, per_pizza=False)
BOUNDED = {
    "fixed": OVEN,
    "uniform": ServiceTime("uniform", 450, 100, per_pizza=False),
    "uniform, its ends": ServiceTime("uniform", 450, 0, False, (("low", 300), ("high", 600))),
    "triangular": ServiceTime("triangular", 450, 0, False, (("low", 300), ("mode", 450), ("high", 600))),
    "pert": ServiceTime("pert", 450, 0, False, (("low", 300), ("mode", 450), ("high", 600))),
    "discrete": ServiceTime("discrete", 450, 0, False, (("values", (300, 600)), ("p", (0.5, 0.5)))),
    "empirical": ServiceTime("empirical", 450, 0, False, (("values", (300, 450, 600)),)),
    "pizzas of one order": ServiceTime("uniform", 450, 100, per_pizza=True),
}
LIGHT = {
    "lognormal": ServiceTime("lognormal", 40, 12, per_pizza=False),
    "gamma": ServiceTime("gamma", 40, 12, per_pizza=False),
    "weibull": ServiceTime("weibull", 40, 12, per_pizza=False),
    "truncated normal": ServiceTime("truncated_normal", 40, 12, per_pizza=False),
    "pizzas that share": ServiceTime("lognormal", 40, 12, per_pizza=True, shared=8.0),
}
ALL = BOUNDED | LIGHT


def oven_with(*elapsed, waiting=0, capacity=1):
    orders = [Standing(str(number), 0, seconds, 1) for number, seconds in enumerate((*elapsed, *[None] * waiting))]
    return look_ahead(State((Workplace("oven", capacity, True, OVEN),), tuple(orders), 1.0, True))


def test_a_pizza_an_hour_over_is_not_done_now_nor_are_those_behind_it():
    stuck, behind, last = oven_with(450 + HOUR, waiting=2)
    assert 0 < stuck[0] < 600 < stuck[1] < HOUR < stuck[2] < 5 * HOUR
    assert behind == pytest.approx([end + 450 for end in stuck])
    assert last == pytest.approx([end + 900 for end in stuck])


def test_five_seconds_over_is_a_matter_of_seconds():
    low, middle, high = oven_with(455.0)[0]
    assert 0 < low < middle < 6 < high < 60


def test_until_its_time_is_over_nothing_changes():
    assert oven_with(449.0, waiting=1) == [(1.0, 1.0, 1.0), (451.0, 451.0, 451.0)]


def test_an_item_that_is_stuck_holds_its_order_and_the_place():
    stations = (
        Workplace("oven", 1, True, OVEN, "item"),
        Workplace("bench", 1, True, ServiceTime("fixed", 10, 0, False)),
    )
    first = Standing("a", 0, None, 2, None, (ItemStanding(0, 450 + HOUR), ItemStanding(0, None, is_done=True)))
    second = Standing("b", 0, None, 1, None, (ItemStanding(0, None, turn=1),))
    stuck, behind = look_ahead(State(stations, (first, second), 1.0, True))
    assert stuck[0] > 10 and stuck[1] > 600 and stuck[2] > HOUR
    assert behind == pytest.approx([end + 450 for end in stuck])


def test_what_is_stuck_on_a_belt_is_not_out_now():
    belt = Workplace("belt", 1, True, ServiceTime("fixed", 400, 0, False), "item", headway_seconds=60)

    def middle(seconds):
        order = Standing("a", 0, None, 1, None, (ItemStanding(0, seconds),))
        return look_ahead(State((belt,), (order,), 1.0, True))[0][1]

    assert middle(390.0) == 10
    assert 0 < middle(402.0) < 10
    assert middle(400 + HOUR) > 600


@pytest.mark.parametrize("name", ALL)
def test_what_is_left_widens_and_is_always_a_number(name):
    service = ALL[name]
    pieces = 3 if service.per_pizza else 1
    seconds = [2_000 + pieces * service.mean + 4.0**power for power in range(4, 14)]
    left = [residual("key", elapsed, pieces, service) for elapsed in seconds]
    assert all(np.isfinite(row).all() and (row > 0).all() for row in left)
    assert all((later >= earlier).all() and later.mean() > earlier.mean() for earlier, later in pairwise(left))
    means = [mean_remaining(service, 3, elapsed) for elapsed in seconds]
    assert all(0 < earlier < later < np.inf for earlier, later in pairwise(means))


@pytest.mark.parametrize("name", BOUNDED)
def test_it_begins_small(name):
    service = BOUNDED[name]
    pieces = 3 if service.per_pizza else 1
    end = {"uniform": 450 + 3**0.5 * 100, "fixed": 450}.get(name, 600)
    if pieces == 1:
        left = residual("key", end + 2, 1, service)
        assert 0 < left.min() < np.median(left) < 10 and np.quantile(left, 0.95) < 60
        assert 0 < mean_remaining(service, 1, end + 2) < 20


def test_with_what_was_measured_it_is_as_late_as_such_works_were():
    """They were 55 to 65 s late: 50 s over, nearly all of it is over."""
    lateness = tuple(np.linspace(55, 65, 21).tolist())
    service = ServiceTime("fixed", 450, 0.0, per_pizza=False, lateness=lateness)
    left = residual("key", 500, 1, service)
    assert left.min() >= 5 and left.max() <= 15
    assert mean_remaining(service, 1, 500) == pytest.approx(10)
    beyond = [residual("key", 450 + over, 1, service) for over in (66, 100, 1000)]
    assert all((later > earlier).all() for earlier, later in pairwise(beyond))
    assert beyond[0].mean() < 20 < 500 < beyond[2].mean()


def test_a_few_late_works_tell_nothing():
    few = (1.0,) * (overdue.FEWEST - 1)
    assert (overdue.left_of(np.array([0.5]), 60, few) == overdue.left_of(np.array([0.5]), 60)).all()
    assert overdue.mean_left(60, few) == overdue.mean_left(60) == 61


def test_lateness_is_what_exceeds_the_longest_time():
    assert overdue.lateness_of([(500, 450), (450, 450), (470, 450), (20, 450)]) == (20, 50)
    many = overdue.lateness_of([(450 + late, 450) for late in range(1, 1001)])
    assert len(many) == overdue.MOST and many[0] == 1 and many[-1] == 1000 and sorted(many) == [*many]
