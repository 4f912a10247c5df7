"""Live updates through a server that hangs, forgets its connections, or restarts: nobody waits, and all go on."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.conf import settings
from redis.asyncio.client import PubSub

from benchmarks.chaos.proxy import HOST, Proxy
from home.tests.test_consumers import open_socket, receive
from kitchen import flow
from pizzaProj import waits
from pizzaProj.messaging import layer as layers
from pizzaProj.messaging.layer import Layer
from realtime import broadcast
from realtime.broadcast import broadcaster

GROUP = "cats"
PATIENCE_SECONDS = 30.0  # until something happens that does

(ADDRESS,) = settings.CHANNEL_LAYERS["default"]["CONFIG"]["hosts"]


@pytest.fixture
def proxy(valkey: Any) -> Iterator[Proxy]:
    with Proxy(str(valkey.socket)) as proxy:
        yield proxy


@pytest.fixture
async def near(valkey: Any) -> AsyncIterator[Layer]:
    """Return a layer that reaches the server directly."""
    near = Layer(hosts=[ADDRESS])
    yield near
    await near.flush()


@pytest.fixture
async def far(proxy: Proxy) -> AsyncIterator[Layer]:
    """Return a layer that reaches it through the proxy."""
    far = Layer(hosts=[{**ADDRESS, "address": f"redis://{HOST}:{proxy.port}/0"}])
    yield far
    await asyncio.wait_for(far.flush(), PATIENCE_SECONDS)


async def joined(layer: Layer, group: str = GROUP) -> str:
    """Return a channel that has joined the group, as that of a socket that is being opened. It must not take long."""
    began = time.monotonic()
    channel = str(await layer.new_channel())
    await layer.group_add(group, channel)
    assert time.monotonic() - began < waits.ANSWER_SECONDS
    return channel


async def hears(near: Layer, far: Layer, channel: str, group: str = GROUP) -> None:
    """Mew until it is heard: subscribing takes a moment, and what was sent before is lost."""

    async def mew() -> None:
        while True:
            await near.group_send(group, {"type": "cat.mews"})
            await asyncio.sleep(0.1)

    mewing = asyncio.create_task(mew())
    try:
        assert await asyncio.wait_for(far.receive(channel), PATIENCE_SECONDS) == {"type": "cat.mews"}
    finally:
        mewing.cancel()


def warnings(caplog: Any) -> list[str]:
    return [record.getMessage().partition(":")[0] for record in caplog.records if record.name == layers.__name__]


@pytest.mark.parametrize("fault", ["hold", "swallow"])
async def test_a_page_opens_while_the_server_hangs_and_hears_again_afterwards(
    proxy: Proxy, near: Layer, far: Layer, fault: str, caplog: Any
) -> None:
    getattr(proxy, fault)()
    first, *_ = await asyncio.gather(*(joined(far) for _ in range(50)))
    began = time.monotonic()
    await joined(far)  # by now it is known
    assert time.monotonic() - began < waits.BROKER_ANSWER_SECONDS / 2
    await sync_to_async(proxy.heal)()
    await hears(near, far, first)
    assert warnings(caplog) == ["No live updates now, pages catch up by themselves", "Live updates go on"]


@pytest.mark.parametrize("fault", ["forget", "reset", "swallow", "hold"])
async def test_a_page_that_was_open_hears_again(
    proxy: Proxy, near: Layer, far: Layer, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel = await joined(far)
    await hears(near, far, channel)
    (connection,) = far._get_layer()._shards
    await sync_to_async(getattr(proxy, fault))()
    if fault in ("swallow", "hold"):
        while not connection._is_away:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        await joined(far)
        await asyncio.wait_for(far.group_discard(GROUP, channel), waits.ANSWER_SECONDS)
        await far.group_add(GROUP, channel)
        await sync_to_async(proxy.heal)()
    await hears(near, far, channel)


async def test_a_page_that_opens_while_all_others_are_joined_again_is_not_forgotten(
    proxy: Proxy, near: Layer, far: Layer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await joined(far)
    (connection,) = far._get_layer()._shards
    late: list[asyncio.Task[str]] = []
    subscribe = PubSub.subscribe

    async def subscribe_slowly(self: Any, *channels: Any, **options: Any) -> Any:
        if not late:
            late.append(asyncio.create_task(joined(far, "kittens")))
            await asyncio.sleep(0.1)  # the moment in which it joins
        return await subscribe(self, *channels, **options)

    connection._is_away = True
    connection._is_live.clear()
    monkeypatch.setattr(PubSub, "subscribe", subscribe_slowly)
    while not late:  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    await hears(near, far, await late[0], "kittens")


async def test_a_quiet_connection_is_left_alone(
    proxy: Proxy, near: Layer, far: Layer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layers, "READS_UNTIL_ASKED", 1)
    monkeypatch.setattr(layers, "READS_UNTIL_DEAD", 8)
    channel = await joined(far)
    connects = proxy.connects
    await asyncio.sleep(20 * layers.READ_SECONDS)
    await hears(near, far, channel)
    assert proxy.connects == connects


async def test_what_arrived_while_this_process_stood_still_is_heard(
    near: Layer, far: Layer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layers, "READS_UNTIL_ASKED", 2)
    monkeypatch.setattr(layers, "READS_UNTIL_DEAD", 8)
    channel = await joined(far)
    await hears(near, far, channel)
    while not far._get_layer().channels[channel].empty():
        await far.receive(channel)
    await near.group_send(GROUP, {"type": "cat.mews", "n": 2})
    time.sleep(layers.READS_UNTIL_DEAD * layers.READ_SECONDS * 2)  # noqa: ASYNC251
    while (heard := await asyncio.wait_for(far.receive(channel), PATIENCE_SECONDS)) != {"type": "cat.mews", "n": 2}:
        assert heard == {"type": "cat.mews"}


async def test_a_group_that_was_left_is_not_heard(near: Layer, far: Layer) -> None:
    channel, other = await joined(far), await joined(far)
    await far.group_discard(GROUP, other)
    await hears(near, far, channel)
    assert far._get_layer().channels[other].empty()
    await far.group_discard(GROUP, channel)
    (connection,) = far._get_layer()._shards
    assert connection._subscribed_to == {channel, other}


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
async def test_an_order_s_page_shows_it_while_the_server_is_frozen(valkey: Any, cooked: Any, place: Any) -> None:
    """Test the socket from the handshake on: the state at once, changes from the database."""
    order = await sync_to_async(place)()
    await sync_to_async(broadcaster.flush)()
    began = time.monotonic()
    with valkey.frozen():
        async with open_socket(f"/ws/pizza/{order.order_id}") as socket:
            assert (await receive(socket))["payload"]["seq"] == 1
            assert time.monotonic() - began < waits.ANSWER_SECONDS
            await sync_to_async(flow.override)(order.pk, "delivered")
            assert (await receive(socket))["payload"]["stage"] == "delivered"


async def test_several_servers_share_the_groups(valkey: Any) -> None:
    """Each process finds the same server for a group, whoever asks."""
    with Proxy(str(valkey.socket)) as one, Proxy(str(valkey.socket)) as two:
        hosts = [{**ADDRESS, "address": f"redis://{HOST}:{proxy.port}/0"} for proxy in (one, two)]
        sender, receiver = Layer(hosts=hosts), Layer(hosts=hosts)
        for group in ("cats", "dogs", "mice", "birds", "bees"):
            await hears(sender, receiver, await joined(receiver, group), group)
        assert [proxy.connects >= 2 for proxy in (one, two)] == [True, True]
        await asyncio.gather(sender.flush(), receiver.flush())


async def test_a_server_that_hangs_holds_up_none_of_the_others_messages(
    valkey: Any, near: Layer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Proxy(str(valkey.socket)) as one, Proxy(str(valkey.socket)) as two:
        sender = Layer(hosts=[{**ADDRESS, "address": f"redis://{HOST}:{proxy.port}/0"} for proxy in (one, two)])
        groups = {sender.server_of(group): group for group in ("cats", "dogs", "mice", "birds", "bees")}
        monkeypatch.setattr(broadcast, "get_channel_layer", lambda: sender)
        channel = await joined(near, groups[1])
        await hears(near, near, channel, groups[1])
        one.hold()
        broadcaster.send(groups[0], {"type": "cat.mews"})
        began = time.monotonic()
        broadcaster.send(groups[1], {"type": "dog.barks"})
        while await asyncio.wait_for(near.receive(channel), PATIENCE_SECONDS) != {"type": "dog.barks"}:
            pass
        heard_at = time.monotonic()
        one.heal()
        await sync_to_async(broadcaster.flush)()
    assert heard_at - began < waits.BROKER_ANSWER_SECONDS
