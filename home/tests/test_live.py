"""The voice, through a real Valkey: from any kind of process, and after a fork."""

import asyncio
import json
import os
import threading
from contextlib import asynccontextmanager

import pytest
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer

from home import live
from home.models import Order

ORDER = Order(pk=1, order_id="a" * 20, seq=3)
pytestmark = pytest.mark.usefixtures("valkey")


@asynccontextmanager
async def listening(group):
    layer = get_channel_layer()
    channel = await layer.new_channel()
    await layer.group_add(group, channel)
    yield lambda: asyncio.wait_for(layer.receive(channel), 5)
    await layer.flush()


def test_what_is_no_order_id_never_becomes_a_group():
    assert live.is_order_id("a" * 20)
    for value in ("", "a" * 19, "A" * 20, "é" * 20, "a" * 20 + "\n", None, 4):
        assert not live.is_order_id(value)


async def test_announcing_sends_the_whole_state_to_the_orders_group():
    async with listening(live.group_name(ORDER.order_id)) as receive:
        await sync_to_async(live.announce)(ORDER)
        event = await receive()
    assert (event["type"], event["order_id"], event["seq"]) == ("order.status", ORDER.order_id, 3)
    assert json.loads(event["text"]) == {"payload": ORDER.payload()}


async def test_staff_hear_of_new_orders():
    async with listening(live.NEW_ORDERS) as receive:
        live.announce(ORDER)  # seq 3: not new
        live.announce(Order(pk=2, order_id="b" * 20, seq=1))
        assert (await receive())["order_id"] == "b" * 20


async def test_frames_keep_their_order():
    async with listening(live.group_name(ORDER.order_id)) as receive:
        for seq in range(1, 101):
            live.announce(Order(pk=1, order_id=ORDER.order_id, seq=seq))
        assert [(await receive())["seq"] for _ in range(100)] == list(range(1, 101))


async def test_it_speaks_after_a_fork():
    """As in a prefork worker: parent and child have both spoken before."""
    live.announce(ORDER)
    live.voice.flush()
    async with listening(live.group_name("c" * 20)) as receive:

        def fork_and_speak():
            child = os.fork()
            if child == 0:
                live.announce(Order(pk=3, order_id="c" * 20, seq=7))
                live.voice.flush()
                os._exit(0)
            os.waitpid(child, 0)

        await sync_to_async(fork_and_speak)()
        assert (await receive())["seq"] == 7


def test_one_loop_serves_all_threads():
    threads = [threading.Thread(target=live.announce, args=[ORDER]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    live.voice.flush()
    assert sum(thread.name == "voice" for thread in threading.enumerate()) == 1


async def test_it_speaks_again_when_redis_is_back(valkey):
    valkey.stop()
    await sync_to_async(live.announce)(ORDER)
    await sync_to_async(live.voice.flush)()
    valkey.start()
    async with listening(live.group_name(ORDER.order_id)) as receive:
        live.announce(ORDER)
        assert (await receive())["seq"] == 3


def test_it_drops_and_says_so_when_far_too_much_waits(monkeypatch, caplog):
    monkeypatch.setattr(live, "MAX_PENDING", 0)
    live.announce(ORDER)
    assert "Not announced" in caplog.text


async def test_whatever_happens_to_one_word_the_next_is_said(monkeypatch, caplog):
    layer = get_channel_layer()
    async with listening(live.group_name(ORDER.order_id)) as receive:
        sends = iter([asyncio.CancelledError(), OSError("away")])
        real = layer.group_send

        async def group_send(group, message):
            for error in sends:
                raise error
            await real(group, message)

        monkeypatch.setattr(layer, "group_send", group_send, raising=False)
        for seq in (1, 2, 3):
            live.voice.say(live.group_name(ORDER.order_id), {"type": "order.status", "seq": seq})
        assert (await receive())["seq"] == 3
    assert "CancelledError" in caplog.text and "away" in caplog.text
