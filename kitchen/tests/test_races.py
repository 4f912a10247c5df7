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

from home.models import Order, OrderItem
from kitchen import flow
from kitchen.models import Shop, Station
from kitchen.tests.clock import link_of, work_of

pytestmark = [
    pytest.mark.database,
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
    pytest.mark.usefixtures("sent", "cooked"),
]
THREADS = 6
MOST_TURNS = 60  # in which hands do more than finish what is due


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
    results = all_at_once(*[lambda: flow.finish_item(order.pk, 1, 1, "received", clock=lambda: later)] * THREADS)
    assert [result for result in results if result is not None] == order.parts
    assert Order.objects.get().seq == 2


def test_one_of_two_people_moves_the_order_and_the_other_is_told(place, small_kitchen, bob):
    order = place()
    results = all_at_once(*[lambda: flow.override(order.pk, "baked", by=bob)] * 2)
    assert sorted(isinstance(result, flow.Refused) for result in results) == [False, True]
    assert order.events.count() == 2


def test_a_link_and_a_person_at_the_same_moment_do_not_both_win(place, small_kitchen, bob):
    for _ in range(10):
        order = place()
        later = partial(add, order.parts[0].due_at, timedelta(seconds=1))
        all_at_once(
            partial(flow.finish_item, order.pk, 1, 1, "received", clock=later),
            partial(flow.cancel, order.pk, by=bob, clock=later),
        )
        order.refresh_from_db()
        seqs = [event.seq for event in order.events.all()]
        assert seqs == list(range(1, order.seq + 1))
        assert order.stage == "cancelled"  # before the link, or after it


def test_placing_at_once_never_exceeds_the_places(margherita, small_kitchen):
    Station.objects.filter(stage="received").update(capacity=2)
    all_at_once(*[lambda: flow.place([(margherita, 1)])] * 12)
    assert OrderItem.objects.working().count() == 2
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
    item = work_of(order)
    assert (item.due_at - item.started_at).total_seconds() == 0.2  # 20 kitchen seconds


@pytest.fixture
def all_but_done(margherita, small_kitchen):
    """all_but_done() is an order of two pizzas, both in the oven and due."""
    Station.objects.update(capacity=100)

    def all_but_done():
        order = flow.place([(margherita, 2)], clock=lambda: timezone.now() - timedelta(seconds=60))
        for number in (1, 2):
            flow.override(order.pk, "baking", item=number, clock=lambda: timezone.now() - timedelta(seconds=40))
        return Order.objects.get(pk=order.pk)

    return all_but_done


def has_no_gaps(order):
    order.refresh_from_db()
    return [event.seq for event in order.events.all()] == list(range(1, order.seq + 1))


def test_the_last_two_pizzas_that_come_at_once_join_their_order_once(all_but_done):
    for _ in range(10):
        order = all_but_done()
        all_at_once(*[partial(*link_of(item)) for item in order.parts] * 2)
        assert has_no_gaps(order)
        told = list(order.events.filter(stage="baked").values_list("item", "event"))
        assert sorted(told[:2]) == [(1, "joined"), (2, "joined")]
        assert told[2:] == [(None, "started")]
        assert (order.stage, order.state) == ("baked", "working")


def test_a_remake_at_the_moment_of_the_join_comes_before_it_or_after_it(all_but_done, bob):
    for turn in range(10):
        order = all_but_done()
        flow.finish_item(order.pk, 1, order.parts[0].epoch, "baking")
        all_at_once(
            partial(*link_of(order.parts[1])),
            partial(flow.remake, order.pk, bob, item=1 + turn % 2),
        )
        assert has_no_gaps(order)
        assert (order.stage, order.started_at, order.due_at) == ("received", None, None)
        assert [item.is_done for item in order.parts] in ([False, True], [True, False])
        remade = order.item(1 + turn % 2)
        assert (remade.stage, remade.state, remade.rushed) == ("received", "working", True)


def test_a_whole_kitchen_run_by_many_hands_ends_with_everything_delivered(margherita, bob):
    """Links, people and the recovery sweep get in each other's way: no deadlock, no place twice, no seq missing."""
    Shop.objects.update(speed=1000)
    Station.objects.update(capacity=2, distribution="fixed", mean_seconds=1, per_pizza=False)
    flow.change_station("received", capacity=3)
    orders = [flow.place([(margherita, 1 + number % 3)]) for number in range(12)]
    crowded = []

    def late():
        return timezone.now() + timedelta(seconds=5)

    def meddle(order, turn):
        """Do something by hand, to the order or to one pizza of it; True if it was the turn for that."""
        item = None if turn % 2 else 1 + turn % max(1, len(order.parts))
        if turn % 5 == 0:
            flow.hold(order.pk, by=bob, item=item, clock=late)
        elif turn % 11 == 0:
            flow.remake(order.pk, by=bob, item=item, clock=late)
        elif turn % 13 == 0:
            flow.rush(order.pk, by=bob, item=item, clock=late)
        elif turn % 7 == 0:
            flow.recover(clock=late)
            flow.seat_all(clock=late)
        else:
            return False
        return True

    def work(hand):
        turn = 0
        while True:
            turn += 1
            opened = list(Order.objects.open().with_items().order_by("pk"))
            if not opened:
                return
            order = opened[(hand * 7 + turn) % len(opened)]
            works = [*order.cooking] or [order]
            try:
                if any(work.held for work in works):
                    flow.resume(order.pk, by=bob, clock=late)
                elif turn > MOST_TURNS or not meddle(order, hand + turn):
                    for due in [work for work in works if work.due_at]:
                        verb, *about = link_of(due)
                        verb(*about, clock=late)
            except (flow.Refused, flow.TooEarly):
                pass
            crowded.extend(station for station in Station.objects.all() if is_crowded(station))

    all_at_once(*[lambda hand=hand: work(hand) for hand in range(4)])

    assert crowded == []
    for order in orders:
        assert has_no_gaps(order)
        assert order.stage == "delivered"


def is_crowded(station):
    works = OrderItem.objects if station.is_of_items else Order.objects
    return works.working().filter(stage=station.stage).count() > station.capacity
