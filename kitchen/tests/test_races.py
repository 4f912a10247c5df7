"""Parallel threads on one database: each change happens once, and no place is given twice."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from operator import add

import pytest
from django.db import connection, transaction
from django.utils import timezone

from home.models import Order
from kitchen import flow
from kitchen.models import Shop, Station

pytestmark = [
    pytest.mark.database,
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
    pytest.mark.usefixtures("sent", "cooked"),
]
THREADS = 6


def all_at_once(*calls):
    """Call all at the same moment, each in a thread of its own; return their results, refusals among them."""
    gate = threading.Barrier(len(calls))

    def run(call):
        gate.wait()
        try:
            return call()
        except flow.Refused as refused:
            return refused
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def test_one_of_many_equal_links_moves_the_order(place, small_kitchen):
    order = place()
    later = timezone.now() + timedelta(seconds=11)
    results = all_at_once(*[lambda: flow.finish(order.pk, 1, "received", clock=lambda: later)] * THREADS)
    assert [result for result in results if result is not None] == [order]
    assert Order.objects.get().seq == 2


def test_one_of_two_people_moves_the_order_and_the_other_is_told(place, small_kitchen, bob):
    order = place()
    results = all_at_once(*[lambda: flow.override(order.pk, "baked", by=bob)] * 2)
    assert sorted(isinstance(result, flow.Refused) for result in results) == [False, True]
    assert order.events.count() == 2


def test_a_link_and_a_person_at_the_same_moment_do_not_both_win(place, small_kitchen, bob):
    for _ in range(10):
        order = place()
        later = partial(add, order.due_at, timedelta(seconds=1))
        all_at_once(
            partial(flow.finish, order.pk, 1, "received", clock=later),
            partial(flow.cancel, order.pk, by=bob, clock=later),
        )
        order.refresh_from_db()
        seqs = [event.seq for event in order.events.all()]
        assert seqs == list(range(1, order.seq + 1))
        assert order.stage == "cancelled"  # before the link, or after it


def test_placing_at_once_never_exceeds_the_places(margherita, small_kitchen):
    Station.objects.filter(stage="received").update(capacity=2)
    all_at_once(*[lambda: flow.place([(margherita, 1)])] * 12)
    assert Order.objects.working().count() == 2
    assert Order.objects.in_line().count() == 10


def test_a_verb_that_waits_while_the_speed_changes_uses_the_new_one(place, small_kitchen):
    order = place()

    def change_the_speed():
        with transaction.atomic():
            flow.set_speed(100)
            has_changed.set()
            time.sleep(0.3)  # for the other to come to the locks

    def advance():
        has_changed.wait()
        flow.advance(order.pk)

    has_changed = threading.Event()
    all_at_once(change_the_speed, advance)
    order.refresh_from_db()
    assert (order.due_at - order.started_at).total_seconds() == 0.2  # 20 kitchen seconds


def test_a_whole_kitchen_run_by_many_hands_ends_with_everything_delivered(margherita, bob):
    """Links, people and the recovery sweep get in each other's way: no deadlock, no place twice, no seq missing."""
    Shop.objects.update(speed=1000)
    Station.objects.update(capacity=2, distribution="fixed", mean_seconds=1, per_pizza=False)
    orders = [flow.place([(margherita, 1)]) for _ in range(24)]
    crowded = []

    def late():
        return timezone.now() + timedelta(seconds=5)

    def work(hand):
        turn = 0
        while True:
            turn += 1
            opened = list(Order.objects.open().order_by("pk"))
            if not opened:
                return
            order = opened[(hand * 7 + turn) % len(opened)]
            try:
                if order.held:
                    flow.resume(order.pk, by=bob, clock=late)
                elif (hand + turn) % 5 == 0:
                    flow.hold(order.pk, by=bob, clock=late)
                elif (hand + turn) % 7 == 0:
                    flow.recover(clock=late)
                elif order.due_at:
                    flow.finish(order.pk, order.epoch, order.stage, clock=late)
            except (flow.Refused, flow.TooEarly):
                pass
            for station in Station.objects.all():
                if Order.objects.working().filter(stage=station.stage).count() > station.capacity:
                    crowded.append(station)

    all_at_once(*[lambda hand=hand: work(hand) for hand in range(4)])

    assert crowded == []
    for order in orders:
        order.refresh_from_db()
        assert order.stage == "delivered"
        assert [event.seq for event in order.events.all()] == list(range(1, order.seq + 1))
