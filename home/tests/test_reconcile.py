"""Every watcher ends with the right state, whatever the channel layer loses."""

import asyncio
import logging
import random
from contextlib import AsyncExitStack
from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from django.db import OperationalError
from django.utils import timezone

from home import reconcile
from home.models import Order
from home.reconcile import reconciler
from home.tests.test_consumers import act, cookie_of, open_socket, receive
from kitchen import flow
from realtime.periodic import PeriodicCheck

pytestmark = [
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
    pytest.mark.usefixtures("valkey", "cooked"),
]


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    monkeypatch.setattr(PeriodicCheck, "every_seconds", 0.2)


@pytest.fixture
def losses(monkeypatch):
    """losses(share): from now on the layer loses this share of what is sent. Returns the list of what it lost."""
    layer, chance, lost = get_channel_layer(), random.Random(30), []

    def lose(share):
        async def lossy(group, message):
            if chance.random() < share:
                return lost.append(message["seq"])
            await layer._get_layer().group_send(group, message)  # the one of the loop that asks

        monkeypatch.setattr(layer, "group_send", lossy, raising=False)
        return lost

    return lose


async def seqs_until(socket, final):
    """Return {order_id: [seq, ...]} of the frames that come, until each order is at its last seq, and a while more.

    Quiet alone is no sign that all is there: a busy machine can be quiet for longer.
    """
    seqs = {}
    while not final.items() <= last_of(seqs).items() or not await socket.receive_nothing(timeout=0.5):
        payload = (await receive(socket))["payload"]
        seqs.setdefault(payload["order_id"], []).append(payload["seq"])
    return seqs


def last_of(seqs):
    return {order_id: numbers[-1] for order_id, numbers in seqs.items()}


@sync_to_async
def steer(orders, by):
    """Change each order six times, in turn."""
    for stage in ("baking", "baked", "received", "baking", "out_for_delivery", "delivered"):
        for order in orders:
            flow.override(order.pk, stage, by=by)


async def test_with_a_third_of_all_messages_lost_everyone_ends_with_the_right_seq(place, bob, losses):
    orders = [await sync_to_async(place)() for _ in range(12)]
    lost = losses(0.3)
    async with AsyncExitStack() as stack:
        pages = [await stack.enter_async_context(open_socket(f"/ws/pizza/{order.order_id}")) for order in orders]
        a_list = await stack.enter_async_context(open_socket("/ws/orders/"))
        await a_list.send_json_to({"watch": [order.order_id for order in orders]})
        await steer(orders, bob)
        final = {order.order_id: order.seq async for order in Order.objects.all()}
        finals = [{order.order_id: final[order.order_id]} for order in orders]
        got = await asyncio.gather(*map(seqs_until, [*pages, a_list], [*finals, final]))

    assert len(lost) > 10
    assert list(map(last_of, got)) == [*finals, final]
    for watcher in got:
        for seqs in watcher.values():
            assert seqs == sorted(set(seqs))  # each at most once, never backwards


async def test_nothing_at_all_comes_through_and_all_is_seen(place, bob, losses, swept):
    cookie = await sync_to_async(cookie_of)(bob)
    order = await sync_to_async(place)()
    async with open_socket(f"/ws/pizza/{order.order_id}") as page, open_socket("/ws/orders/", cookie) as staff:
        await receive(page)
        await asyncio.sleep(0.5)
        assert (await receive(staff))["payload"]["order_id"] == order.order_id  # it is new
        losses(1.0)
        await act(flow.override, order, "baking", by=bob)
        new = await sync_to_async(place)()
        assert (await receive(page))["payload"]["stage"] == "baking"
        seqs = await seqs_until(staff, {new.order_id: 1})
        assert seqs == {new.order_id: [1]}  # not of what it does not watch
    assert {what for what, _ in swept} == {"missed_frame"}


async def test_one_query_however_many_watch(place, monkeypatch, django_assert_num_queries):
    rounds = []

    async def newer_than(oldest, since):
        rounds.append(len(oldest))
        return []

    monkeypatch.setattr(reconcile, "newer_than", newer_than)
    orders = [await sync_to_async(place)() for _ in range(5)]
    async with AsyncExitStack() as stack:
        for order in orders * 4:
            socket = await stack.enter_async_context(open_socket(f"/ws/pizza/{order.order_id}"))
            await receive(socket)
        rounds.clear()
        await reconciler.check()
        assert rounds == [5]

    monkeypatch.setattr(reconcile, "BATCH", 2)
    assert [len(batch) for batch in reconcile.batches({order.order_id: 1 for order in orders})] == [2, 2, 1]


def test_only_what_is_newer_is_read(timeless, place, django_assert_num_queries):
    orders = [place() for _ in range(4)]
    reconcile.read_newer({orders[0].order_id: 0}, None)  # the stations are remembered from here on
    oldest = {order.order_id: seq for order, seq in zip(orders, (0, 1, 2, 0), strict=True)}
    oldest |= {f"{n:020d}": n for n in range(300)}
    with django_assert_num_queries(2):  # the orders, and their items
        frames = reconcile.read_newer(oldest, None)
    assert {frame["order_id"] for frame in frames} == {orders[0].order_id, orders[3].order_id}
    with django_assert_num_queries(0):
        assert reconcile.read_newer({}, None) == []


def test_what_is_read_names_all_columns_and_each_order_once(timeless, place):
    order = place()
    watched, news = {order.order_id: 0}, timezone.now() - timedelta(minutes=1)
    (alone,), (both,) = reconcile.above(watched), reconcile.read_newer(watched, news)
    assert alone.get_deferred_fields() == set() and [item.number for item in alone.parts] == [1]
    assert (both["order_id"], reconcile.read_newer({order.order_id: 1}, None)) == (order.order_id, [])


async def test_the_task_ends_with_the_last_watcher(place):
    order = await sync_to_async(place)()
    assert reconciler.task is None
    async with open_socket(f"/ws/pizza/{order.order_id}") as first:
        await receive(first)
        async with open_socket("/ws/orders/"):
            task = reconciler.task
        assert reconciler.task is task and not task.done()
    await asyncio.wait([task], timeout=10)
    assert task.cancelled()
    assert (reconciler.task, reconciler.sockets) == (None, set())


async def test_it_survives_a_database_that_is_away(place, bob, losses, monkeypatch, caplog):
    caplog.set_level(logging.WARNING, "realtime.periodic")
    losses(1.0)
    newer_than = reconcile.newer_than
    was_away = asyncio.Event()

    async def away(oldest, since):
        was_away.set()
        raise OperationalError("the server closed the connection")

    order = await sync_to_async(place)()
    async with open_socket(f"/ws/pizza/{order.order_id}") as socket:
        await receive(socket)
        monkeypatch.setattr(reconcile, "newer_than", away)
        await act(flow.override, order, "baking", by=bob)
        await asyncio.wait_for(was_away.wait(), 10)
        assert await socket.receive_nothing(timeout=0.1)
        assert "the server closed the connection" in caplog.text
        monkeypatch.setattr(reconcile, "newer_than", newer_than)
        assert (await receive(socket))["payload"]["stage"] == "baking"


async def test_a_watcher_that_breaks_does_not_keep_the_others_waiting(place, bob, losses):
    losses(1.0)

    class Broken:
        is_busy = hears_news = False

        def __init__(self, seen):
            self.seen = seen

        def sent(self):
            return self.seen

        async def order_status(self, event):
            raise ConnectionError("gone")

    order = await sync_to_async(place)()
    broken = Broken({order.order_id: 0})
    reconciler.join(broken)
    async with open_socket(f"/ws/pizza/{order.order_id}") as socket:
        await receive(socket)
        await act(flow.override, order, "baking", by=bob)
        assert (await receive(socket))["payload"]["stage"] == "baking"
    reconciler.leave(broken)


async def test_one_that_hangs_costs_the_others_no_more_than_its_time_however_many_orders_it_watches(place, losses):
    class Watcher:
        is_busy = hears_news = False

        def __init__(self, order_ids, hangs):
            self.seen, self.hangs, self.told = dict.fromkeys(order_ids, 0), hangs, []

        def sent(self):
            return self.seen

        async def order_status(self, event):
            if self.hangs:
                await asyncio.Event().wait()
            self.told.append(event["order_id"])

    order_ids = [(await sync_to_async(place)()).order_id for _ in range(8)]
    hanging, other = Watcher(order_ids, hangs=True), Watcher(order_ids, hangs=False)
    checker = reconcile.Reconciler()
    checker.sockets = {hanging, other}
    await asyncio.wait_for(checker.check(), 3 * checker.send_seconds)
    assert sorted(other.told) == sorted(order_ids)


async def test_a_busy_watcher_is_left_for_the_next_round(place, bob, losses):
    """It can be about to send what it has read: after a newer frame that would take the page back."""
    losses(1.0)
    order = await sync_to_async(place)()
    async with open_socket(f"/ws/pizza/{order.order_id}") as socket:
        await receive(socket)
        (watcher,) = reconciler.sockets
        watcher.is_busy = True
        await act(flow.override, order, "baking", by=bob)
        assert await socket.receive_nothing(timeout=0.5)
        watcher.is_busy = False
        assert (await receive(socket))["payload"]["stage"] == "baking"


async def test_it_recovers_when_valkey_comes_back_without_its_groups(place, bob, valkey):
    order = await sync_to_async(place)()
    async with open_socket(f"/ws/pizza/{order.order_id}") as socket:
        await receive(socket)
        await sync_to_async(valkey.stop)()
        await act(flow.override, order, "baking", by=bob)
        assert (await receive(socket))["payload"]["seq"] == 2  # even while it is away
        await sync_to_async(valkey.start)()
        await act(flow.override, order, "baked", by=bob)
        assert (await receive(socket))["payload"]["seq"] == 3
        assert await socket.receive_nothing(timeout=0.5)
