"""Turns of events that random histories found (kitchen.tests.test_histories), told one by one."""

import pytest

from home.models import Order
from kitchen import flow
from kitchen.models import Station
from kitchen.tests.clock import NOON, at, finish_item

pytestmark = [pytest.mark.database, pytest.mark.django_db, pytest.mark.usefixtures("sent", "cooked")]


@pytest.fixture
def three(small_kitchen, place, margherita, diavola):
    """Place an order of three pizzas, for a make line and an oven of two places each."""
    Station.objects.filter(works_on="item").update(capacity=2)
    return place(NOON, [(margherita, 2), (diavola, 1)])


def fresh(order):
    return Order.objects.get(pk=order.pk)


def test_a_pizza_that_an_undo_makes_the_last_one_lets_its_order_go_on(three, bob):
    for number in (1, 2):
        flow.override(three.pk, "baked", bob, item=number, clock=at(1))
    flow.override(three.pk, "baking", bob, item=1, clock=at(2))
    seq = fresh(three).seq
    flow.override(three.pk, "baked", item=3, clock=at(3))
    flow.undo(three.pk, seq, bob, clock=at(4))
    assert (fresh(three).stage, fresh(three).state) == ("baked", "working")


def test_a_rushed_order_is_rushed_with_pizzas_that_come_back_or_are_new(three, bob, margherita, diavola):
    flow.override(three.pk, "baked", bob, item=1, clock=at(1))
    flow.rush(three.pk, bob, clock=at(2))
    flow.recall(three.pk, bob, item=1, clock=at(3))
    flow.change(three.pk, [(margherita, 3), (diavola, 2)], bob, clock=at(4))
    assert [item.rushed for item in fresh(three).parts] == [True] * 5

    flow.override(three.pk, "out_for_delivery", bob, clock=at(5))
    flow.recall(three.pk, bob, clock=at(6))
    flow.recall(three.pk, bob, clock=at(7))
    assert [item.rushed for item in fresh(three).parts] == [True] * 5


def test_the_undo_of_a_rush_leaves_alone_who_was_rushed_before(three, bob):
    flow.remake(three.pk, bob, item=1, clock=at(1))
    flow.rush(three.pk, bob, clock=at(2))
    flow.undo(three.pk, fresh(three).seq, bob, clock=at(3))
    assert [item.rushed for item in fresh(three).parts] == [True, False, False]
    assert not fresh(three).rushed


def test_a_struck_pizza_stays_struck(three, bob):
    flow.cancel(three.pk, bob, item=3, clock=at(1))
    with pytest.raises(flow.Refused, match="cancelled already"):
        flow.override(three.pk, "baking", bob, item=3, clock=at(2))
    flow.cancel(three.pk, bob, clock=at(3))
    flow.override(three.pk, "received", bob, clock=at(4))
    assert [item.state for item in fresh(three).parts] == ["working", "working", "cancelled"]
    assert (fresh(three).pizzas, fresh(three).summary) == (2, "2 × Margherita")


@pytest.mark.parametrize(
    ("column", "sentence"), [("stage", "There is no stage “foo”."), ("way", "There is no way out called “foo”.")]
)
def test_an_order_cannot_be_saved_with_a_stage_or_a_way_that_nobody_knows(small_kitchen, column, sentence):
    with pytest.raises(flow.Refused, match=f"^{sentence}$"):
        Order(**{column: "foo"}).save()
    assert not Order.objects.exists()


@pytest.mark.parametrize(("way", "stage"), [("delivery", "ready"), ("carry_out", "out_for_delivery")])
def test_an_order_cannot_be_saved_at_a_stage_of_the_other_way(small_kitchen, way, stage):
    with pytest.raises(flow.Refused, match="never is"):
        Order(way=way, stage=stage).save()
    assert not Order.objects.exists()


def test_only_the_last_pizza_lets_the_order_go_on(three):
    for number in (1, 2):
        finish_item(three, number, at(10))
    assert fresh(three).stage == "received"


def test_an_undo_gives_no_place_to_the_wrong_one(three, bob, place):
    """All leave their places first; who stands before them in a line must not see them take these again."""
    for number in (1, 2, 3):
        flow.override(three.pk, "baking", item=number, clock=at(1))
    waiting = place(at(2))
    flow.override(waiting.pk, "baking", clock=at(3))
    flow.hold(three.pk, item=3, clock=at(4))
    flow.remake(three.pk, bob, clock=at(5))  # the oven is free: `waiting` begins
    other = place(at(6))
    flow.override(other.pk, "baking", clock=at(6))
    late = place(at(7))
    flow.override(late.pk, "baking", clock=at(7))
    flow.undo(three.pk, fresh(three).seq, bob, clock=at(8))
    assert [item.state for item in fresh(three).parts][:2] == ["waiting", "waiting"]
    assert fresh(late).state == "waiting"


def test_a_newcomer_begins_where_the_line_has_just_left(three, bob):
    """The only one that waits for the oven is moved away in the same step in which another comes to it."""
    Station.objects.filter(stage="baking").update(kind="belt", headway_seconds=7)
    for number in (1, 2):
        finish_item(three, number, at(10))
    assert fresh(three).item(2).state == "waiting"
    flow.override(three.pk, "baked", bob, item=2, clock=at(20))
    flow.override(three.pk, "baking", bob, item=3, clock=at(20))
    assert fresh(three).item(3).state == "working"


def test_a_pizza_that_was_sent_back_takes_its_order_out_of_the_reach_of_an_undo(three, bob):
    """Else the order would have a place while its pizzas have theirs."""
    flow.override(three.pk, "baked", clock=at(1))
    flow.hold(three.pk, bob, clock=at(2))
    seq = fresh(three).seq
    flow.remake(three.pk, item=2, clock=at(3))
    with pytest.raises(flow.Refused, match="too late to undo"):
        flow.undo(three.pk, seq, bob, clock=at(4))
    assert (fresh(three).stage, fresh(three).started_at) == ("received", None)


@pytest.mark.parametrize(
    "act",
    [
        lambda order, bob, pizza: flow.rush(order.pk, bob, clock=at(2)),
        lambda order, bob, pizza: flow.change(order.pk, [(pizza, 1)], bob, clock=at(2)),
        lambda order, bob, pizza: flow.hold(order.pk, bob, item=1, clock=at(2)),
    ],
)
def test_a_rush_is_not_undone_after_another_act_on_that_pizza(three, bob, diavola, act):
    flow.rush(three.pk, bob, item=1, clock=at(1))
    seq = fresh(three).seq
    act(three, None, diavola)
    known = fresh(three).seq
    with pytest.raises(flow.Refused, match="too late to undo"):
        flow.undo(three.pk, seq, bob, clock=at(3))
    assert fresh(three).seq == known
