"""Service times, measured from the event log."""

from random import Random

import pytest

from home.models import Order, OrderEvent
from kitchen import flow
from kitchen.models import Shop, Station
from kitchen.promises import measure, tasks
from kitchen.promises.measure import LEAST_SAMPLES, Sample, fit_distribution
from kitchen.tests.clock import NOON, at
from simulation.distributions import build


def samples(distribution, mean, spread, per_pizza=False, number=5000):
    dice, drawn = Random(3), build(distribution, mean, spread)
    counts = [dice.choice((1, 2, 3)) for _ in range(number)]
    return [Sample(count, sum(drawn.one(dice) for _ in range(count if per_pizza else 1))) for count in counts]


@pytest.mark.parametrize("per_pizza", [False, True])
@pytest.mark.parametrize("distribution", ["lognormal", "gamma"])
def test_the_distribution_is_found_again(distribution, per_pizza):
    fit = fit_distribution(samples(distribution, 120, 60, per_pizza), per_pizza)
    assert fit.distribution == distribution
    assert (fit.mean_seconds, fit.spread_seconds) == pytest.approx((120, 60), rel=0.06)


def test_fixed_work_is_fixed_although_the_clock_jitters():
    fit = fit_distribution([Sample(1, 450 + number % 3) for number in range(100)], False)
    assert (fit.distribution, fit.spread_seconds) == ("fixed", 0) and fit.mean_seconds == pytest.approx(451, abs=1)


def test_exponential_work_becomes_a_gamma_distribution_of_its_mean():
    fit = fit_distribution(samples("exponential", 120, 0), False)
    assert fit.distribution == "gamma" and fit.spread_seconds == pytest.approx(fit.mean_seconds, rel=0.06)


def test_too_little_work_says_nothing():
    assert fit_distribution(samples("gamma", 120, 60, number=LEAST_SAMPLES - 1), False) is None
    assert fit_distribution([], False) is None
    assert fit_distribution([Sample(1, 0.0)] * 99, False) is None


@pytest.fixture
def kitchen(small_kitchen, sent, cooked):
    """Run the clock at speed 4 since NOON; kitchen(seconds) adds work at the oven that took this long in wall time."""
    Shop.objects.update(speed=4, speed_since=NOON)

    def add(seconds, begins=100.0, by_hand="", **order):
        made = Order(created_at=NOON, **order)
        made.save()
        events = [("started", "received"), ("started", "baking"), ("joined", "baked")]
        for seq, (event, stage) in enumerate(events, 1):
            moment = at(begins + (seconds if stage == "baked" else 0))
            event = by_hand if by_hand and stage == "baked" else event
            OrderEvent.objects.create(order=made, seq=seq, at=moment, stage=stage, event=event)
        return made

    return add


@pytest.mark.database
@pytest.mark.django_db
def test_only_work_without_intervention_since_the_last_change_of_speed_counts(kitchen):
    kitchen(10)
    kitchen(20, pizzas=3)
    for event in ("overridden", "held", "retimed", "rushed"):
        kitchen(99, by_hand=event)
    kitchen(99, begins=-50)
    put_back = kitchen(99)
    OrderEvent.objects.filter(order=put_back, seq=1).update(event="resumed")
    OrderEvent.objects.filter(order=kitchen(99), seq=3).delete()  # still in the oven
    later = kitchen(30)
    OrderEvent.objects.create(order=later, seq=4, at=at(200), stage="baked", event="held")  # after that work
    assert measure.read("baking", NOON, 4.0, 0) == [Sample(1, 120.0), Sample(3, 80.0), Sample(1, 40.0)]
    assert measure.read("out_for_delivery", NOON, 4.0, 0) == []


@pytest.mark.database
@pytest.mark.django_db
def test_the_job_writes_what_it_found_and_only_when_it_has_changed(kitchen, django_assert_num_queries, monkeypatch):
    monkeypatch.setattr(measure, "LEAST_SAMPLES", 3)
    for seconds in (10, 20, 30):
        kitchen(seconds)
    tasks.measure_work()
    oven = Station.objects.get(stage="baking")
    assert (oven.measured_mean_seconds, oven.measured_samples) == (80, 3)
    assert oven.measured_spread_seconds == pytest.approx(32.66, abs=0.01)
    assert (oven.distribution, oven.mean_seconds) == ("fixed", 20)  # what is drawn stays as set
    drivers = Station.objects.get(stage="out_for_delivery")
    assert (drivers.measured_distribution, drivers.measured_mean_seconds, drivers.measured_samples) == ("", None, 0)
    with django_assert_num_queries(7):  # no update among them
        measure.renew()


@pytest.mark.django_db
def test_a_new_speed_begins_a_new_measurement(kitchen, monkeypatch):
    monkeypatch.setattr(measure, "LEAST_SAMPLES", 1)
    kitchen(10)
    measure.renew()
    flow.set_speed(8, clock=at(3600))
    measure.renew()
    assert Station.objects.get(stage="baking").measured_mean_seconds is None
