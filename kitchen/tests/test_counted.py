"""What happens in the kitchen is counted once it is committed, and not if it is rolled back."""

import pytest
from django.db import transaction

from kitchen import flow
from kitchen.tests.clock import NOON, at, finish, work_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sent", "cooked", "small_kitchen")]

CHANGES, ENDED, PLACED = "shop_stage_changes_total", "shop_orders_ended_total", "shop_orders_placed_total"


@pytest.fixture
def commit(django_capture_on_commit_callbacks):
    """Return commit(verb, ...), which does what follows a commit as well."""

    def commit(verb, *args, **kwargs):
        with django_capture_on_commit_callbacks(execute=True):
            return verb(*args, **kwargs)

    return commit


def test_an_order_is_counted_from_its_first_to_its_last_event(place, commit, counted):
    order = commit(place, NOON)
    assert counted(PLACED) == {("delivery", "false"): 1}
    commit(place, NOON)
    assert counted(CHANGES) == {("joined", "received"): 1}
    for seconds in (10, 30, 35):
        commit(finish, order, at(seconds))
    counted()
    commit(finish, order, at(65))
    assert counted(CHANGES, ENDED) == {("delivered", "delivered"): 1, ("delivered", "delivery"): 1}


def test_what_is_rolled_back_is_not_counted(place, commit, counted):
    def fail():
        with transaction.atomic():
            place(NOON)
            transaction.set_rollback(True)

    commit(fail)
    assert counted(CHANGES, PLACED) == {}


def test_an_order_that_comes_back_ends_once_more(place, commit, counted, bob):
    order = commit(place, NOON)
    commit(flow.cancel, order.pk, bob, clock=at(1))
    assert counted(ENDED) == {("cancelled", "delivery"): 1}
    commit(flow.override, order.pk, "baking", bob, clock=at(2))
    assert counted(ENDED) == {}
    commit(flow.cancel, order.pk, bob, clock=at(3))
    assert counted(ENDED) == {("cancelled", "delivery"): 1}


def test_a_pizza_that_is_cancelled_by_itself_ends_no_order(place, commit, counted, bob, margherita):
    order = commit(place, NOON, [(margherita, 2)])
    commit(flow.cancel, order.pk, bob, item=1, clock=at(1))
    assert counted(ENDED) == {}


def test_the_clock_is_as_late_as_its_link(place, commit, monkeypatch):
    seen = []
    monkeypatch.setattr(flow.counted.counts, "observe", lambda *args: seen.append(args))
    order = commit(place, NOON)
    commit(finish, order, at(13))
    commit(flow.finish_item, order.pk, 1, 99, "baking", clock=at(40))  # out of date
    with pytest.raises(flow.TooEarly):
        commit(flow.finish_item, order.pk, 1, work_of(order).epoch, "baking", clock=at(14))
    assert seen == [("shop_link_late_seconds", 3.0, "received")]
