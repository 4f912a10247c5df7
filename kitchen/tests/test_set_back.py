"""The clock is set back: what was left of the work is left, and nothing stands still or changes its turn."""

import logging
from datetime import timedelta

import pytest
from django.db import connection

from benchmarks.chaos import audit, records
from home.models import Order, OrderEvent, OrderItem
from kitchen import flow, stages
from kitchen.models import Shop, Station
from kitchen.tests.clock import at, finish, link_of, work_of, works_begun, works_due
from kitchen.tests.test_flow import history

pytestmark = [pytest.mark.database, pytest.mark.django_db, pytest.mark.usefixtures("sent", "cooked")]

HOUR = timedelta(hours=1)
SILENT_SECONDS = 1500


def an_hour_before(seconds):
    return at(seconds - 3600)


def moments(now, *names):
    """Return how far these moments of all open works are from now, in seconds."""
    works = [*Order.objects.open().order_by("pk"), *OrderItem.objects.cooking().order_by("pk")]
    read = [[getattr(work, name) for name in names] for work in works]
    return [[moment and round((moment - now).total_seconds(), 3) for moment in row] for row in read]


def cook_all(now):
    """Let every link come when it is due, until nobody is left; return how many seconds that took."""
    begun = now
    while Order.objects.open().exists():
        due = [*Order.objects.working(), *OrderItem.objects.working()]
        now = max(now, type(now).fromtimestamp(min(work.due_at for work in due).timestamp(), now.tzinfo))
        for work in works_due(now):
            verb, *args = link_of(work)
            verb(*args, clock=now)
    return (now - begun).total_seconds()


@pytest.mark.parametrize("hours", [10 / 3600, 1, 24])
def test_a_kitchen_whose_clock_is_set_back_goes_on_where_it_was(small_kitchen, place, margherita, hours):
    orders = [place(at(0), [(margherita, 1 + number % 3)]) for number in range(20)]
    finish(orders[0], at(10))
    now = at(12 - 3600 * hours)
    before = moments(at(10), "joined_at", "started_at", "due_at")  # at the newest event
    under_way = {(work.pk, work.epoch) for work in OrderItem.objects.working()}

    begun = works_begun(flow.recover, clock=now)

    assert moments(now, "joined_at", "started_at", "due_at") == before
    assert {(work.pk, work.epoch - 1) for work in begun} == under_way
    assert set(OrderEvent.objects.filter(at=now).values_list("event", flat=True)) == {"retimed"}
    assert works_begun(flow.recover, clock=now + timedelta(seconds=2)) == []
    assert cook_all(now) < 38 * 30
    assert not Order.objects.exclude(stage=stages.LAST).exists()


def test_it_is_said_aloud_once(small_kitchen, place, caplog, django_capture_on_commit_callbacks):
    for _ in range(3):
        place(at(0))
    with caplog.at_level(logging.WARNING), django_capture_on_commit_callbacks(execute=True):
        for seconds in (10, 12, 14):
            flow.recover(clock=an_hour_before(seconds))
    assert [record.getMessage() for record in caplog.records] == [
        "The clock was set back by 3590 s: what was stored of 3 open orders went back with it"
    ]


def test_the_first_verb_after_that_finds_everything_in_its_turn(small_kitchen, place):
    first, second = place(at(0)), place(at(1))
    third = place(an_hour_before(2))
    waits = OrderItem.objects.filter(started_at=None).order_by("joined_at")
    assert [item.order for item in waits] == [second, third]
    flow.advance(first.pk, clock=an_hour_before(3))
    assert work_of(second).state == "working"
    assert history(first) == [
        (1, 0, "received", "started"),
        (2, -3598, "received", "retimed"),
        (3, -3597, "received", "done"),
        (4, -3597, "baking", "started"),
    ]


def test_old_links_do_nothing_and_new_ones_come_in_time(small_kitchen, place):
    order = place(at(0))
    old = link_of(work_of(order))
    finish_old, *args = old
    assert finish_old(*args, clock=an_hour_before(5)) is None
    with pytest.raises(flow.TooEarly) as early:
        finish(order, an_hour_before(5))
    assert early.value.seconds == 10  # the log's last sign was its start
    finish(order, an_hour_before(15))
    assert work_of(order).stage == "baking"


def test_where_the_log_is_silent_the_recovery_sweep_leaves_a_sign(small_kitchen, place):
    Station.objects.update(mean_seconds=SILENT_SECONDS)
    place(at(0))
    for seconds in range(0, 902, 2):
        flow.recover(clock=at(seconds))
    flow.recover(clock=at(300))  # ten minutes back: all that was written lies behind
    assert moments(at(300), "due_at")[-1] == [SILENT_SECONDS - 900]


def test_a_shop_without_work_leaves_no_sign(small_kitchen, place):
    flow.cancel(place(at(0)).pk, clock=at(1))
    flow.recover(clock=at(60))
    assert Shop.objects.get().seen_at is None


def test_an_empty_shop_is_set_back_once(small_kitchen, place, caplog, django_capture_on_commit_callbacks):
    caplog.set_level(logging.WARNING, "kitchen.changes")
    flow.cancel(place(at(0)).pk, clock=at(1))
    with django_capture_on_commit_callbacks(execute=True):
        for seconds in (2, 4):
            flow.recover(clock=an_hour_before(seconds))
        order = place(an_hour_before(5))
        flow.recover(clock=an_hour_before(6))
    assert len(caplog.messages) == 1
    assert history(order) == [(1, -3595, "received", "started")]


def test_a_belt_goes_on_with_its_loadings(small_kitchen, place, margherita):
    Station.objects.filter(stage="received").update(kind="belt", headway_seconds=10, mean_seconds=60)
    place(at(0), [(margherita, 3)])
    woken = []
    flow.loading_awaited.connect(lambda station, **_: woken.append(station.busy_until), weak=False, dispatch_uid="t")
    try:
        flow.recover(clock=an_hour_before(4))
    finally:
        flow.loading_awaited.disconnect(dispatch_uid="t")
    assert woken == [an_hour_before(14)]
    flow.load("received", an_hour_before(14), clock=an_hour_before(14))
    assert OrderItem.objects.working().count() == 2


def test_speed_is_changed_after_the_moments_went_back(small_kitchen, place):
    order = place(at(0))
    flow.set_speed(2, clock=an_hour_before(4))
    assert work_of(order).due_at == an_hour_before(9)
    assert Shop.objects.get().speed_since == an_hour_before(4)


def test_set_back_by_what_the_log_can_hold_changes_nothing(small_kitchen, place):
    order = place(at(0))
    flow.recover(clock=at(-2))
    assert (work_of(order).due_at, work_of(order).epoch) == (at(10), 1)


def test_what_lies_ahead_for_another_reason_is_pulled_back_by_the_recovery_sweep(
    small_kitchen, place, caplog, swept, django_capture_on_commit_callbacks
):
    orders = [place(at(0)) for _ in range(3)]
    for item in OrderItem.objects.all():
        item.joined_at += HOUR
        if item.started_at:
            item.started_at, item.due_at = item.started_at + HOUR, item.due_at + HOUR
        item.save()
    with django_capture_on_commit_callbacks(execute=True):
        assert len(works_begun(flow.recover, clock=at(5))) == 1
        assert "in the future" not in caplog.text  # it can still be rolled back, and done once more
    assert "3 open orders had moments in the future" in caplog.text
    assert swept == [("moment_ahead", 3)]
    assert moments(at(5), "joined_at", "due_at")[3:] == [[0, 10], [0, None], [0, None]]
    assert [item.order for item in OrderItem.objects.filter(started_at=None).order_by("pk")] == orders[1:]
    assert works_begun(flow.recover, clock=at(7)) == []


def test_what_was_recovered_in_the_future_is_recovered_again(small_kitchen, place):
    place(at(-20))
    OrderItem.objects.update(recovered_at=at(3600))
    assert flow.recover(clock=at(0)) == 1


def test_an_old_action_can_not_be_undone_for_an_hour(small_kitchen, place, bob):
    order = place(at(0))
    flow.cancel(order.pk, bob, clock=at(1))
    with pytest.raises(flow.Refused):
        flow.undo(order.pk, 99, bob, clock=an_hour_before(2))


def test_the_audit_reads_a_log_whose_clock_was_set_back(small_kitchen, place):
    """It counts on from where the clock was: by their times, works before and after that would be there together."""
    for number in range(6):
        place(at(number), way="carry_out")
    finish(Order.objects.earliest("pk"), at(10))
    flow.recover(clock=at(-10))
    cook_all(at(-10))
    places, log = records.read_limits(connection).capacity, records.read_log(connection)
    assert audit.crowds(log, lambda stage, _: places[stage]) != []
    assert audit.crowds(audit.counted_on(log), lambda stage, _: places[stage]) == []
    accepted = {order.order_id: order.order_id for order in Order.objects.all()}
    assert audit.audit(connection, accepted).faults == []
