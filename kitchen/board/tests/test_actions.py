"""The verbs of staff besides moving an order: send back, rush, undo; and stations that change under them."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError

from home.models import Order
from kitchen import flow
from kitchen.models import Shop, Station
from kitchen.tests.clock import NOON, at, begins, work_of, works_begun
from kitchen.tests.test_flow import finish, fresh, history

pytestmark = [pytest.mark.database, pytest.mark.django_db, pytest.mark.usefixtures("sent", "cooked", "small_kitchen")]


def last(order):
    event = order.events.last()
    return event.event, event.stage, event.by


def test_recall_sends_it_one_stage_back(place, bob):
    order = place(NOON)
    finish(order, at(10))
    flow.recall(order.pk, clock=at(12), by=bob, reason="No cheese on it")
    assert (fresh(order).stage, work_of(order).due_at) == ("received", at(22))
    assert last(order) == ("recalled", "received", bob)


def test_recall_brings_back_what_was_delivered(place, bob):
    order = place(NOON)
    flow.override(order.pk, "delivered", clock=at(1), by=bob)
    flow.recall(order.pk, clock=at(2), by=bob)
    assert (fresh(order).stage, fresh(order).delivered_at) == ("out_for_delivery", None)


def test_recall_has_nowhere_to_go_from_the_first_stage(place, bob):
    order = place(NOON)
    with pytest.raises(flow.Refused, match="can't go back: it is at the first station"):
        flow.recall(order.pk, clock=at(1), by=bob)
    flow.cancel(order.pk, clock=at(1), by=bob)
    with pytest.raises(flow.Refused, match="can't go back: it is cancelled"):
        flow.recall(order.pk, clock=at(2), by=bob)


def test_a_rushed_order_is_the_next_in_every_line_but_takes_nobodys_place(place, bob):
    first, second, third = place(NOON), place(at(1)), place(at(2))
    flow.rush(third.pk, clock=at(3), by=bob)
    assert [fresh(order).state for order in (first, second, third)] == ["working", "waiting", "waiting"]
    assert [order.pk for order in finish(first, at(10))] == [first.pk, third.pk]
    assert finish(third, at(20)) == [fresh(second)]  # the oven is taken; the second is being made
    finish(first, at(30))
    assert (fresh(third).state, fresh(third).stage, fresh(third).rushed) == ("working", "baking", True)


def test_rush_twice_or_too_late_is_refused(place, bob):
    order = place(NOON)
    flow.rush(order.pk, clock=at(1), by=bob)
    with pytest.raises(flow.Refused, match="rushed already"):
        flow.rush(order.pk, clock=at(2), by=bob)
    flow.cancel(order.pk, clock=at(3), by=bob)
    with pytest.raises(flow.Refused, match="cancelled already"):
        flow.rush(order.pk, clock=at(4), by=bob)


def test_an_order_that_was_saved_as_cancelled_is_not_counted_as_delivered(django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        order = Order.objects.create(stage="cancelled")
    assert last(order) == ("cancelled", "cancelled", None)


def test_a_click_on_what_has_moved_on_is_refused_and_says_where_it_is(place, bob):
    order = place(NOON)
    flow.advance(order.pk, clock=at(1), by=bob, seen=1)
    for verb in (flow.advance, flow.recall, flow.hold, flow.rush, flow.cancel):
        with pytest.raises(flow.Refused, match="has moved on: it is in the oven already"):
            verb(order.pk, clock=at(2), by=bob, seen=1)
    with pytest.raises(flow.Refused, match="has moved on"):
        flow.override(order.pk, "cancelled", clock=at(2), by=bob, seen=1)
    assert (fresh(order).seq, fresh(order).stage) == (3, "baking")


def test_a_click_is_good_while_the_stage_is_the_one_that_was_seen(place, bob):
    first, second = place(NOON), place(NOON)
    finish(first, at(10))  # the second has begun since it was seen in line
    flow.hold(second.pk, clock=at(11), by=bob, seen=1)
    flow.advance(second.pk, clock=at(12), by=bob, seen=2)
    flow.undo(second.pk, 4, clock=at(13), by=bob)  # back where it was when it was seen
    flow.resume(second.pk, clock=at(14), by=bob, seen=3)
    assert [event for *_, event in history(second)] == ["joined", "started", "held", "overridden", "undone", "resumed"]


def test_undo_of_a_bump_brings_back_the_work_that_was_left(place, bob):
    order = place(NOON)
    flow.advance(order.pk, clock=at(4), by=bob)
    flow.undo(order.pk, 3, clock=at(7), by=bob)
    back = work_of(order)
    assert (back.stage, back.state, back.due_at) == ("received", "working", at(13))
    assert [event for *_, event in history(order)] == ["started", "done", "started", "undone"]


def test_undo_waits_its_old_turn_if_the_place_is_given_away(place, bob):
    first, second, third = place(NOON), place(at(1)), place(at(2))
    flow.advance(first.pk, clock=at(4), by=bob)
    assert begins(flow.undo, first.pk, 2, clock=at(5), by=bob) == []
    assert [order.pk for order in finish(second, at(14))] == [second.pk, first.pk]
    assert (work_of(first).due_at, fresh(third).state) == (at(20), "waiting")


def test_undo_of_a_recall_knows_when_it_was_delivered(place, bob):
    order = place(NOON)
    flow.override(order.pk, "delivered", clock=at(4), by=bob)
    flow.recall(order.pk, clock=at(6), by=bob)
    assert fresh(order).delivered_at is None
    flow.undo(order.pk, 3, clock=at(9), by=bob)
    assert (fresh(order).state, fresh(order).delivered_at) == ("delivered", at(4))


def test_undo_of_hold_cancel_and_rush(place, bob):
    order = place(NOON)
    for verb, seq in ((flow.hold, 2), (flow.cancel, 4)):
        verb(order.pk, clock=at(4), by=bob)
        flow.undo(order.pk, seq, clock=at(4), by=bob)
        assert (fresh(order).state, work_of(order).due_at) == ("working", at(10))
    flow.rush(order.pk, clock=at(5), by=bob)
    flow.undo(order.pk, 6, clock=at(6), by=bob)
    assert (fresh(order).rushed, work_of(order).due_at) == (False, at(10))


def test_undo_is_for_the_same_person_at_once_and_only_while_nothing_else_happened(place, bob, charlie):
    order = place(NOON)
    flow.advance(order.pk, clock=at(4), by=bob)
    for refused in (
        lambda: flow.undo(order.pk, 2, clock=at(5), by=charlie),
        lambda: flow.undo(order.pk, 1, clock=at(5), by=bob),
        lambda: flow.undo(order.pk, 2, clock=at(15), by=bob),
        lambda: flow.undo(10**6, 2, clock=at(5), by=bob),
    ):
        with pytest.raises(flow.Refused, match="nothing to undo"):
            refused()
    flow.advance(order.pk, clock=at(5), by=bob)
    with pytest.raises(flow.Refused, match="moved on"):
        flow.undo(order.pk, 2, clock=at(6), by=bob)


def test_a_closed_station_finishes_what_it_has_and_begins_nothing(place):
    first, second = place(NOON), place(NOON)
    assert begins(flow.change_station, "received", clock=at(1), is_open=False) == []
    assert [order.pk for order in finish(first, at(10))] == [first.pk]
    assert fresh(second).state == "waiting"
    assert [order.pk for order in begins(flow.change_station, "received", clock=at(12), is_open=True)] == [second.pk]


def test_a_new_mean_is_for_the_work_that_begins_from_now_on(place):
    first, second = place(NOON), place(NOON)
    flow.change_station("received", clock=at(1), mean_seconds=100)
    assert work_of(first).due_at == at(10)
    finish(first, at(10))
    assert work_of(second).due_at == at(110)


@pytest.mark.parametrize(
    "changes", [{"capacity": 0}, {"capacity": -1}, {"mean_seconds": -5}, {"distribution": "magic"}]
)
def test_a_station_that_cannot_be_is_refused(changes):
    before = Station.objects.values().get(stage="received")
    with pytest.raises(ValidationError):
        flow.change_station("received", clock=NOON, **changes)
    assert Station.objects.values().get(stage="received") == before
    with pytest.raises(flow.Refused):
        flow.change_station("delivered", clock=NOON, capacity=1)


def test_a_closed_shop_takes_no_orders(place, client, margherita):
    order = place(NOON)
    Shop.objects.update(is_open=False)
    response = client.post("/api/order/", {"id": margherita.pk}, "application/json")
    assert (response.status_code, response.json()) == (
        409,
        {"status": False, "error": "We are closed right now and take no orders."},
    )
    assert len(finish(order, at(10))) == 1  # what is in the kitchen goes on
    assert Order.objects.count() == 1


def test_the_recovery_sweep_leaves_an_order_alone_that_it_just_recovered(place):
    order = place(NOON)
    assert [found.epoch for found in works_begun(flow.recover, clock=at(13))] == [2]
    assert flow.recover(clock=at(15)) == 0
    assert [found.epoch for found in works_begun(flow.recover, clock=at(18))] == [3]
    assert work_of(order).due_at == NOON + timedelta(seconds=10)
    flow.finish_item(order.pk, 1, 3, "received", clock=at(18))
    assert work_of(order).recovered_at is None


def test_another_mean_stretches_the_parameters():
    own = {"low": 60, "mode": 90, "high": 240}
    Station.objects.filter(stage="received").update(distribution="triangular", parameters=own, mean_seconds=130)
    flow.change_station("received", clock=NOON, mean_seconds=65)
    station = Station.objects.get(stage="received")
    assert (station.parameters, station.spread_seconds) == (own, pytest.approx(39.37 / 2, abs=0.01))
    assert station.drawn.mean == 65
