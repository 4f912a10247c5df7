"""Sending to groups through a real Valkey, from any kind of process and after a fork."""

import asyncio
import logging
import os
import threading
from contextlib import asynccontextmanager

import pytest
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer

from realtime import broadcast
from realtime.broadcast import Broadcaster, Gathering, broadcaster
from telemetry import trace

GROUP = "cats"
pytestmark = pytest.mark.usefixtures("valkey")


@asynccontextmanager
async def listening(group=GROUP):
    layer = get_channel_layer()
    channel = await layer.new_channel()
    await layer.group_add(group, channel)
    yield lambda: asyncio.wait_for(layer.receive(channel), 5)
    await layer.flush()


def mew(n):
    return {"type": "cat.mews", "n": n}


async def test_messages_keep_their_order():
    async with listening() as receive:
        for n in range(100):
            broadcaster.send(GROUP, mew(n))
        assert [await receive() for _ in range(100)] == [mew(n) for n in range(100)]


async def test_an_event_that_cannot_be_made_holds_up_no_other(caplog):
    async with listening() as receive:
        broadcaster.send(GROUP, lambda: {"n": 1 / 0})
        broadcaster.send(GROUP, lambda: mew(2))
        assert await receive() == mew(2)
    assert [line.getMessage() for line in caplog.records] == ["Not sent to cats: division by zero"]


async def test_of_many_at_a_time_the_sender_makes_all_but_the_first():
    makers, go_on = {}, threading.Event()

    def event(n):
        makers[n] = threading.current_thread().name
        return {"n": 1 / 0} if n == 2 else mew(n)

    async with listening() as receive:
        broadcaster.running_loop().call_soon_threadsafe(go_on.wait, 5)
        for n in (1, 2, 3):
            broadcaster.send(GROUP, lambda n=n: event(n))
        go_on.set()
        assert [await receive(), await receive()] == [mew(1), mew(3)]
    # One that can't be made is left to the thread, which says so.
    assert makers == {1: "broadcast", 2: "broadcast", 3: threading.current_thread().name}


async def test_it_sends_after_a_fork():
    """Test a fork as in a prefork worker, whose parent has already sent messages."""
    broadcaster.send("dogs", mew(1))
    broadcaster.flush()
    async with listening() as receive:

        def fork_and_send():
            child = os.fork()
            if child == 0:
                broadcaster.send(GROUP, mew(7))
                broadcaster.flush()
                os._exit(0)
            os.waitpid(child, 0)

        await sync_to_async(fork_and_send)()
        assert await receive() == mew(7)


def test_one_loop_serves_all_threads():
    threads = [threading.Thread(target=broadcaster.send, args=[GROUP, mew(n)]) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    broadcaster.flush()
    assert sum(thread.name == "broadcast" for thread in threading.enumerate()) == 1


async def test_it_sends_again_when_redis_is_back(valkey, counted):
    valkey.stop()
    broadcaster.send(GROUP, mew(1))
    await sync_to_async(broadcaster.flush)()
    valkey.start()
    async with listening() as receive:
        broadcaster.send(GROUP, mew(2))
        assert await receive() == mew(2)
    await sync_to_async(broadcaster.flush)()
    assert counted("shop_announcements_dropped_total") == {(): 1}


async def test_what_is_sent_is_counted(counted):
    await sync_to_async(broadcaster.flush)()
    counted()
    broadcaster.send(GROUP, mew(1))
    broadcaster.send(GROUP, mew(2))
    await sync_to_async(broadcaster.flush)()
    assert counted("shop_announcements_sent_total") == {(): 2}


def test_it_drops_messages_and_logs_it_when_too_many_are_waiting(monkeypatch, caplog, counted):
    monkeypatch.setattr(broadcast, "MAX_PENDING", 0)
    broadcaster.send(GROUP, mew(1))
    assert caplog.messages == ["Not sent to cats: 0 messages are already waiting"]
    assert counted("shop_announcements_dropped_total") == {(): 1}


async def test_a_message_that_fails_does_not_stop_the_next(monkeypatch, caplog):
    layer = get_channel_layer()
    async with listening() as receive:
        errors = iter([asyncio.CancelledError(), OSError("away")])
        real = layer.group_send

        async def group_send(group, message):
            for error in errors:
                raise error
            await real(group, message)

        monkeypatch.setattr(layer, "group_send", group_send, raising=False)
        for n in (1, 2, 3):
            broadcaster.send(GROUP, mew(n))
        assert await receive() == mew(3)
        await sync_to_async(broadcaster.flush)()  # the success is noted after the message has gone out
    assert caplog.messages == ["Not sent to cats: CancelledError", "Sending again; not sent meanwhile: 2"]


async def test_a_secret_in_the_name_of_a_group_is_not_logged(monkeypatch, caplog):
    async def group_send(group, message):
        raise OSError("away")

    monkeypatch.setattr(get_channel_layer(), "group_send", group_send, raising=False)
    broadcaster.send("order_" + "a" * 20, mew(1))
    await sync_to_async(broadcaster.flush)()
    assert caplog.messages == ["Not sent to order_aaaa…: away"]


async def test_what_is_logged_of_messages_names_no_click(monkeypatch):
    """Those of many clicks are sent in one go: the id of the first would stand in lines about all of them."""
    seen = []

    async def group_send(group, message):
        seen.append(trace.present().request)

    monkeypatch.setattr(get_channel_layer(), "group_send", group_send, raising=False)
    with trace.in_course_of("a" * 16):
        broadcaster.send(GROUP, mew(1))
    broadcaster.send(GROUP, mew(2))
    await sync_to_async(broadcaster.flush)()
    assert seen == ["", ""]


# Gathered news


@pytest.fixture
def cats():
    """Gather news of cats by name."""
    gathering = Gathering(broadcaster, GROUP, lambda parts: {"type": "cats.mew", "cats": list(parts)})
    yield gathering
    broadcaster.gatherings.remove(gathering)


async def test_the_newest_part_of_each_key_is_sent_in_one_message(cats, monkeypatch):
    monkeypatch.setattr(broadcast, "GATHER_SECONDS", 60)
    async with listening() as receive:
        cats.add("tom", 1, "tom 1")
        assert (await receive())["cats"] == ["tom 1"]  # at once, because nothing was sent before
        for name, seq in (("tom", 2), ("kit", 1), ("tom", 4), ("tom", 3)):
            cats.add(name, seq, f"{name} {seq}")
        await sync_to_async(broadcaster.flush)()
        assert (await receive())["cats"] == ["tom 4", "kit 1"]


async def test_gathered_news_follows_after_the_interval(cats, monkeypatch):
    monkeypatch.setattr(broadcast, "GATHER_SECONDS", 0.3)
    async with listening() as receive:
        cats.add("tom", 1, "tom 1")
        await receive()
        sent_at = cats.sent_at
        cats.add("tom", 2, "tom 2")
        assert (await receive())["cats"] == ["tom 2"]
        assert cats.sent_at - sent_at >= 0.3


def test_a_fork_forgets_what_its_parent_gathered():
    parent = Broadcaster()
    sent = []
    parent.send = lambda *message: sent.append(message)
    gathering = Gathering(parent, GROUP, list)
    gathering._is_scheduled = True  # the parent's thread will send it
    gathering.add("tom", 1, "tom 1")
    parent.forget()
    gathering.send()
    assert sent == [] and not gathering._is_scheduled


async def test_gathered_news_that_cannot_be_sent_is_no_warning(cats, monkeypatch, caplog):
    caplog.set_level(logging.DEBUG, "realtime.broadcast")

    async def group_send(group, message):
        raise OSError("away")

    monkeypatch.setattr(get_channel_layer(), "group_send", group_send, raising=False)
    cats.add("tom", 1, "tom 1")
    await sync_to_async(broadcaster.flush)()
    assert [record.levelname for record in caplog.records] == ["DEBUG"]
