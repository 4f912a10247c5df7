"""Simulated customers: when they arrive and what they order."""

from collections import Counter
from itertools import pairwise
from random import Random

import pytest

from kitchen import demand


@pytest.mark.parametrize("profile", demand.PROFILES)
def test_the_arrivals_have_the_rate_that_was_asked_for(profile):
    coming = demand.customers([1, 2, 3], 1000, 600, profile, "seed")
    moments = [customer.at_seconds for customer in coming]
    assert len(coming) == pytest.approx(10_000, abs=400)  # four standard deviations
    assert moments == sorted(moments)
    assert moments[0] > 0 and moments[-1] < 600 * 60


def test_a_profile_has_the_shape_of_its_hours():
    moments = [customer.at_seconds for customer in demand.customers([1], 1000, 240, "lunch", "seed")]
    counts = [sum(hour * 3600 <= moment < (hour + 1) * 3600 for moment in moments) for hour in range(4)]
    assert [count / len(moments) for count in counts] == pytest.approx(
        [share / 36 for share in (5.8, 11.8, 11.5, 6.9)], abs=0.03
    )


def test_the_interarrival_times_are_those_of_a_poisson_process():
    moments = [customer.at_seconds for customer in demand.customers([1], 3600, 60 * 5, "flat", "seed")]
    gaps = [after - before for before, after in pairwise(moments)]
    assert sum(gap > 1 for gap in gaps) / len(gaps) == pytest.approx(0.368, abs=0.02)  # 1/e


def test_the_same_seed_brings_the_same_customers():
    def ask(seed, menu=(1, 2, 3)):
        return demand.customers(list(menu), 240, 30, "friday", seed)

    assert ask("7") == ask("7")
    assert ask("7") != ask("8")
    assert [customer.at_seconds for customer in ask("7")] == [customer.at_seconds for customer in ask("7", (9,))]


def test_baskets_are_as_large_as_in_a_real_shop():
    random = Random("seed")
    sizes = Counter(sum(demand.basket(random, [1, 2, 3]).values()) for _ in range(10_000))
    assert {size: count / 100 for size, count in sizes.items()} == pytest.approx(demand.PIZZAS, abs=2)


def test_a_share_of_them_collects_and_nothing_else_is_other():
    def ask(share):
        return demand.customers([1, 2, 3], 1000, 600, "flat", "7", share)

    none, some, more, all_of_them = map(ask, (0, 0.3, 0.6, 1))
    assert {customer.way for customer in none} == {"delivery"}
    assert {customer.way for customer in all_of_them} == {"carry_out"}
    collects = [[customer.way == "carry_out" for customer in coming] for coming in (some, more)]
    assert sum(collects[0]) / len(some) == pytest.approx(0.3, abs=0.02)
    assert all(b for a, b in zip(*collects, strict=True) if a)
    assert [(one.at_seconds, one.basket) for one in none] == [(one.at_seconds, one.basket) for one in more]
