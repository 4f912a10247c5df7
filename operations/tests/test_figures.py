"""The figures of the kitchen and of its promises are those of the database."""

from datetime import timedelta

import pytest

from home.models import Order
from kitchen import clock, flow
from kitchen.models import Outcome, Promise, Station
from kitchen.promises import days
from kitchen.tests.clock import NOON, at, finish, finish_item
from operations.metrics import kitchen, promises

pytestmark = [pytest.mark.django_db, pytest.mark.database, pytest.mark.usefixtures("sent", "cooked")]


def figures(read):
    """Return {name: {labels: value}} of what is not zero."""
    return {
        one.name: {tuple(sample.labels.values()): sample.value for sample in one.samples if sample.value}
        for one in read()
    }


def test_orders_pizzas_lines_and_places(small_kitchen, place, margherita, bob, monkeypatch):
    first = place(NOON, [(margherita, 2)])
    finish_item(first, 1, at(10))
    place(at(10), way="carry_out")
    held = place(at(10))
    flow.hold(held.pk, bob, clock=at(11))
    finish_item(first, 1, at(30))  # out of the oven
    finish_item(first, 2, at(30))
    monkeypatch.setattr(clock.the_databases, "now", lambda: at(43))
    monkeypatch.setattr(kitchen.clock, "now", lambda: at(43))
    assert figures(kitchen.read) == {
        "shop_open": {(): 1},
        "shop_speed": {(): 1},
        "shop_orders_open": {
            ("received", "delivery"): 1,
            ("received", "carry_out"): 1,
            ("baking", "delivery"): 1,
        },
        "shop_items_open": {("received",): 2, ("baking",): 1},
        "shop_station_works": {
            ("received", "at_work"): 1,
            ("received", "on_hold"): 1,
            ("baking", "at_work"): 1,
        },
        "shop_station_overdue": {},
        "shop_station_capacity": {
            ("received",): 1,
            ("baking",): 1,
            ("baked",): 1,
            ("out_for_delivery",): 1,
            ("ready",): 1000,
        },
        "shop_station_open": dict.fromkeys(
            [("received",), ("baking",), ("baked",), ("out_for_delivery",), ("ready",)], 1
        ),
        "shop_oldest_overdue_seconds": {(): 3},
    }


def test_what_only_a_tap_ends_is_overdue_and_owed_by_nobody(small_kitchen, place, monkeypatch):
    Station.objects.filter(stage="received").update(ends_by="hand")
    order = place(NOON)
    due_at = order.item(1).due_at
    monkeypatch.setattr(kitchen.clock, "now", lambda: due_at + timedelta(seconds=100))
    assert figures(kitchen.read)["shop_oldest_overdue_seconds"] == {(): 100}  # its link has not come yet
    finish(order, due_at + timedelta(seconds=1))
    found = figures(kitchen.read)
    assert (found["shop_station_overdue"], found["shop_oldest_overdue_seconds"]) == ({("received",): 1}, {})


def test_an_order_that_is_together_again_is_one_work(small_kitchen, place, margherita):
    order = place(NOON, [(margherita, 2)])
    flow.override(order.pk, "baked", clock=at(1))
    found = figures(kitchen.read)
    assert Order.objects.get().stage == "baked"
    assert (found["shop_station_works"], found["shop_items_open"]) == ({("baked", "at_work"): 1}, {})


# Promises


def promise(number, kept, retimed=False, simulated=False):
    made = Promise.objects.create(
        order_pk=number, at=NOON, speed=1, pizzas=1, open_orders=0, simulated=simulated, low_seconds=1,
        median_seconds=2, high_seconds=3, model_low_seconds=1, model_median_seconds=2, model_high_seconds=3,
    )  # fmt: skip
    seconds = None if kept is None else 2.0 if kept else 9.0
    Outcome.objects.create(
        promise=made, at=NOON, simulated=simulated, seconds=seconds, kept=kept, intervened=False, retimed=retimed
    )


def test_promises_are_those_of_the_ledger(db):
    assert figures(promises.read) == {
        "shop_promises_made": {},
        "shop_promises_ended": {},
        "shop_promises_kept_ratio": {},
    }
    promise(1, True)
    promise(2, True)
    promise(3, True)
    promise(4, False)
    promise(5, None)
    promise(6, False, retimed=True)
    promise(7, False, simulated=True)
    assert figures(promises.read) == {
        "shop_promises_made": {("false",): 6, ("true",): 1},
        "shop_promises_ended": {
            ("kept", "false"): 3,
            ("broken", "false"): 1,
            ("not_judged", "false"): 2,
            ("broken", "true"): 1,
        },
        "shop_promises_kept_ratio": {("false",): 0.75},
    }


def test_the_sums_of_the_ledger_are_counted_with_its_newest_rows(db, monkeypatch):
    monkeypatch.setattr(days, "RECENT", 2)
    monkeypatch.setattr(days, "LEAST", 1)
    for number in range(1, 6):
        promise(number, number != 3)
        days.add_up()
    assert figures(promises.read)["shop_promises_ended"] == {("kept", "false"): 4, ("broken", "false"): 1}
