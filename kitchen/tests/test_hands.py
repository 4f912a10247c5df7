"""Stations where the work ends with a tap: the chain waits, and marks what takes longer than usual."""

import pytest
from django.core.exceptions import ValidationError

from home.models import Order
from home.timeline import timeline
from kitchen import flow
from kitchen.models import Station
from kitchen.tests.clock import NOON, at, begins, link_of, work_of, works_begun

pytestmark = [pytest.mark.database, pytest.mark.django_db, pytest.mark.usefixtures("sent", "cooked")]


@pytest.fixture
def by_hand(small_kitchen):
    """Let a tap end the work at the make line, the bench and with the drivers; the oven has its clock."""
    Station.objects.exclude(stage="baking").update(ends_by="hand")


def fresh(order):
    return Order.objects.get(pk=order.pk)


def history(order):
    """Return [(seconds since noon, item, stage, event)]."""
    rows = order.events.values_list("at", "item", "stage", "event")
    return [((when - NOON).total_seconds(), item, stage, event) for when, item, stage, event in rows]


def link_comes(order, seconds):
    return works_begun(*link_of(work_of(order)), clock=at(seconds))


def test_make_by_hand_oven_by_clock_drivers_by_hand(by_hand, place, bob):
    order = place(NOON)
    flow.advance(order.pk, bob, clock=at(8))
    link_comes(order, 28)  # the oven's
    flow.advance(order.pk, bob, clock=at(31))
    assert (fresh(order).state, fresh(order).words) == ("waiting", "Waiting for a driver")
    flow.take(order.pk, bob, clock=at(60))
    flow.advance(order.pk, bob, clock=at(99))
    assert history(order) == [
        (0, 1, "received", "started"),
        (8, 1, "received", "done"),
        (8, 1, "baking", "started"),
        (28, 1, "baked", "joined"),
        (28, None, "baked", "started"),
        (31, None, "baked", "done"),
        (31, None, "out_for_delivery", "joined"),
        (60, None, "out_for_delivery", "started"),
        (99, None, "out_for_delivery", "done"),
        (99, None, "delivered", "delivered"),
    ]
    taps = order.events.filter(by_person=True)
    assert [(event.event, event.by) for event in taps] == [(name, bob) for name in ("done", "done", "started", "done")]
    assert [sentence for _, sentence in timeline(fresh(order))] == [
        "We started making your order",
        "Your pizza went into the oven",
        "Out of the oven, being cut and boxed",
        "Waiting for a driver",
        "On its way to you",
        "Delivered. Enjoy your meal!",
    ]


def test_a_link_that_is_due_marks_the_work_and_ends(by_hand, place):
    order, behind = place(NOON), place(NOON)
    with pytest.raises(flow.TooEarly):
        link_comes(order, 9)
    assert link_comes(order, 10) == []
    assert history(order)[1:] == [(10, 1, "received", "overran")]
    payload = fresh(order).payload()
    assert (payload["stage"], payload["state"], payload["overdue"]) == ("received", "working", True)
    assert payload["items"][0]["overdue"]
    assert not fresh(behind).payload()["overdue"]

    assert flow.recover(clock=at(1000)) == 0  # it is left alone
    assert link_comes(order, 1000) == []
    assert len(history(order)) == 2
    assert begins(flow.advance, order.pk, clock=at(1001)) == [order, behind]  # the tap sends the rest
    assert not fresh(order).payload()["overdue"]


def test_the_sweep_brings_a_lost_link_that_has_still_to_mark_the_work(by_hand, place):
    order = place(NOON)
    assert flow.recover(clock=at(11)) == 0
    assert flow.recover(clock=at(13)) == 1
    link_comes(order, 13)
    assert fresh(order).payload()["overdue"]
    assert flow.recover(clock=at(100)) == 0


def test_it_is_due_when_it_takes_longer_than_nineteen_of_twenty(by_hand, place):
    Station.objects.filter(stage="received").update(distribution="exponential")
    order = place(NOON)
    assert work_of(order).due_at.timestamp() == pytest.approx(at(30).timestamp(), abs=1)  # 10 s * ln 20


def test_it_goes_on_by_itself_after_a_multiple_of_the_mean(by_hand, place):
    Station.objects.filter(stage="received").update(goes_on_after_times=6)
    order, behind = place(NOON), place(NOON)
    assert link_comes(order, 10) == [work_of(order)]  # to come again
    assert work_of(order).due_at == at(60)
    assert flow.recover(clock=at(50)) == 0
    assert begins(*link_of(work_of(order)), clock=at(60)) == [order, behind]
    assert history(order)[1:] == [
        (10, 1, "received", "overran"),
        (60, 1, "received", "assumed"),
        (60, 1, "baking", "started"),
    ]


def test_the_owner_can_switch_that_on_and_off_while_work_is_late(by_hand, place):
    order = place(NOON)
    link_comes(order, 10)
    flow.change_station("received", clock=at(20), goes_on_after_times=6)
    assert flow.recover(clock=at(20)) == 1
    link_comes(order, 21)
    assert work_of(order).due_at == at(60)
    flow.change_station("received", clock=at(22), goes_on_after_times=None)
    assert link_comes(order, 60) == []
    assert flow.recover(clock=at(70)) == 0
    flow.change_station("received", clock=at(71), goes_on_after_times=6)
    assert flow.recover(clock=at(71)) == 1
    link_comes(order, 72)
    assert fresh(order).stage == "baking"


def test_the_clock_takes_over_what_nobody_has_ended(by_hand, place):
    order = place(NOON)
    link_comes(order, 10)
    flow.change_station("received", clock=at(20), ends_by="clock")
    assert flow.recover(clock=at(21)) == 1
    link_comes(order, 21)
    assert (fresh(order).stage, fresh(order).payload()["overdue"]) == ("baking", False)


def test_work_under_way_waits_for_the_tap_from_now_on(small_kitchen, place):
    order = place(NOON)
    flow.change_station("received", clock=at(5), ends_by="hand")
    assert link_comes(order, 10) == []
    assert fresh(order).payload()["overdue"]


def test_a_tap_at_a_station_with_a_clock_is_a_completion_too(small_kitchen, place, bob):
    order = place(NOON)
    flow.advance(order.pk, bob, clock=at(4))
    assert history(order)[1:] == [(4, 1, "received", "done"), (4, 1, "baking", "started")]


def test_to_end_what_has_not_begun_is_a_jump(by_hand, place, bob):
    place(NOON)
    waiting = place(NOON)
    flow.advance(waiting.pk, bob, clock=at(4))
    assert history(waiting)[1:] == [(4, 1, "baking", "overridden")]


def test_a_tap_ends_all_that_an_order_has_under_way_at_its_stage_or_one_pizza(by_hand, place, margherita, bob):
    Station.objects.filter(stage="received").update(capacity=2)
    order = place(NOON, [(margherita, 3)])
    flow.advance(order.pk, bob, item=1, clock=at(5))  # the third begins in its place
    assert [(item.stage, item.state) for item in fresh(order).parts] == [
        ("baking", "working"),
        ("received", "working"),
        ("received", "working"),
    ]
    flow.advance(order.pk, bob, clock=at(9))
    assert history(order)[-4:] == [
        (9, 2, "received", "done"),
        (9, 3, "received", "done"),
        (9, 2, "baking", "joined"),
        (9, 3, "baking", "joined"),
    ]


def test_a_tap_by_mistake_is_undone_with_the_time_that_had_passed(by_hand, place, bob):
    order = place(NOON)
    link_comes(order, 10)
    flow.advance(order.pk, bob, clock=at(50))
    flow.undo(order.pk, fresh(order).seq, bob, clock=at(55))
    back = work_of(order)
    assert (back.stage, back.state, back.due_at, back.started_at) == ("received", "working", at(15), at(5))
    link_comes(order, 55)
    assert fresh(order).payload()["overdue"]


def test_to_have_arrived_can_be_undone(by_hand, place, bob):
    order = place(NOON)
    flow.override(order.pk, "out_for_delivery", bob, clock=at(1))
    flow.take(order.pk, bob, clock=at(2))
    flow.advance(order.pk, bob, clock=at(3))
    flow.undo(order.pk, fresh(order).seq, bob, clock=at(4))
    assert (fresh(order).stage, fresh(order).state) == ("out_for_delivery", "working")


def test_what_was_held_while_it_was_late_is_late_again(by_hand, place, bob):
    order = place(NOON)
    link_comes(order, 10)
    flow.hold(order.pk, bob, clock=at(14))
    assert (work_of(order).remaining_seconds, fresh(order).payload()["overdue"]) == (-4, False)
    flow.resume(order.pk, bob, clock=at(100))
    assert (work_of(order).started_at, work_of(order).due_at) == (at(86), at(96))
    link_comes(order, 100)
    assert fresh(order).payload()["overdue"]


def test_a_second_tap_on_what_was_seen_does_not_move_what_waits_or_is_put_aside(by_hand, place, margherita, bob):
    Station.objects.filter(stage="received").update(capacity=2)
    order = place(NOON, [(margherita, 3)])
    flow.hold(order.pk, bob, item=3, clock=at(1))
    seen = fresh(order).seq
    flow.advance(order.pk, bob, clock=at(8), seen=seen)
    with pytest.raises(flow.Refused, match="has moved on"):
        flow.advance(order.pk, bob, clock=at(8.3), seen=seen)
    assert [(item.stage, item.state) for item in fresh(order).parts] == [
        ("baking", "working"),
        ("baking", "waiting"),
        ("received", "held"),
    ]


def test_nor_does_it_where_somebody_else_has_the_place_by_now(by_hand, place, margherita, bob):
    order, urgent = place(NOON, [(margherita, 2)]), place(NOON)
    flow.rush(urgent.pk, bob, clock=at(1))
    seen = fresh(order).seq
    flow.advance(order.pk, bob, clock=at(8), seen=seen)
    with pytest.raises(flow.Refused, match="has moved on"):
        flow.advance(order.pk, bob, clock=at(8.3), seen=seen)
    assert fresh(order).item(2).state == "waiting"
    flow.advance(order.pk, bob, clock=at(9), seen=fresh(order).seq)  # who has seen that can send it on
    assert fresh(order).item(2).stage == "baking"


# Taken along


@pytest.fixture
def boxed(by_hand, place, bob):
    """Two orders that wait for a driver, for one place on the road."""
    orders = [place(NOON), place(NOON)]
    for order in orders:
        flow.override(order.pk, "out_for_delivery", bob, clock=at(1))
    return orders


def test_a_driver_takes_whichever_is_wanted_and_as_many_as_there_are_places(boxed, bob):
    first, second = boxed
    assert flow.seat_all(clock=at(2)) is None
    assert fresh(first).state == fresh(second).state == "waiting"
    assert begins(flow.take, second.pk, bob, clock=at(3)) == [second]
    with pytest.raises(flow.Refused, match="as there are places for: 1"):
        flow.take(first.pk, bob, clock=at(4))
    flow.advance(second.pk, bob, clock=at(5))
    assert fresh(first).state == "waiting"
    flow.take(first.pk, bob, clock=at(6))
    assert fresh(first).state == "working"


def test_what_was_taken_by_mistake_is_put_back(boxed, bob):
    order = boxed[0]
    flow.take(order.pk, bob, clock=at(3))
    flow.undo(order.pk, fresh(order).seq, bob, clock=at(4))
    assert (fresh(order).stage, fresh(order).state) == ("out_for_delivery", "waiting")


def test_what_was_put_aside_and_taken_again_by_mistake_is_put_back_too(boxed, bob):
    first, second = boxed
    flow.take(first.pk, bob, clock=at(3))
    flow.hold(first.pk, bob, clock=at(4))
    flow.take(second.pk, bob, clock=at(5))
    flow.resume(first.pk, bob, clock=at(6))  # there is no place for it now
    flow.advance(second.pk, bob, clock=at(7))
    flow.take(first.pk, bob, clock=at(8))
    flow.undo(first.pk, fresh(first).seq, bob, clock=at(9))
    assert fresh(first).state == "waiting"


def test_a_customer_does_not_read_of_it(boxed, bob):
    order = boxed[0]
    flow.take(order.pk, bob, clock=at(3))
    flow.undo(order.pk, fresh(order).seq, bob, clock=at(4))
    told = [sentence for _, sentence in timeline(fresh(order))]
    assert "On its way to you" not in told and not any(line.startswith("Back to") for line in told)


def test_a_customer_reads_once_that_it_takes_longer(by_hand, place, bob):
    order = place(NOON)
    link_comes(order, 10)
    flow.hold(order.pk, bob, clock=at(14))
    flow.resume(order.pk, bob, clock=at(15))
    link_comes(order, 16)
    told = [sentence for _, sentence in timeline(fresh(order))]
    assert told.count("It takes a little longer than usual") == 1


def test_with_a_clock_again_those_who_wait_are_sent_off(boxed):
    first, second = boxed
    assert begins(flow.change_station, "out_for_delivery", clock=at(3), ends_by="clock") == [first]
    assert fresh(second).state == "waiting"


def test_what_cannot_be_taken_is_refused_in_a_sentence(boxed, place, bob):
    order, other = boxed
    cooking = place(at(2))
    refusals = [
        (cooking, {}, "can't be taken along: it is being made|can't be taken along: it is waiting for the make line"),
        (other, {"item": 1}, "as a whole"),
    ]
    flow.take(order.pk, bob, clock=at(3))
    refusals.append((order, {}, "on its way already"))
    flow.hold(other.pk, bob, clock=at(4))
    refusals.append((other, {}, "on hold"))
    cancelled = place(at(4))
    flow.cancel(cancelled.pk, bob, clock=at(4))
    refusals.append((cancelled, {}, "cancelled already"))
    for refused, about, words in refusals:
        with pytest.raises(flow.Refused, match=words):
            flow.take(refused.pk, bob, **about, clock=at(5))
    flow.change_station("out_for_delivery", clock=at(6), is_open=False)
    flow.resume(other.pk, bob, clock=at(7))
    with pytest.raises(flow.Refused, match="closed"):
        flow.take(other.pk, bob, clock=at(8))


@pytest.mark.parametrize("wrong", [{"ends_by": "whim"}, {"goes_on_after_times": 0.5}, {"goes_on_after_times": 1e9}])
def test_nonsense_is_refused(by_hand, wrong):
    with pytest.raises(ValidationError):
        flow.change_station("received", **wrong)
