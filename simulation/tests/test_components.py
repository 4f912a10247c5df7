"""What the pizzas of an order have in common, measured from drawn works, and the distributions fitted to them."""

from math import sqrt

import numpy as np
import pytest

from simulation.works import components
from simulation.works.fitting import (
    LEAST_SAMPLES,
    MOST_SAMPLES,
    Sample,
    change_noticed,
    fit_distribution,
    newest_alike,
)
from simulation.works.service import ServiceTime, sums

SIZES, CHANCES = (1, 2, 3, 4, 5), (0.38, 0.29, 0.15, 0.15, 0.03)


def drawn(own, shared, orders=20_000, seed=1):
    """Draw the seconds of each pizza, by order."""
    random = np.random.default_rng(seed)
    sizes = random.choice(SIZES, size=orders, p=CHANCES)
    return [100 + shared * random.standard_normal() + own * random.standard_normal(size) for size in sizes]


PARTS = [(30, 20), (30, 0), (0, 20), (20, 40)]


@pytest.mark.parametrize(("own", "shared"), PARTS)
def test_both_parts_are_found_from_single_pizzas(own, shared):
    found = components.of_items([group.tolist() for group in drawn(own, shared)])
    assert found.mean == pytest.approx(100, rel=0.02)
    assert (found.own, found.shared) == pytest.approx((own, shared), abs=3.5)
    assert found.spread == pytest.approx(sqrt(own**2 + shared**2), rel=0.05)


@pytest.mark.parametrize(("own", "shared"), [(30, 20), (30, 0), (5, 20), (30, 30)])
def test_both_parts_are_found_from_whole_orders(own, shared):
    found = components.of_orders([(len(group), group.sum()) for group in drawn(own, shared)])
    assert found.mean == pytest.approx(100, rel=0.02)
    assert (found.own, found.shared) == pytest.approx((own, shared), abs=8)


def test_no_part_is_below_zero_however_few_there_are():
    for seed in range(200):
        groups = drawn(30, 0, orders=6, seed=seed)
        for found in (
            components.of_items([group.tolist() for group in groups]),
            components.of_orders([(len(group), group.sum()) for group in groups]),
        ):
            assert found.own >= 0 and found.shared >= 0 and np.isfinite(found).all()


def test_where_nothing_can_tell_them_apart_all_is_own():
    assert components.of_items([[90.0], [110.0]]) == (100, 10, 0)
    assert components.of_items([[90.0, 110.0]]) == (100, 10, 0)
    assert components.of_orders([(2, 180.0), (2, 220.0)]) == pytest.approx((100, sqrt(200), 0))
    assert components.of_items([]) == components.of_orders([]) == (0, 0, 0)
    assert components.of_items([[5.0]]) == components.of_orders([(1, 5.0)]) == (5, 0, 0)


@pytest.mark.parametrize("distribution", ["lognormal", "gamma"])
@pytest.mark.parametrize("shared", [0.0, 30.0])
def test_works_on_orders_are_fitted_with_what_they_share(distribution, shared):
    random, service = np.random.default_rng(2), ServiceTime(distribution, 100, 50, per_pizza=True, shared=shared)
    sizes = random.choice(SIZES, size=4000, p=CHANCES).tolist()
    samples = [Sample(size, float(sums(service, random, size, 1)[0])) for size in sizes]
    fit = fit_distribution(samples, per_pizza=True)
    assert fit.mean_seconds == pytest.approx(100, rel=0.03)
    assert fit.spread_seconds == pytest.approx(50, rel=0.07)
    assert fit.shared_seconds == pytest.approx(shared, abs=12)
    assert fit.service_time(per_pizza=True) == ServiceTime(*fit[:3], True, (), fit.shared_seconds)


@pytest.mark.parametrize("distribution", ["lognormal", "gamma"])
def test_works_on_pizzas_are_fitted_by_order(distribution):
    random, service = np.random.default_rng(3), ServiceTime(distribution, 100, 40, per_pizza=False)
    times = service.drawn.many(random, (4000,)).tolist()
    alone = [Sample(1, seconds) for seconds in times]
    code, *moments = fit_distribution(alone, per_pizza=False)
    assert code == distribution and moments == pytest.approx([100, 40, 0], rel=0.05)
    pairs = [Sample(1, seconds, place) for place, seconds in enumerate(times) for _ in range(2)]
    fit = fit_distribution(pairs, per_pizza=False)
    assert fit.shared_seconds == pytest.approx(fit.spread_seconds, rel=0.01)


def test_too_few_works_tell_nothing_and_a_timer_is_fixed():
    works = [Sample(1, 450 + place / 100, place // 2) for place in range(LEAST_SAMPLES)]
    assert fit_distribution(works[1:], per_pizza=False) is None
    assert fit_distribution(works, per_pizza=False) == ("fixed", pytest.approx(450.245), 0, 0)
    assert fit_distribution([Sample(1, 0.0)] * LEAST_SAMPLES, per_pizza=False) is None


def works_by_hand(means, seed=1):
    """Draw lognormal works of these means, the oldest first."""
    random = np.random.default_rng(seed)
    return [Sample(1, float(ServiceTime("lognormal", m, 0.4 * m, False).drawn.many(random, (1,))[0])) for m in means]


def test_all_works_count_while_the_kitchen_stays_as_it_is():
    counted = [len(newest_alike(works_by_hand([100] * 700, seed), per_pizza=False)) for seed in range(40)]
    assert sorted(counted)[2:] == [MOST_SAMPLES] * 38  # with one or two of them chance could look like a change


def test_after_a_change_only_the_works_since_count():
    counted = [
        len(newest_alike(works_by_hand([100] * 500 + [130] * 100, seed), per_pizza=False)) for seed in range(40)
    ]
    assert sorted(counted)[1:] == [100] * 39
    oven = [Sample(1, 450.0)] * 400 + [Sample(1, 520.0)] * 70
    assert newest_alike(oven, per_pizza=False) == oven[-70:]
    assert fit_distribution(oven[-70:], per_pizza=False) == ("fixed", 520, 0, 0)


def test_a_change_is_noticed_once():
    """By the moment when the first work since then began, and only where the mean moves by more than chance."""
    oven = [Sample(1, 450.0 if place < 400 else 520.0, began=10 * place) for place in range(500)]
    alike = newest_alike(oven, per_pizza=False)
    assert change_noticed(oven, alike, 452, 520) == 4000
    assert change_noticed(oven, alike, 518, 520) is None  # it was noticed before
    assert change_noticed(oven, alike, None, 520) is None  # promises did not use what was measured
    assert change_noticed(oven[:400], oven[:400], 430, 450) is None  # all works are alike


def test_a_clock_that_jitters_is_no_change():
    works = [Sample(1, 450 + number % 3 / 2 + number / 1000) for number in range(500)]
    assert newest_alike(works, per_pizza=False) == works


def test_the_pizzas_of_an_order_prove_as_little_as_one():
    """Five pizzas of a hard order are no proof that all have become harder."""
    calm, seconds = works_by_hand([100] * 300), [75.0 + 95 * (place // 5 % 2) for place in range(60)]
    of_orders = [Sample(1, each, place // 5) for place, each in enumerate(seconds)]
    assert newest_alike(calm + of_orders, per_pizza=False) == calm + of_orders
    alone = [Sample(1, each) for each in seconds]
    assert len(newest_alike(calm + alone, per_pizza=False)) <= 70


def test_a_few_works_are_all_that_is_known():
    works = works_by_hand([100] * 60)
    assert newest_alike(works, per_pizza=False) == works
    assert fit_distribution(works[:49], per_pizza=False) is None
