"""The sockets, from the origin check down, through a real Valkey."""

import asyncio
import json
from contextlib import asynccontextmanager
from unittest.mock import AsyncMock

import pytest
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from channels.testing import WebsocketCommunicator
from django.conf import settings
from django.contrib.auth.models import Permission, User
from django.test import Client

from home import consumers, frames, live
from home.models import Order
from kitchen import flow
from pizzaProj.asgi import application
from realtime.backpressure import SEND_AT_ONCE
from realtime.broadcast import broadcaster
from realtime.periodic import PeriodicCheck
from realtime.revalidation import revalidator

pytestmark = [
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
    pytest.mark.usefixtures("valkey", "cooked"),
]
ORIGIN = (b"origin", b"http://localhost")


@pytest.fixture(autouse=True)
def no_help_from_the_database(monkeypatch):
    """Switch off the resync of sockets (home.reconcile), which would hide a loss."""
    monkeypatch.setattr(PeriodicCheck, "every_seconds", 60)


def cookie_of(user):
    client = Client()
    client.force_login(user)
    return (b"cookie", f"sessionid={client.cookies[settings.SESSION_COOKIE_NAME].value}".encode())


@asynccontextmanager
async def open_socket(path, *headers):
    socket = WebsocketCommunicator(application, path, headers=[ORIGIN, *headers])
    connected, _ = await socket.connect(timeout=5)
    assert connected
    yield socket
    await socket.disconnect()
    await get_channel_layer().flush()


async def receive(socket):
    return json.loads(await socket.receive_from(timeout=5))


async def closed_with(socket):
    message = await socket.receive_output(timeout=5)
    assert message["type"] == "websocket.close"
    return message["code"]


@sync_to_async
def act(verb, order, *args, **kwargs):
    return verb(order.pk, *args, **kwargs)


@pytest.fixture
def order(small_kitchen, timeless, place, alice):
    """An order whose payload is the same for a while: its work takes no longer than is expected."""
    order = place(user=alice)
    broadcaster.flush()
    return order


@pytest.fixture
def path(order):
    return f"/ws/pizza/{order.order_id}"


@pytest.mark.parametrize("slash", ["", "/"])
async def test_it_sends_the_state_and_then_every_change(order, path, slash, bob):
    async with open_socket(path + slash) as socket:
        assert await receive(socket) == {"status": "connected", "payload": order.payload()}

        await act(flow.override, order, "baking", by=bob)
        await act(flow.override, order, "delivered", by=bob)

        frames = [await receive(socket), await receive(socket)]
        assert [frame.keys() for frame in frames] == [{"payload"}] * 2
        shown = [(f["payload"]["seq"], f["payload"]["status"], f["payload"]["progress"]) for f in frames]
        assert shown == [(2, "Baking", 40), (3, "Delivered", 100)]
        assert "alice" not in json.dumps(frames)


async def test_an_older_or_equal_seq_is_never_sent(order, path):
    async with open_socket(path) as socket:
        await receive(socket)
        for seq in (1, 5, 4, 5, 6):
            news = Order(order_id=order.order_id, seq=seq)
            news.parts = []
            live.announce(news)
        assert [(await receive(socket))["payload"]["seq"] for _ in range(2)] == [5, 6]


@pytest.mark.parametrize("has_room", [True, False])
async def test_what_is_sent_at_once_keeps_the_same_order(order, path, has_room):
    """As on Daphne, which tells when a client has room. What it has none for comes in its turn."""
    sent = []

    def send_at_once(text):
        sent.append(seq_of(text)) if has_room else None
        return has_room

    socket = WebsocketCommunicator(application, path)
    socket.scope["extensions"] = {SEND_AT_ONCE: send_at_once}
    await socket.connect(timeout=5)
    await receive(socket)
    for seq in (1, 5, 4, 5, 6):
        news = Order(order_id=order.order_id, seq=seq)
        news.parts = []
        (live.announce_eta if seq == 4 else live.announce)(news)
    if not has_room:
        sent = [(await receive(socket))["payload"]["seq"] for _ in range(2)]
    async with asyncio.timeout(5):
        while sent != [5, 6]:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    await socket.disconnect()
    await get_channel_layer().flush()


def seq_of(text):
    return json.loads(text)["payload"]["seq"]


async def test_a_change_between_subscription_and_snapshot_is_not_lost(order, path, bob, monkeypatch):
    """With the snapshot first it would be lost: at this moment a snapshot is already old."""
    read = consumers.get_payload

    async def read_slowly(order_id):
        payload = await read(order_id)
        await act(flow.override, order, "baking", by=bob)
        await sync_to_async(broadcaster.flush)()
        return payload

    monkeypatch.setattr(consumers, "get_payload", read_slowly)
    async with open_socket(path) as socket:
        assert (await receive(socket))["payload"]["seq"] == 1
        assert (await receive(socket))["payload"]["seq"] == 2


async def test_orders_that_are_opened_at_once_are_read_together_and_one_that_fails_fails_alone(
    order, place, monkeypatch
):
    other = await sync_to_async(place)()
    whole = frames.payload

    def payload(one):
        return 1 / 0 if one.order_id == order.order_id else whole(one)

    monkeypatch.setattr(frames, "payload", payload)
    reads = []
    filtered = Order.objects.filter
    monkeypatch.setattr(Order.objects, "filter", lambda **asked: reads.append(asked) or filtered(**asked))
    asked = [consumers.get_payload(order_id) for order_id in (order.order_id, other.order_id, "nobody")]
    found = await asyncio.gather(*asked, return_exceptions=True)
    assert isinstance(found[0], ZeroDivisionError)
    assert (found[1]["order_id"], found[2]) == (other.order_id, None)
    assert len(reads) == 1


@pytest.mark.parametrize("order_id", ["nope", "z" * 20, "A" * 20, "%00", "é"])
async def test_an_unknown_order_is_accepted_then_closed_with_4404(db, order_id):
    async with open_socket(f"/ws/pizza/{order_id}") as socket:
        assert await closed_with(socket) == 4404


async def test_an_unknown_address_is_closed_with_4404(db):
    async with open_socket("/ws/pasta/") as socket:
        assert await closed_with(socket) == 4404


@pytest.mark.parametrize("origin", ["http://evil.example", "null"])
async def test_a_foreign_origin_is_refused(order, path, origin):
    socket = WebsocketCommunicator(application, path, headers=[(b"origin", origin.encode())])
    connected, _ = await socket.connect(timeout=5)
    assert not connected


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ("{", "not JSON"),
        ("[" * 9000, "not JSON"),
        ("[]", "not a JSON object"),
        ("4", "not a JSON object"),
        ("{}", "Unknown action"),
        ('{"action": "eat"}', "Unknown action"),
        ('{"action": ["override"]}', "Unknown action"),
        ('{"action": "override", "stage": "baking"}', "Only staff"),
        ("x" * 10_001, "at most 10000 characters"),
    ],
)
async def test_rubbish_gets_an_answer_with_the_payload_and_the_socket_lives_on(order, path, bob, sent, words):
    async with open_socket(path) as socket:
        await receive(socket)
        await socket.send_to(text_data=sent)
        answer = await receive(socket)
        assert words in answer["error"]
        assert answer["payload"] == order.payload()

        await act(flow.override, order, "baking", by=bob)
        assert (await receive(socket))["payload"]["stage"] == "baking"


async def test_bytes_get_an_answer_too(order, path):
    async with open_socket(path) as socket:
        await receive(socket)
        await socket.send_to(bytes_data=b"\x00\xff")
        assert "Send text" in (await receive(socket))["error"]


async def test_staff_can_override_and_everyone_sees_it_once(order, path, bob):
    cookie = await sync_to_async(cookie_of)(bob)
    async with open_socket(path) as watcher, open_socket(path, cookie) as staff:
        await receive(watcher)
        await receive(staff)
        await staff.send_json_to({"action": "override", "stage": "baked"})
        for socket in (watcher, staff):
            payload = (await receive(socket))["payload"]
            assert (payload["seq"], payload["stage"]) == (2, "baked")
            assert await socket.receive_nothing(timeout=0.2)
    event = await sync_to_async(order.events.select_related("by").last)()
    assert (event.event, event.by) == ("overridden", bob)


async def test_staff_are_told_why_not(order, path, bob):
    cookie = await sync_to_async(cookie_of)(bob)
    async with open_socket(path, cookie) as staff:
        await receive(staff)
        for stage, words in (("received", "already at"), ("fried", "no stage"), (None, "no stage")):
            await staff.send_json_to({"action": "override", "stage": stage})
            assert words in (await receive(staff))["error"]


async def test_an_action_after_logging_out_is_refused(order, path, bob):
    client = Client()
    await sync_to_async(client.force_login)(bob)
    cookie = (b"cookie", f"sessionid={client.cookies['sessionid'].value}".encode())
    async with open_socket(path, cookie) as staff:
        await receive(staff)
        await staff.send_json_to({"action": "override", "stage": "baking"})
        assert (await receive(staff))["payload"]["stage"] == "baking"
        await sync_to_async(client.logout)()
        await staff.send_json_to({"action": "override", "stage": "baked"})
        assert await closed_with(staff) == 4401
    await sync_to_async(order.refresh_from_db)()
    assert order.stage == "baking"


# A list of orders


async def test_a_list_sends_the_state_and_every_change_of_what_it_watches(order, place, bob):
    other = await sync_to_async(place)()
    async with open_socket("/ws/orders/") as socket:
        await socket.send_json_to({"watch": [order.order_id]})
        assert await receive(socket) == {"payload": order.payload()}
        await act(flow.override, other, "baking", by=bob)
        await act(flow.override, order, "baking", by=bob)
        payload = (await receive(socket))["payload"]
        assert (payload["order_id"], payload["seq"]) == (order.order_id, 2)
        assert await socket.receive_nothing(timeout=0.2)


@pytest.mark.parametrize("watch", [None, "x", [4], ["nope"], {"a": 1}, ["a" * 20, "B" * 20]])
async def test_a_list_refuses_rubbish(db, watch):
    async with open_socket("/ws/orders") as socket:
        await socket.send_json_to({"watch": watch})
        assert "error" in await receive(socket)


async def test_a_list_has_an_end(db):
    ids = [f"{n:020d}" for n in range(101)]
    async with open_socket("/ws/orders/") as socket:
        await socket.send_json_to({"watch": ids})
        assert "at most 100" in (await receive(socket))["error"]


async def test_only_staff_hear_of_new_orders(order, place, alice, bob):
    cookies = [await sync_to_async(cookie_of)(user) for user in (alice, bob)]
    async with (
        open_socket("/ws/orders/", cookies[0]) as customer,
        open_socket("/ws/orders/", cookies[1]) as staff,
    ):
        await asyncio.sleep(0)
        await staff.send_json_to({"watch": [order.order_id]})
        await receive(staff)  # it has joined
        await customer.send_json_to({"watch": [order.order_id]})
        await receive(customer)
        new = await sync_to_async(place)()
        assert (await receive(staff))["payload"]["order_id"] == new.order_id
        assert await customer.receive_nothing(timeout=0.2)


@pytest.mark.parametrize("codename", ["view_order", "deliver_order"])
async def test_a_permission_decides_who_hears_of_new_orders(order, place, alice, codename):
    """The right is looked at again: who gets it hears of new orders, who loses it no longer does."""
    await User.objects.filter(pk=alice.pk).aupdate(is_staff=True)
    permission = await Permission.objects.aget(codename=codename)
    async with open_socket("/ws/orders/", await sync_to_async(cookie_of)(alice)) as staff:
        heard = []
        for change in (alice.user_permissions.aadd, alice.user_permissions.aremove):
            await change(permission)
            await revalidator.check()
            await staff.send_json_to({"watch": "rubbish"})
            assert "error" in await receive(staff)  # it has joined or left
            await sync_to_async(place)()
            heard.append(not await staff.receive_nothing(timeout=0.3))
            if heard[-1]:
                await receive(staff)
    assert heard == [codename == "view_order", False]


async def test_staff_without_the_permission_move_no_order(order, path, alice):
    await User.objects.filter(pk=alice.pk).aupdate(is_staff=True)
    async with open_socket(path, await sync_to_async(cookie_of)(alice)) as staff:
        await receive(staff)
        await staff.send_json_to({"action": "override", "stage": "delivered"})
        assert "Your account can’t move an order." in (await receive(staff))["error"]
    assert (await Order.objects.aget(pk=order.pk)).stage == "received"


async def test_a_list_that_hears_of_orders_for_weeks_does_not_grow(monkeypatch):
    monkeypatch.setattr(consumers, "MOST_REMEMBERED", 100)
    window = consumers.OrderList()
    monkeypatch.setattr(window, "send", AsyncMock())
    window.hears_news, window.watched = True, {"order 0", "order 9990"}
    for number in range(10_000):
        await window.order_status({"order_id": f"order {number}", "seq": 1, "text": ""})
        assert len(window.seen) <= 100
    assert set(window.sent()) == window.watched
    assert {f"order {number}" for number in range(9950, 10_000)} <= set(window.seen)
