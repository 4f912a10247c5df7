"""Service times, measured from the event log."""

from random import Random

import pytest

from home.models import Order, OrderEvent
from kitchen import flow, outlook
from kitchen.models import Shop, Station
from kitchen.promises import measure, tasks
from kitchen.promises.tests.test_forecast import run
from kitchen.tests.clock import NOON, at
from simulation.distributions import build
from simulation.works import fitting
from simulation.works.fitting import LEAST_SAMPLES, Sample, fit_distribution


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
            OrderEvent.objects.create(order=made, seq=seq, at=moment, item=1, stage=stage, event=event)
        return made

    return add


@pytest.fixture
def log(kitchen):
    """log(*events, pizzas=...) writes an order's events: (seconds, item, event, stage)."""

    def log(*events, **order):
        made = Order(created_at=NOON, **order)
        made.save()
        OrderEvent.objects.bulk_create(
            OrderEvent(order=made, seq=seq, at=at(100 + seconds), item=item, stage=stage, event=event)
            for seq, (seconds, item, event, stage) in enumerate(events, 1)
        )

    return log


def seconds(stage, after_pk=0):
    """Return what was measured at a station, in wall time, in the order of the log."""
    station = Station.objects.get(stage=stage)
    return [(sample.pizzas, sample.seconds / 4) for sample in measure.read(station, NOON, 4.0, after_pk)]


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
    oven, drivers = (Station.objects.get(stage=stage) for stage in ("baking", "out_for_delivery"))
    assert [work[:2] for work in measure.read(oven, NOON, 4.0, 0)] == [(1, 40.0), (1, 80.0), (1, 120.0)]
    assert measure.read(drivers, NOON, 4.0, 0) == []


@pytest.mark.database
@pytest.mark.django_db
def test_a_pizza_is_measured_beside_its_siblings(log):
    log(
        (0, 1, "started", "received"),
        (0, 2, "joined", "received"),
        (10, 1, "started", "baking"),
        (10, 2, "started", "received"),
        (17, 2, "joined", "baking"),
        (30, 1, "joined", "baked"),
        (30, 2, "started", "baking"),
        (55, 2, "joined", "baked"),
        (55, None, "started", "baked"),
        (60, None, "joined", "out_for_delivery"),
        (70, None, "started", "out_for_delivery"),
        (99, None, "delivered", "delivered"),
        pizzas=2,
    )
    assert seconds("received") == [(1, 10), (1, 7)]
    assert seconds("baking") == [(1, 20), (1, 25)]
    assert seconds("baked") == [(2, 5)]
    assert seconds("out_for_delivery") == [(2, 29)]


@pytest.mark.database
@pytest.mark.django_db
@pytest.mark.parametrize("verb", ["held", "overridden", "recalled", "rushed", "retimed", "undone", "cancelled"])
def test_what_a_person_does_with_one_pizza_spoils_only_its_own(log, verb):
    log(
        (0, 1, "started", "baking"),
        (1, 2, "started", "baking"),
        (2, 2, verb, "baking"),
        (3, 2, "resumed", "baking"),
        (20, 1, "joined", "baked"),
        (22, 2, "joined", "baked"),
        (22, None, "started", "baked"),
        (27, None, "started", "out_for_delivery"),
        pizzas=2,
    )
    assert seconds("baking") == [(1, 20)]
    assert seconds("baked") == [(2, 5)]


@pytest.mark.database
@pytest.mark.django_db
@pytest.mark.parametrize("verb", ["rushed", "changed"])
def test_what_a_person_does_with_the_order_spoils_all(log, verb):
    log(
        (0, 1, "started", "baking"),
        (0, 2, "started", "baking"),
        (15, 1, "joined", "baked"),
        (16, None, verb, "baking"),
        (20, 2, "joined", "baked"),
        (20, None, "started", "baked"),
        (25, None, "started", "out_for_delivery"),
        pizzas=2,
    )
    assert seconds("baking") == [(1, 15)]
    assert seconds("baked") == []


@pytest.mark.database
@pytest.mark.django_db
def test_a_pizza_that_is_made_again_counts_no_more(log):
    log(
        (0, 1, "started", "received"),
        (10, 1, "started", "baking"),
        (15, 1, "remade", "received"),
        (15, 1, "started", "received"),
        (25, 1, "started", "baking"),
        (45, 1, "joined", "baked"),
    )
    assert seconds("received") == [(1, 10)]
    assert seconds("baking") == []


@pytest.mark.database
@pytest.mark.django_db
def test_an_order_that_is_taken_back_from_the_bench_was_not_done_there(log):
    log(
        (0, 1, "joined", "baked"),
        (0, None, "started", "baked"),
        (2, 1, "remade", "received"),
        (2, 1, "started", "received"),
        (12, 1, "started", "baking"),
        (32, 1, "joined", "baked"),
        (32, None, "started", "baked"),
        (37, None, "started", "ready"),
        way="carry_out",
    )
    assert seconds("baked") == [(1, 5)]


@pytest.mark.database
@pytest.mark.django_db
def test_stations_that_work_on_orders_measure_orders(log):
    log((0, None, "started", "baking"), (20, None, "started", "baked"), pizzas=3)  # as of before there were items
    assert seconds("baking") == []
    Station.objects.update(works_on="order")
    assert seconds("baking") == [(3, 20)]


@pytest.mark.database
@pytest.mark.django_db
def test_only_the_newest_events_are_read(log, monkeypatch):
    for took in (10, 20, 30):
        log((0, 1, "started", "baking"), (took, 1, "joined", "baked"))
    newest = OrderEvent.objects.order_by("-pk").values_list("pk", flat=True)[0]
    assert seconds("baking", after_pk=newest - 4) == [(1, 20), (1, 30)]
    monkeypatch.setattr(measure, "MOST_SAMPLES", 1)
    assert seconds("baking") == [(1, 30)]


@pytest.mark.database
@pytest.mark.django_db
def test_the_live_kitchen_is_measured_as_it_works(kitchen, place, margherita):
    Station.objects.filter(works_on="item").update(capacity=2)
    place(at(100), [(margherita, 2)])
    place(at(100), way="carry_out")
    run()
    assert seconds("received") == [(1, 2.5)] * 3
    assert seconds("baking") == [(1, 5)] * 3
    assert seconds("baked") == [(2, 1.25), (1, 1.25)]
    assert seconds("out_for_delivery") == [(2, 7.5)]


@pytest.mark.database
@pytest.mark.django_db
def test_the_job_writes_what_it_found_and_only_when_it_has_changed(kitchen, django_assert_num_queries, monkeypatch):
    monkeypatch.setattr(fitting, "LEAST_SAMPLES", 3)
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


@pytest.fixture
def boards(monkeypatch):
    """How often the boards were told of a change."""
    told = []
    monkeypatch.setattr(measure.live, "announce_kitchen", lambda: told.append("told"))
    return told


@pytest.mark.database
@pytest.mark.django_db
def test_promises_use_what_was_measured_as_soon_as_it_is_enough(kitchen, boards, monkeypatch):
    monkeypatch.setattr(fitting, "LEAST_SAMPLES", 3)
    for seconds in (10, 20):
        kitchen(seconds)
    measure.renew()
    assert (boards, outlook.stations.get("baking").as_measured) == ([], False)
    kitchen(30)
    measure.renew()
    measure.renew()
    assert boards == ["told"]
    assert outlook.stations.get("baking").expected == ("gamma", 80, pytest.approx(32.66, abs=0.01), {})
    assert list(Station.objects.filter(as_measured=True).values_list("stage", flat=True)) == ["baking"]


@pytest.mark.django_db
def test_where_people_set_the_times_they_stay(kitchen, boards, monkeypatch):
    monkeypatch.setattr(fitting, "LEAST_SAMPLES", 1)
    flow.change_station("baking", clock=at(200), mean_seconds=25)
    kitchen(10)
    measure.renew()
    oven = Station.objects.get(stage="baking")
    assert (boards, oven.measured_mean_seconds, oven.expected[1]) == ([], 40, 25)


@pytest.mark.django_db
def test_a_belt_is_not_measured(kitchen, boards, monkeypatch):
    monkeypatch.setattr(fitting, "LEAST_SAMPLES", 1)
    Station.objects.filter(stage="baking").update(kind="belt")
    kitchen(10)
    measure.renew()
    oven = Station.objects.get(stage="baking")
    assert (boards, oven.measured_mean_seconds, oven.as_measured) == ([], None, False)


@pytest.mark.django_db
def test_a_change_is_noted_from_when_it_began_to_when_it_is_noticed(kitchen, boards):
    """The oven takes 80 kitchen seconds, and from the 101st pizza on 92."""

    def bake(numbers, seconds):
        for number in numbers:
            kitchen(seconds, begins=100 + 10 * number)
        measure.renew()
        oven = Station.objects.get(stage="baking")
        return oven.measured_mean_seconds, oven.measured_changed_at, oven.measured_noticed_at

    assert bake(range(100), 20) == (80, None, None)
    noted = (92, at(100 + 10 * 100), at(100 + 10 * 169 + 23))
    assert bake(range(100, 170), 23) == noted
    assert bake(range(170, 180), 23)[1:] == noted[1:]


@pytest.mark.database
@pytest.mark.django_db
def test_what_the_pizzas_of_an_order_share_is_measured(log, boards):
    dice = Random(4)
    for _ in range(60):
        shared = dice.gauss(0, 4)
        ends = [30 + shared + dice.gauss(0, 3) for _ in range(3)]
        began = [(0, item, "started", "baking") for item in (1, 2, 3)]
        log(*began, *((seconds, item, "joined", "baked") for item, seconds in enumerate(ends, 1)), pizzas=3)
    measure.renew()
    oven = Station.objects.get(stage="baking")
    assert oven.measured_mean_seconds == pytest.approx(120, rel=0.05)
    assert oven.measured_shared_seconds == pytest.approx(16, rel=0.3)
    assert oven.measured_spread_seconds == pytest.approx(20, rel=0.2)
    assert outlook.service_time(oven).shared == oven.measured_shared_seconds
    flow.change_station("baking", clock=at(300), mean_seconds=119)
    assert outlook.service_time(Station.objects.get(stage="baking")).shared == 0


@pytest.mark.database
@pytest.mark.django_db
@pytest.mark.parametrize("kind", ["slots", "belt"])
def test_how_late_overdue_work_was_is_measured(kitchen, boards, kind):
    Station.objects.filter(stage="baking").update(kind=kind, measured_off_reason="Set by hand")
    for seconds in (4, 5, 6, 105, 5, 15):  # the oven takes 20 s, at speed 4
        kitchen(seconds)
    measure.renew()
    oven = Station.objects.get(stage="baking")
    assert oven.measured_late_seconds == [4, 40, 400]
    assert outlook.service_time(oven).lateness == (4, 40, 400)
    assert Station.objects.get(stage="received").measured_late_seconds is None
    flow.set_speed(8, clock=at(3600))
    measure.renew()
    assert Station.objects.get(stage="baking").measured_late_seconds is None


@pytest.mark.django_db
def test_a_new_speed_begins_a_new_measurement(kitchen, monkeypatch):
    monkeypatch.setattr(fitting, "LEAST_SAMPLES", 1)
    kitchen(10)
    measure.renew()
    flow.set_speed(8, clock=at(3600))
    measure.renew()
    oven = Station.objects.get(stage="baking")
    assert (oven.measured_mean_seconds, oven.as_measured, oven.expected[1]) == (None, True, 20)
    before = oven.as_measured_since

    kitchen(10, begins=3700)  # until then promises use the times as set, so those teach nothing of what is measured
    measure.renew()
    oven.refresh_from_db()
    assert oven.uses_measured and oven.as_measured_since > before
