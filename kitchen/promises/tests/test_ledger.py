"""The ledger of promises: what is written, that it stays, and what its page says."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from home.models import Order, OrderItem
from kitchen import flow, stages
from kitchen.board import actions
from kitchen.models import Outcome, Promise, Shop, Station, Unchangeable
from kitchen.promises import forecast, ledger
from kitchen.tests.clock import NOON, at, begins, link_of
from kitchen.tests.test_flow import fresh
from simulation import calibration
from simulation.calibration import NONE

CARRY_OUT = stages.CARRY_OUT

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sent", "cooked")]


@pytest.fixture
def promised(small_kitchen, place):
    """promised(seconds) places an order at that moment, told 60 to 70 seconds, on a clock of speed 2 since NOON."""
    Shop.objects.update(speed=2, speed_since=NOON)
    Station.objects.update(capacity=50)

    def order(seconds=0.0, **more):
        row = Promise(
            at=at(seconds), speed=2, pizzas=1, open_orders=0, low_seconds=120, median_seconds=130, high_seconds=140,
            model_low_seconds=110, model_median_seconds=130, model_high_seconds=150,
            way=more.get("way", stages.DELIVERY),
        )  # fmt: skip
        return place(at(seconds), promise=row, **more)

    return order


def deliver(order, seconds, until=stages.LAST):
    """Deliver an order by the kitchen itself, one link after the other, all at this moment."""
    while fresh(order).stage not in (until, *stages.ENDED):
        for rows in (Order.objects.filter(pk=order.pk), OrderItem.objects.filter(order=order)):
            rows.filter(due_at__isnull=False).update(due_at=at(seconds))
        found = fresh(order)
        work = next(work for work in (*found.parts, found) if work.due_at)
        begins(*link_of(work), clock=at(seconds))


def lessons(speed):
    return ledger.lessons(speed).get(stages.DELIVERY, [])


def settled():
    return list(Outcome.objects.order_by("promise").values_list("seconds", "kept", "intervened"))


@pytest.mark.database
def test_what_came_when_it_should_is_kept_and_what_did_not_is_not(promised):
    for seconds in (60, 70, 59.9, 70.1):
        deliver(promised(), seconds)
    assert ledger.settle(at(80)) == 4
    assert settled() == [
        (120.0, True, False),
        (140.0, True, False),
        (pytest.approx(119.8), False, False),
        (pytest.approx(140.2), False, False),
    ]
    assert ledger.settle(at(81)) == 0  # once


def test_after_a_pause_they_are_settled_batch_by_batch(promised, monkeypatch):
    monkeypatch.setattr(ledger, "BATCH", 2)
    for _ in range(3):
        deliver(promised(), 65)
    assert [ledger.settle(at(80)) for _ in range(3)] == [2, 1, 0]


@pytest.mark.database
def test_it_is_settled_up_to_the_first_that_is_still_open(promised):
    first, second, third = promised(), promised(), promised()
    pks = list(Promise.objects.order_by("pk").values_list("pk", flat=True))
    deliver(second, 60)
    ledger.settle(at(80))
    assert Shop.objects.get().settled == pks[0] - 1
    deliver(first, 90)
    ledger.settle(at(95))
    assert Shop.objects.get().settled == pks[1]
    deliver(third, 100)
    ledger.settle(at(105))
    assert Shop.objects.get().settled == pks[2]
    assert Outcome.objects.count() == 3


def test_an_old_open_order_costs_nothing_but_itself(promised, django_assert_max_num_queries):
    promised()
    for _ in range(5):
        deliver(promised(), 60)
    ledger.settle(at(80))
    with django_assert_max_num_queries(3):
        assert ledger.settle(at(90)) == 0


@pytest.mark.database
def test_a_persons_action_counts_when_it_can_no_longer_be_undone(promised, bob):
    order = promised()
    flow.override(order.pk, stages.LAST, clock=at(62), by=bob)
    assert ledger.settle(at(63)) == 0
    flow.undo(order.pk, fresh(order).seq, bob, clock=at(64))
    assert ledger.settle(at(99)) == 0
    flow.override(order.pk, stages.LAST, clock=at(100), by=bob)
    assert ledger.settle(at(100 + ledger.SETTLED_SECONDS)) == 1
    assert settled() == [(200.0, False, True)]


def test_a_cancelled_or_deleted_order_has_nothing_to_keep(promised):
    cancelled, deleted = promised(), promised()
    flow.cancel(cancelled.pk, clock=at(5))
    fresh(deleted).delete()
    assert ledger.settle(at(60)) == 2
    assert settled() == [(None, None, True)] * 2
    assert Promise.objects.count() == 2
    assert ledger.newest(False) == []


def test_a_deleted_order_takes_nothing_out_of_the_ledger(promised):
    order = promised()
    deliver(order, 60)
    ledger.settle(at(80))
    fresh(order).delete()
    assert [row.promise.order_pk for row in ledger.newest(False)] == [order.pk]


def test_what_is_written_is_never_changed(promised):
    deliver(promised(), 60)
    ledger.settle(at(80))
    for row in (Promise.objects.get(), Outcome.objects.get()):
        rows = type(row).objects
        for change in (row.save, row.delete, rows.all().delete, lambda rows=rows: rows.update(at=NOON)):
            with pytest.raises(Unchangeable):
                change()
        row._state.adding = True  # as if it were a new one, with a key that is taken
        with pytest.raises(IntegrityError), transaction.atomic():
            row.save()
    assert settled() == [(120.0, True, False)]


@pytest.mark.parametrize("hand", ["rush", "hold", "speed"])
def test_nothing_is_learned_from_orders_with_intervention(promised, hand):
    order = promised()
    if hand == "speed":
        flow.set_speed(4, clock=at(1))
        flow.set_speed(2, clock=at(2))
    else:
        getattr(flow, hand)(order.pk, clock=at(1))
        if hand == "hold":
            flow.resume(order.pk, clock=at(2))
    deliver(order, 60)
    ledger.settle(at(80))
    assert settled() == [(120.0, True, True)]
    assert lessons(2.0) == []


def is_retimed():
    return list(Outcome.objects.order_by("promise").values_list("retimed", "intervened"))


@pytest.mark.database
def test_what_was_open_while_the_clock_was_turned_is_not_counted(promised, client):
    Station.objects.update(capacity=1)
    came, works, waits = promised(), promised(), promised()
    deliver(came, 65)
    flow.set_speed(4, clock=at(66))
    flow.set_speed(2, clock=at(70))
    after = promised(71)
    for order, seconds in ((works, 120), (waits, 150), (after, 190)):
        deliver(order, seconds)
    ledger.settle(at(200))
    assert is_retimed() == [(False, False), (True, True), (True, True), (False, False)]
    assert [row.promise.order_pk for row in ledger.newest(False)] == [after.pk, came.pk]
    assert [(day["orders"], day["kept"]) for day in ledger.by_day(False, at(200))] == [(2, 1)]
    html = page(client)
    assert "Of the last 2 orders <strong>1 came when we said</strong>" in html
    assert "2 more were open while the clock was turned: not counted." in html


@pytest.mark.database
def test_what_came_between_two_turns_of_the_clock_is_not_counted(promised, client):
    order = promised()
    flow.set_speed(4, clock=at(1))
    deliver(order, 30)
    flow.set_speed(2, clock=at(31))
    ledger.settle(at(32))
    assert is_retimed() == [(True, True)]
    assert "1 order was open while the clock was turned: not counted." in page(client)


@pytest.mark.database
def test_what_was_open_while_the_clock_was_set_back_is_not_counted(promised, bob, client):
    came, waits = promised(), promised()
    deliver(came, 65)
    flow.recover(clock=at(66 - 3600))
    deliver(waits, 120 - 3600)
    ledger.settle(at(180 - 3600))
    assert is_retimed() == [(False, False), (True, True)]
    assert "1 more was open while the clock was turned: not counted." in page(client)


def test_what_a_person_did_before_the_clock_was_set_back_is_final(promised, bob):
    order = promised()
    flow.cancel(order.pk, bob, clock=at(1))
    assert ledger.settle(at(1 - 3600)) == 1


def test_what_was_judged_before_the_clock_was_turned_counts(promised):
    deliver(promised(), 65)
    ledger.settle(at(80))
    flow.set_speed(4, clock=at(81))
    ledger.settle(at(90))
    assert is_retimed() == [(False, False)]


def test_only_those_among_the_shown_are_named_beside(monkeypatch):
    monkeypatch.setattr(ledger, "SHOWN", 2)
    for number in range(6):
        outcome(number, retimed=number % 2 == 0)
    rows = ledger.newest(False)
    assert (len(rows), ledger.beside(False, rows), ledger.beside(True, [])) == (2, 1, 0)


def test_lessons_are_what_the_model_said_at_this_speed(promised):
    deliver(promised(), 60)
    ledger.settle(at(80))
    assert lessons(2.0) == [((110.0, 130.0, 150.0), 120.0)]
    assert lessons(3.0) == []
    assert forecast.Learned().get(2.0, stages.DELIVERY).correction() == NONE


@pytest.mark.database
def test_what_was_promised_likewise_teaches_most():
    for number in range(120):
        outcome(number, seconds=150 + number % 20)
        outcome(1000 + number, seconds=2 * (1590 + number % 20), low=1500.0, median=1600.0, high=1720.0)
    learned = forecast.Learned().get(60.0, stages.DELIVERY)
    assert learned.correct((100.0, 160.0, 220.0))[1] == pytest.approx(160, rel=0.1)
    assert learned.correct((1500.0, 1600.0, 1720.0))[1] == pytest.approx(3200, rel=0.1)


def test_what_was_promised_with_other_times_teaches_nothing(promised, monkeypatch):
    monkeypatch.setattr(calibration, "FEWEST", 2)
    for seconds in (0, 1, 200, 201):
        deliver(promised(seconds), seconds + 60)
    Station.objects.filter(stage="baking").update(as_measured=True, as_measured_since=at(100))
    ledger.settle(at(400))
    assert len(lessons(2.0)) == 4
    assert forecast.Learned().get(2.0, stages.DELIVERY).actual.size == 2


def test_what_was_promised_while_a_change_was_unnoticed_teaches_nothing(promised, monkeypatch):
    monkeypatch.setattr(calibration, "FEWEST", 2)
    for seconds in (0, 150, 200, 201):
        deliver(promised(seconds), seconds + 60)
    Station.objects.filter(stage="baking").update(
        as_measured=True, measured_changed_at=at(100), measured_noticed_at=at(180)
    )
    ledger.settle(at(400))
    assert len(lessons(2.0)) == 4
    assert forecast.Learned().get(2.0, stages.DELIVERY).actual.size == 3


def test_each_way_learns_from_its_own_outcomes(promised, monkeypatch):
    monkeypatch.setattr(calibration, "FEWEST", 2)
    for seconds in (60, 90, 60):
        deliver(promised(), seconds)
    deliver(promised(way=CARRY_OUT), 30, until=stages.READY)
    ledger.settle(at(100))
    assert {way: [actual for _, actual in rows] for way, rows in ledger.lessons(2.0).items()} == {
        CARRY_OUT: [60],
        stages.DELIVERY: [120, 180, 120],
    }
    learned = forecast.Learned()
    assert learned.get(2.0, stages.DELIVERY).correction() != NONE
    assert learned.get(2.0, CARRY_OUT).correction() == NONE


def test_no_more_lessons_are_read_than_the_newest(promised, monkeypatch):
    monkeypatch.setattr(ledger, "LESSONS_READ", 2)
    for seconds in (60, 70, 80):
        deliver(promised(), seconds)
        ledger.settle(at(seconds))
    assert [actual for _, actual in lessons(2.0)] == [160, 140]
    monkeypatch.setattr(calibration, "WINDOW", 1)
    assert [actual for _, actual in lessons(2.0)] == [160]


# To collect: it is about when the order is ready


@pytest.mark.database
@pytest.mark.parametrize("hands_over", [True, False])
def test_an_order_to_collect_is_judged_when_it_is_ready(promised, hands_over):
    Shop.objects.update(hands_over=hands_over)
    order = promised(way=CARRY_OUT)
    deliver(order, 65, until=stages.READY)
    assert ledger.settle(at(66)) == 1  # it can stand at the counter for hours
    assert settled() == [(130.0, True, False)]
    assert Outcome.objects.get().at == at(65)
    assert Shop.objects.get().settled == Promise.objects.get().pk
    flow.override(order.pk, stages.LAST, clock=at(4000))
    assert ledger.settle(at(4100)) == 0


def test_how_long_it_stands_at_the_counter_is_nothing_to_the_promise(promised, bob):
    order = promised(way=CARRY_OUT)
    deliver(order, 62, until=stages.READY)
    flow.advance(order.pk, bob, clock=at(500))  # a tap hands it over, and is no intervention
    assert ledger.settle(at(501)) == 1
    assert settled() == [(124.0, True, False)]


@pytest.mark.database
def test_a_tap_by_mistake_that_is_undone_spoils_nothing(promised, bob):
    order = promised(way=CARRY_OUT)
    deliver(order, 40, until="baked")
    flow.advance(order.pk, bob, clock=at(41))
    assert fresh(order).stage == stages.READY
    assert ledger.settle(at(42)) == 0
    flow.undo(order.pk, fresh(order).seq, bob, clock=at(45))
    assert ledger.settle(at(99)) == 0  # it is not ready
    deliver(order, 100, until=stages.READY)
    assert ledger.settle(at(100 + ledger.SETTLED_SECONDS)) == 1
    assert settled() == [(200.0, False, True)]


def test_a_recall_that_is_undone_leaves_it_ready_since_then(promised, bob):
    order = promised(way=CARRY_OUT)
    deliver(order, 62, until=stages.READY)
    flow.recall(order.pk, bob, clock=at(63))
    assert ledger.settle(at(64)) == 0
    flow.undo(order.pk, fresh(order).seq, bob, clock=at(65))
    assert ledger.settle(at(66)) == 1
    assert settled() == [(124.0, True, False)]


def test_what_was_ready_and_is_made_again_was_still_ready(promised, bob):
    order = promised(way=CARRY_OUT)
    deliver(order, 62, until=stages.READY)
    assert ledger.settle(at(63)) == 1
    flow.remake(order.pk, bob, "Dropped", clock=at(64))
    deliver(order, 300)
    assert ledger.settle(at(400)) == 0
    assert settled() == [(124.0, True, False)]


def test_an_order_that_is_cancelled_at_the_counter_has_nothing_to_keep(promised, bob):
    order = promised(way=CARRY_OUT)
    deliver(order, 62, until=stages.READY)
    flow.cancel(order.pk, bob, clock=at(63))
    assert ledger.settle(at(99)) == 1
    assert settled() == [(None, None, True)]


@pytest.mark.database
@pytest.mark.parametrize("verb", [flow.hold, flow.rush, flow.remake], ids=lambda verb: verb.__name__)
def test_what_is_done_with_one_pizza_is_an_intervention(promised, margherita, bob, verb):
    orders = [promised(items=[(margherita, 3)]) for _ in range(2)]
    verb(orders[0].pk, bob, item=2, clock=at(1))
    if verb is flow.hold:
        flow.resume(orders[0].pk, bob, item=2, clock=at(2))
    for order in orders:
        deliver(order, 65)
    assert ledger.settle(at(90)) == 2
    assert settled() == [(130.0, True, True), (130.0, True, False)]


# Figures


def outcome(
    number, kept=True, seconds=150.0, open_orders=0, simulated=False, when=NOON, low=100.0, high=220.0,
    median=160.0, retimed=False, **promised,
):  # fmt: skip
    promise = Promise.objects.create(
        order_pk=10**6 + number, at=when, speed=60, pizzas=1, open_orders=open_orders, simulated=simulated,
        low_seconds=low, median_seconds=median, high_seconds=high,
        model_low_seconds=low, model_median_seconds=median, model_high_seconds=high, **promised,
    )  # fmt: skip
    return Outcome.objects.create(
        promise=promise, at=when, simulated=simulated, seconds=seconds, kept=kept, intervened=retimed, retimed=retimed
    )


def test_the_figures_are_those_by_hand():
    for number in range(10):
        outcome(number, kept=number > 1, seconds=160 + 6 * number, high=220 if number % 2 else 340)
    figures = ledger.figures(ledger.newest(False))
    assert (figures["orders"], figures["kept"], figures["percent"]) == (10, 8, 80)
    assert (figures["percent_low"], figures["percent_high"]) == pytest.approx((49.0, 94.3), abs=0.1)  # Wilson
    assert (figures["width_minutes"], figures["error_minutes"]) == pytest.approx((3.0, 0.45))
    assert ledger.figures([]) is None
    (day,) = ledger.by_day(False, NOON)
    assert {name: day[name] for name in figures} == pytest.approx(figures)


def test_a_third_each_by_how_full_it_was():
    for number in range(9):
        outcome(number, open_orders=number * 2, kept=number < 6)
    loads = ledger.by_load(ledger.newest(False))
    assert [(row["name"], row["least"], row["most"], row["orders"], row["percent"]) for row in loads] == [
        ("Calm", 0, 4, 3, 100),
        ("Busy", 6, 10, 3, 100),
        ("Rush", 12, 16, 3, 0),
    ]
    assert [row["name"] for row in ledger.by_load(ledger.newest(False)[:2])] == ["Busy", "Rush"]


def test_both_ways_count_and_each_has_its_row(client):
    for number in range(6):
        outcome(number, kept=number % 3 > 0, way=CARRY_OUT if number > 3 else stages.DELIVERY)
    rows = ledger.newest(False)
    assert ledger.figures(rows)["orders"] == 6
    assert [(row["name"], row["orders"], row["kept"]) for row in ledger.by_way(rows)] == [
        ("At the door", 4, 2),
        ("Ready to collect", 2, 2),
    ]
    html = page(client)
    assert "Two ways out" in html and "Ready to collect" in html
    assert "Two ways out" not in page(client, "?simulated=1")


@pytest.mark.database
def test_by_hour_by_day_and_in_turn(settings):
    for number in range(120):
        outcome(number, kept=number < 60, when=NOON + timedelta(hours=13 * (number // 60)))
    assert [(row["hour"], row["percent"]) for row in ledger.by_hour(ledger.newest(False))] == [(1, 0), (12, 100)]
    days = ledger.by_day(False, NOON + timedelta(days=1))
    assert [(str(row["day"]), row["orders"], row["percent"]) for row in days] == [
        ("2026-11-20", 60, 100),
        ("2026-11-21", 60, 0),
    ]
    assert ledger.by_day(False, NOON + timedelta(days=60)) == []
    blocks = ledger.in_turn(ledger.newest(False))
    assert [(row["orders"], row["percent"]) for row in blocks] == [(50, 80), (50, 0)]


# The page


def page(client, query=""):
    answer = client.get(f"/kitchen/promises/{query}")
    assert answer.status_code == 200
    return answer.content.decode()


def test_without_a_promise_it_says_so(client):
    assert "No promise has been put to the test yet" in page(client)


def test_everyone_may_read_it_and_it_names_nobody(client, promised, alice):
    order = promised(user=alice)
    deliver(order, 60)
    ledger.settle(at(80))
    html = page(client)
    assert "Of the last 1 orders <strong>1 came when we said</strong>" in html
    assert order.order_id not in html and "alice" not in html
    assert "enough work has been measured" not in html  # what the stations take is for staff


def test_real_and_simulated_orders_stand_apart(client):
    outcome(1, simulated=True)
    assert "All orders so far were simulated." in page(client)
    outcome(2, kept=False)
    assert "<strong>0 came when we said</strong>" in page(client)
    assert "<strong>1 came when we said</strong>" in page(client, "?simulated=1")
    assert "<strong>0 came when we said</strong>" in page(client, "?simulated=rubbish")


def test_staff_see_what_the_promises_are_based_on(client, bob):
    Station.objects.filter(stage="baking").update(
        measured_distribution="gamma", measured_mean_seconds=470, measured_spread_seconds=12, measured_samples=500,
        as_measured=True,
    )  # fmt: skip
    client.force_login(bob)
    html = page(client)
    assert "As measured: 500 works, 470 ± 12 s." in html
    assert html.count("As set, until enough work has been measured.") == 3


def test_the_number_of_queries_does_not_grow(client, django_assert_max_num_queries):
    for number in range(60):
        outcome(number, simulated=number % 2 == 0)
    with django_assert_max_num_queries(6):
        page(client)


def test_staff_switch_a_station_in_the_admin_and_on_the_board(client, bob):
    actions.act({"action": "station", "stage": "baking", "as_measured": True}, bob)
    assert Station.objects.get(stage="baking").as_measured
    with pytest.raises(flow.Refused):
        actions.act({"action": "station", "stage": "baking", "as_measured": "yes"}, bob)
    client.force_login(bob)
    assert "As set, until enough work has been measured." in client.get("/admin/kitchen/station/").content.decode()


def test_orders_without_a_promise_are_in_no_ledger(small_kitchen, place):
    deliver(place(NOON), 60)
    assert ledger.settle(timezone.now()) == 0
    assert Promise.objects.count() == 0
