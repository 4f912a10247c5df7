"""The time of an event is read behind the lock, and is never before that of the event written last."""

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.db import connection, transaction
from django.utils import timezone

from benchmarks.chaos import audit, records
from home.models import OrderEvent
from kitchen import flow, locks
from kitchen.models import Shop, Station
from kitchen.tests.clock import NOON, at, link_of, works_due
from kitchen.tests.test_flow import history

pytestmark = [pytest.mark.database, pytest.mark.usefixtures("sent", "cooked")]
on_rows = pytest.mark.django_db(transaction=True, serialized_rollback=True)
ORDERS, PLACING, LINKS, STARTS = 200, 8, 4, 500


@on_rows
@pytest.mark.timeout(120)
def test_a_burst_never_fills_more_places_than_there_are(margherita, monkeypatch):
    """Check the times of the log. A verb that reads the clock before it waits for the lock writes too early a time."""
    monkeypatch.setattr(locks, "transaction", SimpleNamespace(atomic=stalled_atomic, on_commit=transaction.on_commit))
    Shop.objects.update(speed=600)
    # Arrivals match the capacity: a place is taken at the moment when another order leaves it.
    Station.objects.update(capacity=6, distribution="exponential", mean_seconds=120, per_pizza=False)
    with ThreadPoolExecutor(PLACING + LINKS) as pool:
        placing = [pool.submit(place, margherita, ORDERS // PLACING) for _ in range(PLACING)]
        links = [pool.submit(cook) for _ in range(LINKS)]
        for work in placing + links:
            work.result()
    places, log = records.read_limits(connection).capacity, records.read_log(connection)
    assert audit.crowds(log, lambda stage, moment: places[stage]) == []
    assert audit.backwards(log) == []


@contextmanager
def stalled_atomic():
    """Delay the lock as on a busier machine: the first to come is not always the first to get it."""
    time.sleep(random.random() * 0.02)
    with transaction.atomic():
        yield


def place(pizza, orders):
    for _ in range(orders):
        flow.place([(pizza, random.randint(1, 2))])
    connection.close()


def cook():
    """Act as a worker: finish what is due, until enough has begun."""
    while OrderEvent.objects.filter(event="started").count() < STARTS:
        for work in works_due(timezone.now())[:20]:
            verb, *args = link_of(work)
            try:
                verb(*args)
            except flow.TooEarly:
                time.sleep(0.001)
    connection.close()


@on_rows
def test_the_clock_is_read_behind_the_lock(place, small_kitchen):
    order = place()
    holds, waits = threading.Event(), threading.Event()

    def hold_the_lock():
        with transaction.atomic(), locks.lock_kitchen():
            holds.set()
            waits.wait(5)
            time.sleep(0.2)  # for the other to come to the lock
            released.append(timezone.now())
        connection.close()

    def advance():
        holds.wait(5)
        waits.set()
        flow.advance(order.pk)
        connection.close()

    released = []
    threads = [threading.Thread(target=target) for target in (hold_the_lock, advance)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert order.events.last().at >= released[0]


@pytest.mark.django_db
@pytest.mark.parametrize(("seconds", "written"), [(9.5, 10), (8, 10), (10.1, 10.1)])
def test_the_clock_can_go_back_two_seconds_and_the_log_does_not(small_kitchen, place, seconds, written):
    first, _ = place(at(0)), place(at(10))
    flow.advance(first.pk, clock=at(seconds))
    assert history(first)[1:] == [(2, written, "received", "done"), (3, written, "baking", "started")]


@pytest.mark.django_db
def test_a_countdown_does_not_depend_on_the_clock_of_the_process(small_kitchen, place):
    """The clock of the database can differ: what counts is how long the work takes from now."""
    (item,) = place(NOON - timedelta(days=1)).parts
    assert item.due_monotonic - time.monotonic() == pytest.approx(10, abs=0.5)
