"""The board's demand switch: who arrives while it is on."""

from random import Random

import pytest
from django_celery_beat.models import PeriodicTask

from home.models import Order
from kitchen.board import demand, tasks
from kitchen.models import Shop
from kitchen.tests.clock import NOON, at


@pytest.fixture
def run(small_kitchen, sent, cooked, margherita):
    """run(seconds) -> how many came, in a shop that has asked for 3,600 an hour: one a second."""
    Shop.objects.update(demand_per_hour=3600)
    random = Random("seed")
    return lambda seconds: demand.place_arrivals(at(seconds), random)


@pytest.mark.database
def test_the_switch_brings_customers_for_the_time_that_has_passed(run):
    came = [run(seconds) for seconds in range(0, 202, 2)]
    assert came[0] == 0  # it was just switched on
    assert sum(came) == pytest.approx(200, abs=60)
    assert Order.objects.filter(simulated=True).count() == sum(came)
    assert Shop.objects.get().demand_at == at(200)


@pytest.mark.database
def test_a_second_run_at_the_same_moment_brings_nobody(run):
    run(0)
    assert run(20) > 0
    assert [run(20), run(19)] == [0, 0]
    assert Shop.objects.get().demand_at == at(20)  # and a clock that is behind turns nothing back


@pytest.mark.database
def test_customers_come_on_when_the_clock_was_set_back(run):
    assert [run(seconds) for seconds in (0, -3600)] == [0, 0]
    assert run(20 - 3600) > 0


@pytest.mark.database
def test_of_two_runs_at_once_one_gets_the_time(run, monkeypatch):
    run(0)
    read = Shop.objects.get()
    run(20)
    monkeypatch.setattr(Shop.objects, "get", lambda: read)  # it has read before the other one wrote
    assert run(21) == 0


@pytest.mark.database
def test_a_long_pause_is_caught_up_for_a_minute_only(run):
    run(0)
    assert run(10**6) == pytest.approx(60, abs=30)


@pytest.mark.database
def test_nobody_comes_to_a_shop_that_is_closed_or_whose_switch_is_off(run):
    for closed, opened in (
        ({"is_open": False}, {"is_open": True}),
        ({"demand_per_hour": 0}, {"demand_per_hour": 3600}),
    ):
        run(0)
        Shop.objects.update(**closed)
        assert [run(20), run(40)] == [0, 0]
        assert Shop.objects.get().demand_at is None
        Shop.objects.update(**opened)
        assert run(60) == 0  # and not for the time when it was closed
        assert run(80) > 0
        Shop.objects.update(demand_at=None)


def test_off_costs_one_query(run, django_assert_num_queries):
    Shop.objects.update(demand_per_hour=0)
    with django_assert_num_queries(1):
        assert run(0) == 0


def test_without_a_menu_nobody_comes(run, margherita):
    margherita.delete()
    run(0)
    assert run(20) == 0


def test_a_kitchen_in_fast_motion_is_not_buried(run):
    Shop.objects.update(speed=100_000)
    run(0)
    assert run(20) == demand.MOST_AT_ONCE


def test_the_number_is_poisson():
    random = Random("seed")
    numbers = [demand.draw_poisson(random, 4) for _ in range(5000)]
    mean = sum(numbers) / len(numbers)
    variance = sum((number - mean) ** 2 for number in numbers) / len(numbers)
    assert (mean, variance) == pytest.approx((4, 4), abs=0.3)


def test_the_job_asks_for_a_chain_for_everyone_who_begins(
    run, cooked, monkeypatch, django_capture_on_commit_callbacks
):
    Shop.objects.update(demand_at=NOON)
    monkeypatch.setattr(tasks.clock, "now", lambda: at(20))
    with django_capture_on_commit_callbacks(execute=True):
        tasks.bring_customers.run()
    first = Order.objects.earliest("pk")
    assert cooked == [(first.pk, 1, "received")]


@pytest.mark.django_db
def test_beat_runs_the_job_and_drops_it_before_the_next():
    job = PeriodicTask.objects.get(task="kitchen.demand")
    assert job.enabled and job.interval.period == "seconds"
    assert job.expire_seconds < job.interval.every <= 2


@pytest.mark.database
@pytest.mark.parametrize(("share", "ways"), [(0, {"delivery"}), (1, {"carry_out"}), (0.5, {"delivery", "carry_out"})])
def test_a_share_of_them_collects(run, share, ways):
    Shop.objects.update(carry_out_share=share)
    run(0)
    run(40)
    assert set(Order.objects.values_list("way", flat=True)) == ways
