"""The way of orders through the kitchen, on a virtual clock."""

import re

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext

from home.models import Order, OrderEvent
from kitchen import flow, stages
from kitchen.models import Shop, Station
from kitchen.tests.clock import NOON, at, begins, finish, finish_item, link_of, work_of, works_begun

pytestmark = [pytest.mark.database, pytest.mark.django_db, pytest.mark.usefixtures("sent", "cooked")]

ROW_LOCKS = connection.features.has_select_for_update


def history(order):
    """Return [(seq, seconds since noon, stage, event)]."""
    rows = order.events.values_list("seq", "at", "stage", "event")
    return [(seq, (when - NOON).total_seconds(), stage, event) for seq, when, stage, event in rows]


def fresh(order):
    return Order.objects.get(pk=order.pk)


def test_an_untouched_order_starts_at_each_stage_and_is_delivered(small_kitchen, place):
    order = place(NOON)
    for seconds in (10, 30, 35, 65):
        finish(order, at(seconds))

    assert history(order) == [
        (1, 0, "received", "started"),
        (2, 10, "baking", "started"),
        (3, 30, "baked", "joined"),
        (4, 30, "baked", "started"),
        (5, 35, "out_for_delivery", "started"),
        (6, 65, "delivered", "delivered"),
    ]
    assert list(order.events.values_list("item", flat=True)) == [1, 1, 1, None, None, None]
    order = fresh(order)
    assert (order.stage, order.state, order.seq, order.delivered_at) == ("delivered", "delivered", 6, at(65))


def test_place_writes_the_order_its_lines_and_its_first_event(small_kitchen, place, alice, margherita, diavola):
    order = fresh(place(NOON, [(margherita, 2), (diavola, 1)], user=alice))

    assert (order.user, order.amount, order.pizzas, order.way) == (alice, 31, 3, "delivery")
    assert order.summary == "2 × Margherita, 1 × Diavola"
    assert [(line.pizza, line.quantity, line.unit_price) for line in order.lines.all()] == [
        (margherita, 2, 9.5),
        (diavola, 1, 12),
    ]
    assert [(item.number, item.name, item.started_at) for item in order.parts] == [
        (1, "Margherita", NOON),
        (2, "Margherita", None),
        (3, "Diavola", None),
    ]
    assert [(event.item, event.event) for event in order.events.all()] == [
        (1, "started"),
        (2, "joined"),
        (3, "joined"),
    ]


def test_without_a_free_place_it_joins_the_line_and_takes_the_place_that_is_left(small_kitchen, place):
    first, second, third = place(NOON), place(at(1)), place(at(2))

    begun = finish(first, at(10))

    assert [order.pk for order in begun] == [first.pk, second.pk]
    assert history(second) == [(1, 1, "received", "joined"), (2, 10, "received", "started")]
    assert history(third) == [(1, 2, "received", "joined")]
    assert (work_of(second).due_at, work_of(second).epoch) == (at(20), 1)


def test_an_order_before_a_busy_station_waits_there_and_its_chain_ends(small_kitchen, place):
    first, second = place(NOON), place(NOON)
    finish(first, at(10))

    begun = finish(second, at(20))

    assert begun == []
    assert history(second)[-1] == (3, 20, "baking", "joined")
    assert fresh(second).state == "waiting"
    assert [order.pk for order in finish(first, at(30))] == [first.pk, second.pk]
    assert work_of(second).epoch == 2  # a new chain, a new epoch


def test_ties_in_a_line_go_to_the_older_order(small_kitchen, place):
    first, second, third = (place(NOON) for _ in range(3))
    finish(first, at(10))
    assert fresh(second).state == "working"
    assert fresh(third).state == "waiting"


def test_a_link_with_an_older_epoch_or_stage_does_nothing(small_kitchen, place):
    order = place(NOON)
    epoch = work_of(order).epoch
    finish(order, at(10))
    before = history(order)

    assert flow.finish_item(order.pk, 1, epoch, "received", clock=at(11)) is None  # the same link again
    assert flow.finish_item(order.pk, 1, epoch - 1, "baking", clock=at(31)) is None
    assert flow.finish_item(order.pk, 1, epoch, "baked", clock=at(31)) is None
    assert flow.finish_item(order.pk, 2, epoch, "baking", clock=at(31)) is None  # there is no such item
    assert flow.finish(order.pk, epoch, "baking", clock=at(31)) is None  # a link from before there were items
    assert history(order) == before


def test_a_link_that_comes_too_early_is_told_when_to_come(small_kitchen, place):
    order = place(NOON)
    with pytest.raises(flow.TooEarly) as early:
        finish(order, at(4))
    assert early.value.seconds == 6
    assert fresh(order).seq == 1


def test_override_moves_an_order_anywhere_and_the_old_chain_cannot_undo_it(small_kitchen, place, bob):
    order = place(NOON)
    stale = work_of(order).epoch

    begun = begins(flow.override, order.pk, "out_for_delivery", clock=at(3), by=bob, reason="Forgot to tick it off")

    assert [one.pk for one in begun] == [order.pk]
    assert flow.finish_item(order.pk, 1, stale, "received", clock=at(10)) is None
    event = order.events.last()
    assert (event.seq, event.stage, event.event, event.by, event.reason) == (
        2,
        "out_for_delivery",
        "overridden",
        bob,
        "Forgot to tick it off",
    )
    assert fresh(order).due_at == at(33)


def test_override_seats_the_next_in_the_line_that_was_left(small_kitchen, place, bob):
    first, second = place(NOON), place(NOON)
    begun = begins(flow.override, first.pk, "delivered", clock=at(3), by=bob)
    assert [order.pk for order in begun] == [second.pk]
    assert fresh(first).delivered_at == at(3)


def test_override_can_bring_back_what_was_delivered_or_cancelled(small_kitchen, place, bob):
    order = place(NOON)
    flow.override(order.pk, "delivered", clock=at(1), by=bob)
    flow.override(order.pk, "baking", clock=at(2), by=bob)
    assert (fresh(order).state, fresh(order).delivered_at) == ("working", None)
    flow.cancel(order.pk, clock=at(3), by=bob)
    flow.override(order.pk, "baked", clock=at(4), by=bob)
    assert fresh(order).state == "working"


def test_override_to_where_it_stands_or_nowhere_is_refused(small_kitchen, place, bob):
    order = place(NOON)
    with pytest.raises(flow.Refused, match="already at “Order received”"):
        flow.override(order.pk, "received", clock=at(1), by=bob)
    with pytest.raises(flow.Refused, match="no stage “fried”"):
        flow.override(order.pk, "fried", clock=at(1), by=bob)
    assert fresh(order).seq == 1


def test_override_to_cancelled_is_a_cancellation(small_kitchen, place, bob):
    order = place(NOON)
    flow.override(order.pk, "cancelled", clock=at(1), by=bob)
    assert history(order)[-1] == (2, 1, "cancelled", "cancelled")


def test_advance_goes_one_stage_on_until_there_is_none(small_kitchen, place, bob):
    order = place(NOON)
    for stage in stages.ROUTES["delivery"].stages[1:]:
        flow.advance(order.pk, clock=at(1), by=bob)
        assert fresh(order).stage == stage
    with pytest.raises(flow.Refused, match="delivered already"):
        flow.advance(order.pk, clock=at(2), by=bob)


def test_hold_keeps_the_work_that_is_left_and_resume_goes_on_with_it(small_kitchen, place, bob):
    order = place(NOON)
    flow.hold(order.pk, clock=at(4), by=bob, reason="Customer is late")
    held = work_of(order)
    assert (held.state, held.remaining_seconds, held.due_at) == ("held", 6, None)
    assert flow.finish_item(order.pk, 1, held.epoch, "received", clock=at(10)) is None

    begun = begins(flow.resume, order.pk, clock=at(100), by=bob)

    assert [one.pk for one in begun] == [order.pk]
    resumed = work_of(order)
    assert (resumed.state, resumed.started_at, resumed.due_at) == ("working", at(96), at(106))
    assert [event for *_, event in history(order)] == ["started", "held", "resumed"]


def test_hold_frees_the_place_and_resume_waits_its_old_turn(small_kitchen, place, bob):
    first, second, third = place(NOON), place(at(1)), place(at(2))
    assert [order.pk for order in begins(flow.hold, first.pk, clock=at(4), by=bob)] == [second.pk]
    assert begins(flow.resume, first.pk, clock=at(5), by=bob) == []
    begun = finish(second, at(14))
    assert [order.pk for order in begun] == [second.pk, first.pk]  # before the third: it was there first
    assert work_of(first).due_at == at(20)
    assert fresh(third).state == "waiting"


def test_hold_of_a_waiting_order_takes_it_out_of_the_line(small_kitchen, place, bob):
    first, second, third = place(NOON), place(at(1)), place(at(2))
    flow.hold(second.pk, clock=at(3), by=bob)
    assert [order.pk for order in finish(first, at(10))] == [first.pk, third.pk]
    assert work_of(second).remaining_seconds is None


def test_moving_a_held_order_ends_the_hold(small_kitchen, place, bob):
    order = place(NOON)
    flow.hold(order.pk, clock=at(4), by=bob)
    flow.override(order.pk, "baking", clock=at(5), by=bob)
    assert (fresh(order).state, work_of(order).due_at) == ("working", at(25))


@pytest.mark.parametrize(
    ("verb", "state", "words"),
    [
        (flow.hold, "held", "on hold already"),
        (flow.hold, "delivered", "delivered already"),
        (flow.resume, "working", "not on hold"),
        (flow.resume, "delivered", "not on hold"),
        (flow.cancel, "delivered", "delivered already"),
        (flow.cancel, "cancelled", "cancelled already"),
        (flow.advance, "cancelled", "cancelled already"),
    ],
)
def test_what_makes_no_sense_is_refused_and_changes_nothing(small_kitchen, place, bob, verb, state, words):
    order = place(NOON)
    if state == "held":
        flow.hold(order.pk, clock=at(1), by=bob)
    elif state in stages.ENDED:
        flow.override(order.pk, state, clock=at(1), by=bob)
    before = history(order)
    with pytest.raises(flow.Refused, match=words):
        verb(order.pk, clock=at(2), by=bob)
    assert history(order) == before


def test_cancel_frees_the_place(small_kitchen, place, bob):
    first, second = place(NOON), place(NOON)
    assert [order.pk for order in begins(flow.cancel, first.pk, clock=at(2), by=bob, reason="Out of dough")] == [
        second.pk
    ]
    assert first.events.last().reason == "Out of dough"


def test_what_undo_would_bring_back_is_in_kitchen_seconds_whatever_the_verb(small_kitchen, place, bob):
    Shop.objects.update(speed=60)
    for number, verb in enumerate((flow.rush, flow.hold, flow.advance, flow.cancel)):
        order = place(at(number))
        verb(order.pk, by=bob, clock=at(number + 0.1))
        left = order.events.get(before__isnull=False).before["items"]["1"]["remaining_seconds"]
        assert left == pytest.approx(4, abs=1e-3), verb.__name__
        flow.override(order.pk, "delivered", clock=at(number + 0.2))


def test_change_restarts_the_work_and_the_old_chain_does_nothing(small_kitchen, place, bob, margherita, diavola):
    order, second = place(NOON, [(margherita, 1)]), place(NOON)

    begun = begins(
        flow.change, order.pk, [(diavola, 2), (margherita, 1)], clock=at(4), by=bob, reason="The customer called"
    )

    assert [one.pk for one in begun] == []  # the Margherita goes on as it is, the place is taken
    changed = fresh(order)
    assert (changed.summary, changed.pizzas, changed.amount) == ("2 × Diavola, 1 × Margherita", 3, 33.5)
    assert [(line.pizza, line.quantity, line.unit_price) for line in changed.lines.all()] == [
        (diavola, 2, 12),
        (margherita, 1, 9.5),
    ]
    assert [(item.number, item.name, item.started_at, item.joined_at) for item in changed.parts] == [
        (1, "Margherita", NOON, NOON),
        (2, "Diavola", None, at(4)),
        (3, "Diavola", None, at(4)),
    ]
    assert history(order)[1:] == [
        (2, 4, "received", "changed"),
        (3, 4, "received", "joined"),
        (4, 4, "received", "joined"),
    ]
    assert order.events.get(event="changed").sentence == "Changed at your request: The customer called"
    assert [one.pk for one in begins(*link_of(changed.parts[0]), clock=at(10))] == [order.pk, second.pk]


def test_change_to_another_pizza_starts_over_in_the_same_place(small_kitchen, place, bob, diavola):
    order, second = place(NOON), place(NOON)

    begun = begins(flow.change, order.pk, [(diavola, 1)], clock=at(4), by=bob)

    item = work_of(order)
    assert [one.pk for one in begun] == [order.pk]
    assert (item.number, item.name, item.started_at, item.due_at, item.epoch) == (1, "Diavola", at(4), at(14), 2)
    assert flow.finish_item(order.pk, 1, 1, "received", clock=at(10)) is None
    assert fresh(second).state == "waiting"  # the place was not given away
    assert [one.pk for one in finish(order, at(14))] == [order.pk, second.pk]


def test_change_throws_away_what_is_too_many_and_keeps_what_is_made(small_kitchen, place, bob, margherita, diavola):
    order, second = place(NOON, [(margherita, 2), (diavola, 1)]), place(NOON)
    finish_item(order, 1, at(10))

    begun = begins(flow.change, order.pk, [(margherita, 1)], clock=at(12), by=bob)

    assert [one.pk for one in begun] == [second.pk]  # at the make line
    changed = fresh(order)
    assert [(item.number, item.stage) for item in changed.parts] == [(1, "baking")]
    assert (changed.stage, changed.summary, changed.amount) == ("baking", "1 × Margherita", 9.5)


def test_change_keeps_the_turn_of_a_waiting_order_and_the_hold_of_a_held_one(small_kitchen, place, bob, diavola):
    first, second, third, held = place(NOON), place(at(1)), place(at(2)), place(at(3))
    flow.hold(held.pk, clock=at(4), by=bob)
    flow.hold(first.pk, clock=at(5), by=bob)  # with work done, which the change discards
    flow.hold(second.pk, clock=at(6), by=bob)
    flow.resume(second.pk, clock=at(7), by=bob)
    for order in (first, second, held):
        assert begins(flow.change, order.pk, [(diavola, 1)], clock=at(8), by=bob) == []
    assert [fresh(order).state for order in (first, second, held)] == ["held", "waiting", "held"]
    assert (work_of(second).joined_at, work_of(first).remaining_seconds) == (at(1), None)
    assert [one.pk for one in begins(flow.advance, third.pk, clock=at(9), by=bob)] == [third.pk, second.pk]


@pytest.mark.parametrize("stage", ["baking", "out_for_delivery", "delivered", "cancelled"])
def test_change_is_refused_once_the_oven_has_it(small_kitchen, place, bob, diavola, stage):
    order = place(NOON)
    flow.override(order.pk, stage, clock=at(1), by=bob)
    before = history(order)
    with pytest.raises(flow.Refused, match="can no longer be changed"):
        flow.change(order.pk, [(diavola, 1)], clock=at(2), by=bob)
    assert (history(order), fresh(order).summary) == (before, "1 × Margherita")


def test_a_change_meant_for_an_order_that_has_moved_on_is_refused(small_kitchen, place, bob, diavola):
    order = place(NOON)
    finish(order, at(10))
    with pytest.raises(flow.Refused, match="moved on"):
        flow.change(order.pk, [(diavola, 1)], clock=at(13), by=bob, seen=1)


def test_recover_gives_overdue_work_a_new_epoch_and_nothing_else(small_kitchen, place):
    order = place(NOON)
    place(NOON)
    assert flow.recover(clock=at(11)) == 0  # a link can be a little late

    (found,) = works_begun(flow.recover, clock=at(13))

    assert (found, found.epoch) == (work_of(order), 2)
    assert (work_of(order).epoch, fresh(order).seq, work_of(order).due_at) == (2, 1, at(10))
    assert flow.finish_item(order.pk, 1, 1, "received", clock=at(13)) is None  # the lost link turns up after all
    assert len(begins(flow.finish_item, order.pk, 1, 2, "received", clock=at(13))) == 2


def test_more_places_move_the_line_at_once(small_kitchen, place):
    _, second, third = place(NOON), place(at(1)), place(at(2))
    Station.objects.filter(stage="received").update(capacity=2)
    assert [order.pk for order in begins(flow.seat_all, clock=at(3))] == [second.pk]
    assert fresh(third).state == "waiting"


def test_fewer_places_throw_nobody_out_and_seat_nobody(small_kitchen, place):
    Station.objects.filter(stage="received").update(capacity=2)
    first, second, third = place(NOON), place(NOON), place(NOON)
    Station.objects.filter(stage="received").update(capacity=1)
    assert [order.pk for order in finish(first, at(10))] == [first.pk]
    assert fresh(third).state == "waiting"
    assert [order.pk for order in finish(second, at(10))] == [third.pk]


def test_set_speed_stretches_the_work_that_is_left(small_kitchen, place):
    order = place(NOON)
    (changed,) = works_begun(flow.set_speed, 2, clock=at(4))
    assert (changed.started_at, changed.due_at, changed.epoch) == (at(2), at(7), 2)
    assert len(finish(order, at(7))) == 1
    assert work_of(order).due_at == at(17)  # 20 kitchen seconds


@pytest.mark.parametrize("speed", [0, -1, float("nan"), float("inf"), 10**9])
def test_set_speed_refuses_nonsense(small_kitchen, speed):
    with pytest.raises(ValidationError):
        flow.set_speed(speed, clock=NOON)


def test_service_times_per_pizza_grow_with_the_order(small_kitchen, place, margherita):
    Station.objects.filter(stage="baked").update(per_pizza=True)
    Station.objects.filter(works_on="item").update(capacity=3)
    order = place(NOON, [(margherita, 3)])
    for number in (1, 2, 3):
        finish_item(order, number, at(10))
    for number in (1, 2, 3):
        finish_item(order, number, at(30))
    assert fresh(order).due_at == at(45)


def test_a_bare_save_of_the_stage_is_an_override(small_kitchen, place):
    first, second = place(NOON), place(NOON)
    order = fresh(first)
    order.stage = "baked"
    order.save()
    assert (order.stage, order.state, order.seq) == ("baked", "working", 2)
    assert OrderEvent.objects.filter(order=first).last().event == "overridden"
    assert fresh(second).state == "working"


def test_a_bare_save_locks_the_kitchen_first_and_keeps_what_else_was_changed(small_kitchen, place, alice):
    """Writing an order and then waiting for the kitchen's lock would deadlock with a verb."""
    order = fresh(place(NOON))
    order.stage, order.user = "baked", alice
    with CaptureQueriesContext(connection) as queries:
        order.save()
    tables = [re.search(r"FROM (kitchen_shop)|UPDATE \W?(home_order)\W? ", query["sql"]) for query in queries]
    found = [table[1] or table[2] for table in tables if table]
    assert found == ["kitchen_shop"] * (1 + ROW_LOCKS) + ["home_order", "home_order"]
    assert (fresh(order).stage, fresh(order).user, order.user) == ("baked", alice, alice)


def test_a_bare_save_of_nonsense_is_refused_whole(small_kitchen, place, alice):
    order = fresh(place(NOON))
    order.stage, order.user = "fried", alice
    with pytest.raises(flow.Refused):
        order.save()
    assert (fresh(order).stage, fresh(order).user) == ("received", None)


def test_a_stage_that_is_not_among_the_saved_fields_moves_nothing(small_kitchen, place):
    order = fresh(place(NOON))
    order.stage, order.summary = "baked", "1 × Mystery"
    order.save(update_fields=["summary"])
    assert (fresh(order).stage, fresh(order).seq, fresh(order).summary) == ("received", 1, "1 × Mystery")
    order.save(update_fields=["stage"])
    assert (fresh(order).stage, fresh(order).seq) == ("baked", 2)


def test_a_requested_stage_outlives_a_look_at_other_fields(small_kitchen, place):
    order = Order.objects.defer("guest").get(pk=place(NOON).pk)
    order.stage = "baked"
    assert order.guest == ""  # read only now
    order.refresh_from_db(fields=["summary"])
    order.save()
    assert (fresh(order).stage, fresh(order).seq) == ("baked", 2)


def test_a_refresh_drops_a_requested_stage(small_kitchen, place):
    order = fresh(place(NOON))
    for fields in (None, ["stage"]):
        order.stage = "baked"
        order.refresh_from_db(fields=fields)
        order.save()
    assert (fresh(order).stage, fresh(order).seq) == ("received", 1)


def test_an_old_instance_cannot_write_yesterdays_stage(small_kitchen, place, alice):
    order = place(NOON)
    old = fresh(order)
    finish(order, at(10))
    old.user = alice
    old.save()
    assert (fresh(order).user, fresh(order).stage, fresh(order).seq) == (alice, "baking", 2)


def test_a_bare_new_order_joins_the_kitchen(small_kitchen, cooked, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        order = Order()
        order.save()
    assert (order.state, order.seq) == ("working", 1)
    assert cooked == [(order.pk, 1, "received")]


def test_finish_needs_few_statements(small_kitchen, place, django_assert_num_queries):
    """SAVEPOINT (BEGIN in life), lock, read, write, RELEASE (COMMIT). On SQLite BEGIN locks, and a write is two."""
    order = place(NOON)
    with django_assert_num_queries(5 if ROW_LOCKS else 6):
        flow.finish_item(order.pk, 1, 1, "received", clock=at(10))


def test_seating_the_next_needs_few_more(small_kitchen, place, django_assert_num_queries):
    """Read the line and its order, write."""
    order, _ = place(NOON), place(NOON)
    with django_assert_num_queries(8 if ROW_LOCKS else 11):
        flow.finish_item(order.pk, 1, 1, "received", clock=at(10))
