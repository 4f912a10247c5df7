"""A process whose clock is wrong: it goes by the database's, and so do the messages that it sends and receives."""

import shutil
import subprocess
import sys
import time
from datetime import timedelta
from itertools import pairwise
from unittest.mock import Mock

import pytest
from django.db import connection
from django.utils import timezone

from celery_app import app
from home.models import Order, OrderItem
from kitchen import clock, flow, stages, tasks
from kitchen.models import Shop, Station
from kitchen.tests.clock import NOON, at
from kitchen.tests.test_worker import await_that, worker
from pizzaProj.messaging.messages import Message

WRONG_SECONDS = 3600


@pytest.fixture
def told(monkeypatch):
    """Return a clock that the database has told that it is noon, where the process's own says one."""
    told = clock.Clock()
    told.note(NOON, time.monotonic(), time.monotonic())
    monkeypatch.setattr(clock, "now", told.now)
    monkeypatch.setattr(clock, "offset_seconds", told.offset_seconds)
    monkeypatch.setattr(timezone, "now", lambda: at(WRONG_SECONDS))
    return told


def soon(moment):
    return pytest.approx((moment - NOON).total_seconds(), abs=5)


def seconds(moment):
    return (moment - NOON).total_seconds()


def test_the_time_is_the_databases_from_when_it_has_told_it(told):
    assert clock.Clock().now() == at(WRONG_SECONDS)
    assert clock.Clock().offset_seconds() == 0
    assert seconds(told.now()) == soon(NOON)
    assert told.offset_seconds() == pytest.approx(WRONG_SECONDS, abs=5)


def test_an_answer_that_took_long_says_nothing(told):
    told.note(at(-60), time.monotonic() - 60, time.monotonic())
    assert seconds(told.now()) == soon(NOON)


def test_the_difference_is_said_once_and_that_it_is_over(told, caplog, monkeypatch):
    for _ in range(2):
        told.say()
    monkeypatch.setattr(timezone, "now", told.now)
    for _ in range(2):
        told.say()
    first, second = caplog.messages
    assert first.startswith("This machine's clock is 3") and "ahead of the database's" in first
    assert second == "This machine's clock is right again"


@pytest.mark.database
@pytest.mark.django_db
def test_the_database_is_asked_now_and_then(monkeypatch, django_assert_num_queries):
    asked = clock.Clock()
    with django_assert_num_queries(connection.vendor == "postgresql"):
        asked.ask_now_and_then()
        asked.ask_now_and_then()
    assert abs(asked.offset_seconds()) < 60


@pytest.mark.database
@pytest.mark.django_db
def test_every_verb_learns_the_time(small_kitchen, sent, cooked, monkeypatch):
    asked = clock.Clock()
    monkeypatch.setattr("kitchen.locks.the_databases", asked)
    flow.seat_all()
    assert (asked.last is not None) == (connection.vendor == "postgresql")


def test_a_message_is_sent_with_the_databases_time_and_read_with_the_workers_own(told):
    headers = app.amqp.as_task_v2("a", "kitchen.sweep", countdown=10, expires=20).headers
    message = Mock(headers=headers, content_type="application/json", delivery_info={}, properties={})
    received = Message(message, app=app, task=tasks.sweep, headers=headers, body=((), {}, {}), decoded=True)
    own = timezone.now()
    assert (received.eta - own).total_seconds() == pytest.approx(10, abs=5)
    assert (received.expires - own).total_seconds() == pytest.approx(20, abs=5)
    assert tasks.lag_seconds(headers["expires"], clock.now()) == 0


def test_all_tasks_are_received_like_that():
    assert {task.Request for name, task in app.tasks.items() if name.startswith("kitchen.")} == {
        f"{Message.__module__}:{Message.__name__}"
    }


# A real worker

SHIFT = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <time.h>
int clock_gettime(clockid_t clock, struct timespec *moment) {
    int (*real)(clockid_t, struct timespec *) = dlsym(RTLD_NEXT, "clock_gettime");
    int failed = real(clock, moment);
    if (!failed && clock == CLOCK_REALTIME) moment->tv_sec += SECONDS;
    return failed;
}
"""


@pytest.fixture
def wrong_clock(tmp_path, monkeypatch):
    """wrong_clock(seconds) gives all processes that begin from then on a clock that is so far ahead."""
    if sys.platform != "linux" or not (compiler := shutil.which("cc")):
        pytest.skip("Sets the clock of a process with a library, which needs Linux and a C compiler")

    def wrong_clock(seconds):
        library = tmp_path / "shift.so"
        command = [compiler, "-shared", "-fPIC", f"-DSECONDS=({seconds})", "-x", "c", "-", "-o", str(library), "-ldl"]
        subprocess.run(command, input=SHIFT, text=True, check=True)
        monkeypatch.setenv("LD_PRELOAD", str(library))

    return wrong_clock


@pytest.mark.slow
@pytest.mark.database
@pytest.mark.django_db(transaction=True, serialized_rollback=True)
@pytest.mark.skipif(connection.vendor != "postgresql", reason="On SQLite all processes share one clock")
@pytest.mark.parametrize("ahead_seconds", [5, -WRONG_SECONDS])
def test_a_worker_whose_clock_is_wrong_goes_by_the_databases(valkey, place, wrong_clock, ahead_seconds):
    """Links come when the work is done, neither at once nor in an hour. No recovery sweep is here to help."""
    Shop.objects.update(speed=100)
    Station.objects.update(distribution="fixed", mean_seconds=50, per_pizza=False, capacity=4)
    wrong_clock(ahead_seconds)
    with worker("prefork"):
        orders = [place() for _ in range(4)]
        await_that(lambda: not Order.objects.exclude(stage=stages.LAST).exists())
    assert set(OrderItem.objects.values_list("epoch", flat=True)) == {1}
    for order in orders:
        times = list(order.events.filter(event="started").values_list("at", flat=True))
        waits = [later - earlier for earlier, later in pairwise(times)]
        assert all(timedelta(seconds=0.45) < wait < timedelta(seconds=15) for wait in waits)
