"""A real worker, a real broker: the chain carries an order through the kitchen, and every change is heard."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from django.conf import settings
from django.db import connection

from home import live
from home.models import Order
from kitchen.models import Shop, Station

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True, serialized_rollback=True)]


@contextmanager
def worker(pool):
    """A worker process on this test's database, from its first "ready" to a clean end."""
    database = connection.settings_dict
    if connection.vendor == "sqlite":
        url = f"sqlite:///{database['NAME']}"
    else:
        url = "postgres://{USER}:{PASSWORD}@{HOST}:{PORT}/{NAME}".format(**database)
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
    process = subprocess.Popen(
        command,
        env={**os.environ, "DATABASE_URL": url},
        cwd=settings.BASE_DIR,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    lines = []
    for line in process.stdout:
        lines.append(line)
        if " ready." in line:
            break
    assert process.poll() is None, "".join(lines)
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=15)  # also when a task ended just now: see celery_app
    assert process.returncode == 0, output
    assert "ERROR" not in output, output


async def frames_until_delivered(layer, channel):
    """The payloads of a group, until the last."""
    payloads = []
    while not payloads or payloads[-1]["stage"] != "delivered":
        event = await asyncio.wait_for(layer.receive(channel), 30)
        payloads.append(json.loads(event["text"])["payload"])
    return payloads


@pytest.mark.parametrize("pool", ["prefork", "threads", "solo"])
async def test_the_chain_delivers_and_every_change_is_heard(valkey, place, pool):
    await Shop.objects.aupdate(speed=10_000)
    layer = get_channel_layer()
    channel = await layer.new_channel()
    with worker(pool):
        order = await sync_to_async(place)()
        await layer.group_add(live.group_name(order.order_id), channel)
        payloads = await frames_until_delivered(layer, channel)
    await layer.flush()

    shown = [(payload["seq"], payload["stage"]) for payload in payloads if payload["seq"] > 1]
    assert shown == [(2, "baking"), (3, "baked"), (4, "out_for_delivery"), (5, "delivered")]
    order = await Order.objects.aget()
    assert (order.stage, order.plan) == ("delivered", 1)  # one chain was enough


async def test_orders_that_wait_in_lines_all_arrive_once(valkey, place):
    """One place at each station: whoever waits gets a chain from the one who leaves."""
    await Shop.objects.aupdate(speed=20_000)
    await Station.objects.aupdate(places=1)
    layer = get_channel_layer()
    channel = await layer.new_channel()
    with worker("prefork"):
        orders = [await sync_to_async(place)() for _ in range(12)]
        await layer.group_add(live.group_name(orders[-1].order_id), channel)
        await frames_until_delivered(layer, channel)  # first come, first served: the last is the last
    await layer.flush()

    async for order in Order.objects.prefetch_related("events"):
        events = [(event.stage, event.event) for event in order.events.all()]
        assert order.stage == "delivered"
        assert [stage for stage, event in events if event != "joined"] == [
            "received",
            "baking",
            "baked",
            "out_for_delivery",
            "delivered",
        ]
        assert len(set(events)) == len(events) == order.seq
