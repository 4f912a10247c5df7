"""Nothing is lost when parts fail, and the cure is not worse than the illness."""

import logging
import threading
import time
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from unittest.mock import ANY, Mock

import django.db
import kombu
import pytest
from django.db import connection, connections
from django_celery_beat.models import PeriodicTask

import celery_app
from benchmarks.chaos.audit import audit
from celery_app import RECONNECT_SECONDS, app
from home.models import Order, OrderItem
from kitchen import flow, stages, tasks
from kitchen.models import Shop, Station
from kitchen.tests.clock import NOON, at, finish
from kitchen.tests.test_worker import await_that, worker
from telemetry import sweeps
from telemetry.counts import Counts

# The recovery sweep


@pytest.fixture
def late(db, sent, cooked, place):
    """late(n) places n orders whose work was done at noon, and whose links never came."""

    def late(count):
        Station.objects.update(capacity=count, distribution="fixed", mean_seconds=10, per_pizza=False)
        Shop.objects.update(speed=1)
        return [place(at(-10)) for _ in range(count)]

    return late


def recovered(now, lag_seconds=0.0):
    return flow.recover(lag_seconds, clock=now)


@pytest.mark.database
def test_the_recovery_sweep_leaves_orders_alone_whose_link_can_be_in_the_queue(late):
    late(3)
    assert [recovered(at(seconds), lag_seconds=5) for seconds in (6.9, 7.1)] == [0, 3]
    # and recovered ones, as long as their new link can be there
    assert [recovered(at(7.1 + seconds), lag_seconds=30) for seconds in (10, 33)] == [0, 0]
    assert recovered(at(7.1 + 34.1), lag_seconds=30) == 3


@pytest.mark.database
def test_a_sweep_is_bounded(late, bob, monkeypatch, django_assert_num_queries):
    for order in late(7)[:4]:  # four wait as orders, three as pizzas
        flow.advance(order.pk, bob, clock=at(-10))
        flow.advance(order.pk, bob, clock=at(-10))
    monkeypatch.setattr(flow, "RECOVERY_BATCH", 3)
    # However many are late: one leaves the sign of the clock, one looks for what lies ahead, two begin and end.
    with django_assert_num_queries(8 if connection.features.has_select_for_update else 7):
        assert recovered(at(5)) == 3
    assert [recovered(at(5)) for _ in range(3)] == [3, 1, 0]


def test_a_sweep_knows_how_long_it_stood_in_the_queue():
    sent_at = NOON
    expires = (sent_at + timedelta(seconds=tasks.SWEEP_EXPIRE_SECONDS)).isoformat()
    assert tasks.lag_seconds(expires, at(7)) == 7
    assert tasks.lag_seconds(expires, at(-1)) == 0  # clocks of two machines
    assert tasks.lag_seconds(None, at(7)) == 0  # called by hand


def test_the_jobs_expire_when_the_recovery_sweep_thinks_they_do(db):
    assert PeriodicTask.objects.get(task="kitchen.sweep").expire_seconds == tasks.SWEEP_EXPIRE_SECONDS


@pytest.mark.database
def test_time_never_runs_backwards_in_a_history(db, small_kitchen, sent, cooked, place):
    """The first order's clock is behind that of the second, which came before it got the lock."""
    first, second = place(at(0)), place(at(10.03))
    finish(first, at(10))
    events = second.events.values_list("event", "at")
    assert list(events) == [("joined", at(10.03)), ("started", at(10.03))]


# What it found is said and counted


@pytest.fixture
def told(monkeypatch, caplog, django_capture_on_commit_callbacks):
    """told(verb, ...) calls a verb and returns what was logged and counted after its commit."""

    def told(verb, *args, **kwargs):
        caplog.clear()
        caplog.set_level(logging.WARNING, "kitchen.changes")
        monkeypatch.setattr(sweeps, "counts", Counts())
        with django_capture_on_commit_callbacks(execute=True):
            verb(*args, **kwargs)
        found = {labels[0]: total for (name, labels), total in sweeps.counts.totals.items() if name == sweeps.FOUND}
        return caplog.messages, found

    return told


@pytest.mark.database
def test_the_recovery_sweep_says_what_it_found_and_nothing_if_that_is_nothing(late, told):
    orders = late(7)
    numbers = ", ".join(str(order.pk) for order in orders[:5])
    assert told(recovered, at(1)) == ([], {})
    assert told(recovered, at(3)) == (
        [f"The recovery sweep sent lost links again: 7, the oldest 3.0 s late (order {numbers}, …)"],
        {"lost_link": 7},
    )
    assert told(recovered, at(5)) == ([], {})
    messages, found = told(recovered, at(8))  # the new links were lost as well
    assert found == {"lost_link": 7}
    assert "the oldest 5.0 s late" in messages[0]
    assert not any(order.order_id in message for order in orders for message in messages)


@pytest.mark.database
def test_after_a_standstill_all_is_overdue_and_that_is_no_loss(late, told):
    order, *_ = late(2)
    assert told(recovered, at(3600)) == (
        [
            "The recovery sweep is back: works that were overdue go on: 2, the oldest by 3600.0 s "
            f"(order {order.pk}, {order.pk + 1})"
        ],
        {"standstill": 2},
    )


def test_a_sweep_that_waited_itself_has_seen_no_standstill(late, told):
    late(1)
    assert told(recovered, at(20), lag_seconds=15) == ([ANY], {"lost_link": 1})


def test_the_recovery_sweep_says_who_stood_beside_a_free_place(small_kitchen, sent, cooked, place, told):
    _, second, _ = place(NOON), place(at(1)), place(at(2))
    assert told(flow.seat_all, clock=at(3)) == ([], {})
    Station.objects.filter(stage="received").update(capacity=2)
    assert told(flow.seat_all, clock=at(3)) == (
        [f"The recovery sweep found free places beside a line: works that begin now: 1 (order {second.pk})"],
        {"empty_place": 1},
    )


def test_a_clock_that_is_set_back_is_counted(late, told):
    late(2)
    _, found = told(recovered, at(-3600))
    assert found == {"clock_set_back": 1}


# A poison order


@pytest.fixture
def poison(monkeypatch):
    """poison(order) makes its service time raise an exception, or be `answer`."""

    def poison(bad, answer=None):
        draw = Station.service_seconds

        def service_seconds(station, key, pizzas):
            if not key.startswith(bad.order_id):
                return draw(station, key, pizzas)
            if answer is None:
                raise ArithmeticError("poison")
            return answer

        monkeypatch.setattr(Station, "service_seconds", service_seconds)

    return poison


@pytest.mark.database
@pytest.mark.parametrize("answer", [None, float("nan"), -1.0, 1e300])
def test_a_poison_order_takes_the_mean_and_holds_nobody_up(db, small_kitchen, sent, cooked, place, poison, answer):
    first, bad, last = (place(at(n)) for n in range(3))
    poison(bad, answer)
    for order, now in ((first, 10), (bad, 20), (last, 30)):
        finish(order, at(now))
    assert [Order.objects.get(pk=order.pk).stage for order in (first, bad, last)] == ["baking"] * 3


def test_an_order_that_can_not_be_sent_holds_nobody_up(late, monkeypatch, cooked, django_capture_on_commit_callbacks):
    orders = late(3)

    def enqueue(item):
        if item.order == orders[0]:
            raise ArithmeticError("poison")
        cooked.append(item.order.pk)

    cooked.clear()
    monkeypatch.setattr(tasks, "enqueue", enqueue)
    with django_capture_on_commit_callbacks() as callbacks:
        tasks.sweep.run()
    assert len(callbacks) == 4  # a chain each, and what was found
    for callback in callbacks:
        try:
            callback()
        except ArithmeticError:
            continue
    assert cooked == [orders[1].pk, orders[2].pk]


# The broker


def test_a_worker_asks_every_second_and_for_ever(monkeypatch):
    asked = {}
    monkeypatch.setattr(kombu.Connection, "_ensure_connection", lambda self, *args, **options: asked.update(options))
    with app.connection_for_read() as broker:
        broker.ensure_connection(None, app.conf.broker_connection_max_retries)
    assert set(asked.values()) == {RECONNECT_SECONDS}
    assert app.conf.broker_connection_max_retries is None


def test_one_client_sends_all_commands_to_the_broker_until_its_connections_are_gone(valkey):
    with app.pool.acquire() as broker:
        channel = broker.default_channel
        client = channel._create_client()
        assert channel._create_client() is client
        channel._disconnect_pools()
        assert channel._create_client() is not client


@pytest.mark.parametrize("late_seconds", [0.0, 1.1])
def test_a_database_connection_is_checked_once_a_second_and_after_an_error(db, monkeypatch, late_seconds):
    checks = []
    monkeypatch.setattr(django.db, "close_old_connections", lambda: checks.append("check"))
    monkeypatch.setattr(celery_app, "last_check", threading.local())

    def begin_a_task():
        celery_app.drop_dead_connections(Mock(request=Mock(is_eager=False)))
        return len(checks)

    assert [begin_a_task(), begin_a_task()] == [1, 1]
    monkeypatch.setattr(connections["default"], "errors_occurred", True)
    assert begin_a_task() == 2
    monkeypatch.setattr(connections["default"], "errors_occurred", False)
    celery_app.last_check.at -= late_seconds
    assert begin_a_task() == (3 if late_seconds else 2)


# Real workers


def all_delivered():
    return not Order.objects.exclude(stage=stages.LAST).exists()


def clean_history(orders):
    accepted = {order.order_id: order.order_id for order in orders}
    return audit(connection, accepted).faults == []


real = pytest.mark.django_db(transaction=True, serialized_rollback=True)


@pytest.mark.slow
@real
def test_a_worker_that_is_asked_to_end_leaves_nothing_half_done(valkey, place):
    """Most messages are in its memory by then: it gives them back. No recovery sweep is here to help."""
    Shop.objects.update(speed=600)
    Station.objects.update(capacity=20)
    with worker("prefork"):
        orders = [place() for _ in range(60)]
        await_that(lambda: Order.objects.filter(stage="baking").count() > 5)
    # It has ended, with nothing cut and no error (see `worker`), and much is left to do.
    assert not all_delivered()
    seqs = dict(Order.objects.values_list("pk", "seq"))
    time.sleep(0.5)
    assert dict(Order.objects.values_list("pk", "seq")) == seqs
    with worker("prefork"):
        await_that(all_delivered)
    assert clean_history(orders)


@contextmanager
def hidden_orders():
    """Make every query of orders, as all queries of the kitchen are, raise an OperationalError meanwhile."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE home_order RENAME TO hidden")
        try:
            yield
        finally:
            cursor.execute("ALTER TABLE hidden RENAME TO home_order")


@pytest.mark.slow
@real
@pytest.mark.skipif(connection.vendor != "sqlite", reason="Hides a table, which SQLite calls an operational error")
def test_a_database_that_is_away_for_a_moment_loses_nothing(valkey, place):
    Shop.objects.update(speed=3000)
    Station.objects.update(capacity=6)  # an order in line would get a new epoch when a place is free
    orders = [place() for _ in range(6)]
    with ExitStack() as until_the_end:
        with hidden_orders():
            until_the_end.enter_context(worker("prefork"))
            time.sleep(1.5)
        await_that(all_delivered)
    assert clean_history(orders)
    for rows in (Order, OrderItem):
        assert set(rows.objects.values_list("epoch", flat=True)) == {1}  # the same links came again
