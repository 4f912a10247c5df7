"""One subscription and one decoding for all sockets of a process in a group, through a real Valkey."""

import asyncio
import logging

import pytest
from channels.layers import InMemoryChannelLayer, get_channel_layer

from realtime import hub as hubs
from realtime.hub import Hub

GROUP = "cats"
PATIENCE_SECONDS = 20
pytestmark = pytest.mark.usefixtures("valkey")


def mew(n):
    return {"type": "cat.mews", "n": n}


class Ear:
    """Note what it hears."""

    def __init__(self):
        self.heard, self.news = [], asyncio.Event()

    def hear(self, event):
        self.heard.append(event["n"])
        self.news.set()

    async def until(self, *numbers):
        async with asyncio.timeout(PATIENCE_SECONDS):
            while self.heard != list(numbers):
                self.news.clear()
                await self.news.wait()


@pytest.fixture
async def hub():
    yield Hub()
    await get_channel_layer().flush()


async def joined(hub, *ears, group=GROUP):
    for ear in ears:
        await hub.join(group, ear)
    return ears


async def send(*numbers, group=GROUP):
    for number in numbers:
        await get_channel_layer().group_send(group, mew(number))


def subscriptions(valkey):
    return sorted(name.decode() for name in valkey.client.pubsub_channels("asgi*"))


async def test_all_hear_what_is_received_and_decoded_once(hub, valkey, monkeypatch):
    layer, decoded = get_channel_layer(), []
    deserialize = layer.deserialize
    monkeypatch.setattr(layer, "deserialize", lambda data: decoded.append(data) or deserialize(data), raising=False)
    ears = await joined(hub, *(Ear() for _ in range(30)))
    assert len(subscriptions(valkey)) == 2  # the group, and the one channel in it
    await send(1, 2)
    for ear in ears:
        await ear.until(1, 2)
    assert len(decoded) == 2
    await hub.leave(ears[0], GROUP)
    await send(3)
    await ears[1].until(1, 2, 3)
    assert ears[0].heard == [1, 2]


async def test_the_last_one_in_a_group_ends_its_subscription(hub, valkey):
    one, two = await joined(hub, Ear(), Ear())
    await joined(hub, one, group="dogs")
    await hub.leave(one, GROUP, "dogs")
    assert [name for name in subscriptions(valkey) if "group" in name] == ["asgi__group__cats"]
    await hub.leave(two, GROUP, "birds")
    assert subscriptions(valkey) == []
    await joined(hub, one)
    await send(1)
    await one.until(1)


async def test_those_who_come_at_the_same_time_miss_nothing_that_is_sent_afterwards(hub):
    ears = [Ear() for _ in range(20)]

    async def come_and_hear(ear, number):
        await hub.join(GROUP, ear)
        await send(number)

    await asyncio.gather(*(come_and_hear(ear, number) for number, ear in enumerate(ears)))
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not all(number in ear.heard for number, ear in enumerate(ears)):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_who_gives_up_while_the_group_is_joined_takes_nobody_along(hub, monkeypatch):
    layer, may_join, group_add = get_channel_layer(), asyncio.Event(), get_channel_layer().group_add

    async def join_late(group, channel):
        await may_join.wait()
        await group_add(group, channel)

    monkeypatch.setattr(layer, "group_add", join_late, raising=False)
    one, two = Ear(), Ear()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await hub.join(GROUP, one)
    waiting = asyncio.create_task(hub.join(GROUP, two))
    may_join.set()
    await waiting
    await send(1)
    await two.until(1)


async def test_a_layer_that_fails_lets_the_page_open_and_is_asked_again(hub, monkeypatch, caplog):
    layer, group_add, failures = get_channel_layer(), get_channel_layer().group_add, [OSError("away")]

    async def fail_once(group, channel):
        if failures:
            raise failures.pop()
        await group_add(group, channel)

    monkeypatch.setattr(hubs, "LISTEN_AGAIN_SECONDS", 0.01)
    monkeypatch.setattr(layer, "group_add", fail_once, raising=False)
    caplog.set_level(logging.WARNING, "realtime.hub")
    (ear,) = await joined(hub, Ear())
    assert caplog.messages == ["A group could not be listened to: away"]
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not ear.heard:
            await send(1)
            await asyncio.sleep(0.01)


async def test_others_have_a_turn_while_very_many_are_told(hub, monkeypatch):
    monkeypatch.setattr(hubs, "AT_ONCE", 2)
    heard = []

    class Teller(Ear):
        def hear(self, event):
            heard.append(event["n"])
            if len(heard) == 1:
                asyncio.get_running_loop().call_soon(heard.append, "another")
            super().hear(event)

    ears = await joined(hub, *(Teller() for _ in range(6)))
    await send(1)
    await ears[-1].until(1)
    assert heard == [1, 1, "another", 1, 1, 1, 1]


async def test_one_process_needs_no_server(monkeypatch):
    layer = InMemoryChannelLayer()
    monkeypatch.setattr(hubs, "get_channel_layer", lambda: layer)
    hub = Hub()
    one, two = await joined(hub, Ear(), Ear())
    await layer.group_send(GROUP, mew(1))
    await one.until(1)
    await two.until(1)
    await hub.leave(one, GROUP)
    await hub.leave(two, GROUP)
    assert layer.groups == {}
