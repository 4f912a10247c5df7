"""A real worker, a real broker: the chain carries an order through the kitchen, and every change is heard."""

import asyncio
import functools
import gc
import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from datetime import timedelta
from unittest.mock import Mock

import pytest
from asgiref.sync import sync_to_async
from celery.concurrency.base import BasePool
from celery.signals import worker_init
from channels.layers import get_channel_layer
from django.conf import settings
from django.db import connection
from django.utils import timezone

import celery_app
from benchmarks.chaos.audit import audit
from home import live, models
from home.models import Order
from kitchen import flow
from kitchen.models import Shop, Station
from telemetry import stored

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True, serialized_rollback=True)]

COOK_SECONDS = 40


def await_that(is_true, seconds=COOK_SECONDS):
    deadline = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < deadline, "It never became true."
        time.sleep(0.05)


def database_url():
    """Return the address of this test's database, for other processes."""
    database = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{database['NAME']}"
    return "postgres://{USER}:{PASSWORD}@{HOST}:{PORT}/{NAME}".format(**database)


def start_worker(pool, code=settings.BASE_DIR):
    """Start a worker process on this test's database, of this code or of another folder's."""
    command = [
        sys.executable,
        "-m",
        "celery",
        "-A",
        "celery_app",
        "worker",
        "-P",
        pool,
        "-c",
        "2",
        "-l",
        "info",
    ]
    return subprocess.Popen(
        command,
        env={**os.environ, "DATABASE_URL": database_url()},
        cwd=code,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def start_ready_worker(pool, code=settings.BASE_DIR):
    process = start_worker(pool, code)
    lines = []
    for line in process.stdout:
        lines.append(line)
        if " ready." in line:
            break
    assert process.poll() is None, "".join(lines)
    return process


@contextmanager
def worker(pool, code=settings.BASE_DIR):
    """Run a worker process from its first "ready" to a clean end."""
    process = start_ready_worker(pool, code)
    lines = []
    # A full pipe would hold the worker up.
    reader = threading.Thread(target=lambda: lines.extend(process.stdout), daemon=True)
    reader.start()
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=25)  # not 30, even when a task ended just now: see celery_app
        reader.join(timeout=5)
        output = "".join(lines)
        print(output)  # shown if the test fails
    assert process.returncode == 0, output
    assert "ERROR" not in output, output


@pytest.fixture
async def listen(valkey, monkeypatch):
    """listen(order_id) subscribes to the group of an order that is yet to be placed: the next one gets this id.

    A subscription after the order is placed can miss what a fast kitchen says first.
    """
    layer = get_channel_layer()
    channel = await layer.new_channel()

    async def listen(order_id):
        monkeypatch.setattr(models, "new_order_id", lambda: order_id)
        await layer.group_add(live.group_name(order_id), channel)
        return functools.partial(hear, layer, channel)

    yield listen
    await layer.flush()


async def hear(layer, channel, frames=1):
    """Return {seq: stage} of what a group is told, until it is delivered and there were so many frames.

    Each process sends for itself, so a later message can overtake an earlier one; a page then ignores the earlier.
    """
    heard = {}
    while "delivered" not in heard.values() or len(heard) < frames:
        event = await asyncio.wait_for(layer.receive(channel), 30)
        payload = json.loads(event["text"])["payload"]
        assert payload["seq"] not in heard
        heard[payload["seq"]] = payload["stage"]
    return heard


@pytest.fixture(params=["gathered", "one by one"])
def links(request, monkeypatch):
    """Workers gather links, or run each by itself: an ordinary chain of Celery's, as any worker can."""
    monkeypatch.setenv("GATHER_LINKS", str(request.param == "gathered"))
    return request.param


@pytest.mark.parametrize("pool", ["prefork", "threads", "solo"])
async def test_the_chain_delivers_and_every_change_is_heard(listen, place, pool, links, valkey):
    await Shop.objects.aupdate(speed=10_000)
    hear_of = await listen("a" * 20)
    with worker(pool):
        await sync_to_async(place)()
        heard = await hear_of(frames=5)

    # The pizza comes out of the oven and its order goes on in one change: they have one frame.
    assert heard == {1: "received", 2: "baking", 4: "baked", 5: "out_for_delivery", 6: "delivered"}
    order = await Order.objects.aget()
    assert (order.stage, order.epoch) == ("delivered", 1)  # one chain was enough for the order
    assert [item.epoch async for item in order.items.all()] == [1]  # and one for its pizza
    # Each process of the worker has said at its end what it had counted.
    totals = stored.read(valkey.client).totals
    assert {labels: number for (name, labels), number in totals.items() if name == "shop_stage_changes_total"} == {
        ("started", "baking"): 1,
        ("joined", "baked"): 1,
        ("started", "baked"): 1,
        ("started", "out_for_delivery"): 1,
        ("delivered", "delivered"): 1,
    }


def test_a_worker_refuses_a_green_pool_before_it_takes_a_task(valkey, place):
    """Its tasks would fail one by one, and the links that it took would be lost."""
    order = place()
    waiting = valkey.client.llen("celery")
    process = start_worker("gevent")
    try:
        output, _ = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 1, output
    assert output.endswith("Start the worker with --pool prefork, threads or solo.\n")
    assert "Traceback" not in output and "ready." not in output
    assert valkey.client.llen("celery") == waiting == 1
    order.refresh_from_db()
    assert (order.stage, order.seq) == ("received", 1)


def test_a_green_pool_is_refused_by_any_name():
    """CELERY_CUSTOM_WORKER_POOL or the setting worker_pool can name it, or eventlet bring it."""
    green = type("TaskPool", (BasePool,), {"is_green": True})
    with pytest.raises(SystemExit, match="gevent or eventlet"):
        celery_app.refuse_green_pools(Mock(pool_cls=green))


def test_a_worker_scans_what_was_imported_no_more():
    assert celery_app.scan_no_more_what_stays in [receiver() for _, receiver in worker_init.receivers]
    try:
        celery_app.scan_no_more_what_stays()
        assert gc.get_freeze_count() > 100_000
    finally:
        gc.unfreeze()


async def test_orders_that_wait_in_lines_all_arrive_once(listen, place, margherita, links):
    """Each station has one place: what waits there, a pizza or an order, gets its chain from the one that leaves."""
    await Shop.objects.aupdate(speed=20_000)
    await Station.objects.aupdate(capacity=1)
    with worker("prefork"):
        for number in range(11):
            await sync_to_async(place)(None, [(margherita, 1 + number % 3)])
        hear_of = await listen("z" * 20)
        await sync_to_async(place)()
        await hear_of()  # first come, first served: the last is the last

    accepted = {order_id: order_id async for order_id in Order.objects.values_list("order_id", flat=True)}
    assert len(accepted) == 12
    assert (await sync_to_async(lambda: audit(connection, accepted))()).faults == []


async def test_on_a_belt_each_pizza_is_loaded_when_it_is_due(listen, place, margherita, links):
    """The oven is a belt that takes a pizza every 0.1 s: nobody but the wake of the first loads those behind it."""
    await Shop.objects.aupdate(speed=1000)
    await Station.objects.filter(works_on="item").aupdate(mean_seconds=200, distribution="fixed", capacity=8)
    await Station.objects.filter(stage="baking").aupdate(kind="belt", headway_seconds=100)
    hear_of = await listen("b" * 20)
    with worker("threads"):
        await sync_to_async(place)(None, [(margherita, 8)])
        await hear_of()
    assert (await sync_to_async(lambda: audit(connection, {"click": "b" * 20}))()).faults == []


def test_a_kitchen_in_hands_and_clocks_loses_nothing_to_a_killed_worker(valkey, place, bob, caplog, links):
    """The make line and the drivers end with a tap, the oven and the bench by the clock."""
    Shop.objects.update(speed=1000)
    Station.objects.update(mean_seconds=100, spread_seconds=0, distribution="fixed")
    Station.objects.filter(stage__in=["received", "out_for_delivery"]).update(ends_by="hand")
    order = place()
    tap = functools.partial(flow.advance, order.pk, bob)

    def is_at(stage, **state):
        rows = order.items if stage == "received" else Order.objects.filter(pk=order.pk)
        return lambda: rows.filter(stage=stage, **state).exists()

    with worker("solo"):
        await_that(is_at("received", overdue=True))
        await_that(lambda: in_broker(valkey)[0] == 0)
    assert in_broker(valkey) == (0, 0)  # a chain that were still there would have come back at the worker's end

    Shop.objects.update(speed=1)
    killed = start_ready_worker("solo")
    try:
        tap()
        # It has the oven's link, which is acknowledged at once where it is gathered.
        await_that(lambda: in_broker(valkey) == (0, links == "one by one"))
    finally:
        killed.kill()
        killed.communicate()
    flow.set_speed(1000)
    valkey.client.flushdb()  # and the new chain is lost, too
    caplog.clear()
    assert flow.recover(clock=lambda: timezone.now() + timedelta(seconds=5)) == 1
    assert [message.partition(",")[0] for message in caplog.messages] == [
        "The recovery sweep sent lost links again: 1"
    ]

    with worker("solo"):
        await_that(is_at("out_for_delivery", started_at=None))
        flow.take(order.pk, bob)
        await_that(is_at("out_for_delivery", overdue=True))
        tap()
        await_that(lambda: in_broker(valkey)[0] == 0)
    assert in_broker(valkey) == (0, 0)
    assert list(order.events.exclude(event="retimed").values_list("item", "stage", "event")) == [
        (1, "received", "started"),
        (1, "received", "overran"),
        (1, "received", "done"),
        (1, "baking", "started"),
        (1, "baked", "joined"),
        (None, "baked", "started"),
        (None, "out_for_delivery", "joined"),
        (None, "out_for_delivery", "started"),
        (None, "out_for_delivery", "overran"),
        (None, "out_for_delivery", "done"),
        (None, "delivered", "delivered"),
    ]
    assert audit(connection, {"click": order.order_id}).faults == []


def in_broker(valkey):
    """Return how many messages are in the queue, and how many a worker has taken and not begun."""
    return valkey.client.llen("celery"), valkey.client.hlen("unacked")
