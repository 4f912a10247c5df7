"""Pizzas of one order share what makes it hard: n of them have the variance n·own² + n²·shared²."""

from dataclasses import replace
from math import sqrt

import numpy as np
import pytest

from simulation.lookahead import ItemStanding, ServiceTime, Standing, Workplace, paths
from simulation.works.service import (
    PATHS,
    chances,
    item_times_of,
    mean_remaining,
    quantiles,
    residual,
    service_times_of,
    shared_scores,
    sums,
)

OWN, SHARED = 30.0, 25.0
PIZZAS = ServiceTime("lognormal", 100, sqrt(OWN**2 + SHARED**2), per_pizza=True, shared=SHARED)
ALONE = replace(PIZZAS, shared=0.0)
ORDERS = 300


@pytest.mark.parametrize("distribution", ["lognormal", "gamma", "truncated_normal", "uniform"])
@pytest.mark.parametrize("number", [1, 2, 5])
def test_the_work_on_an_order_has_its_variance(distribution, number):
    service = replace(PIZZAS, distribution=distribution)
    works = sums(service, np.random.default_rng(1), number, 40_000)
    assert works.mean() == pytest.approx(number * 100, rel=0.01)
    assert works.std() == pytest.approx(sqrt(number * OWN**2 + number**2 * SHARED**2), rel=0.03)


def test_items_of_an_order_are_alike_and_those_of_others_are_not():
    times = np.array([[item_times_of(f"{n} item {i}", (PIZZAS,), str(n))[0] for i in range(3)] for n in range(ORDERS)])
    assert times.mean() == pytest.approx(100, rel=0.02)
    assert times.std() == pytest.approx(PIZZAS.spread, rel=0.03)
    assert times.sum(axis=1).std() == pytest.approx(sqrt(3 * OWN**2 + 9 * SHARED**2), rel=0.03)
    assert (times[0] + times[1]).std() == pytest.approx(sqrt(2) * PIZZAS.spread, rel=0.1)


def test_an_item_under_way_stays_as_slow_as_its_siblings():
    """Both begin together, and one has gone on for a moment: what they have in common has not changed."""
    station = Workplace("make", 9, True, replace(PIZZAS, per_pizza=False), "item")
    standing = [ItemStanding(0, 1e-9), ItemStanding(0, None)]
    first, both = [], []
    for number in range(ORDERS):
        first.append(paths((station,), [Standing(str(number), 0, None, 2, None, (standing[0],))])[:, 0])
        both.append(paths((station,), [Standing(str(number), 0, None, 2, None, tuple(standing))])[:, 0])
    unlike = paths(
        (replace(station, service=replace(ALONE, per_pizza=False)),),
        [Standing("0", 0, None, 2, None, tuple(standing))],
    )
    assert np.mean(first) == pytest.approx(100, rel=0.02)
    assert np.mean(both) < unlike.mean()  # of two that are alike the slower one is less slow


def test_orders_keep_their_draws():
    assert (service_times_of("a", 3, (PIZZAS,)) == service_times_of("a", 3, (PIZZAS,))).all()
    before = item_times_of("a item 0", (PIZZAS,), "a").copy()
    for kept in (item_times_of, shared_scores):
        kept.cache_clear()
    assert (item_times_of("a item 0", (PIZZAS,), "a") == before).all()


def test_what_is_left_of_an_order_widens_with_what_its_pizzas_share():
    for elapsed in (0.0, 300.0, 600.0, 1500.0):
        alike, alone = (residual("key", elapsed, 5, service) for service in (PIZZAS, ALONE))
        assert alike.std() > alone.std() or elapsed > 1000
        assert (alike >= 0).all()
        assert 0 < mean_remaining(PIZZAS, 5, elapsed) < 600


def test_without_a_shared_part_every_draw_is_as_it_was():
    """As before there was one: the draws are those of the distribution, one after the other."""
    random = chances("a", "work")
    drawn = ALONE.drawn
    assert (
        service_times_of("a", 3, (ALONE, ALONE)) == [drawn.many(random, (3, PATHS)).sum(axis=0) for _ in "ab"]
    ).all()
    random = chances("a item 0", "work")
    assert (item_times_of("a item 0", (ALONE, ALONE)) == [drawn.many(random, (PATHS,)) for _ in "ab"]).all()
    sorted_sums = np.sort(drawn.many(chances("quantiles"), (3, 20_000)).sum(axis=0))
    assert (quantiles(ALONE, 3) == sorted_sums).all()
    ranks = (20_000 - (under := int((sorted_sums <= 250).sum()))) * chances("key", "work under way").random(PATHS)
    assert (residual("key", 250.0, 3, ALONE) == sorted_sums[(under + ranks).astype(int)] - 250).all()


def test_one_pizza_has_the_same_times_whatever_it_would_share():
    assert (service_times_of("a", 1, (PIZZAS,)) == service_times_of("a", 1, (ALONE,))).all()
    assert (quantiles(PIZZAS, 1) == quantiles(ALONE, 1)).all()
