"""The socket of the drivers' page: what it shows, what drivers can do, and what is refused."""

import json
from contextlib import asynccontextmanager

import pytest
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from channels.testing import WebsocketCommunicator
from django.contrib.auth.models import Group, User

from home.models import Order
from kitchen import flow
from kitchen.board.tests.test_board import cookie_of, until
from kitchen.models import Station
from pizzaProj.asgi import application
from realtime.periodic import PeriodicCheck

pytestmark = [
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
    pytest.mark.usefixtures("valkey", "cooked", "small_kitchen"),
]


@pytest.fixture(autouse=True)
def no_help_from_the_clock(monkeypatch):
    """Switch off what is checked every few seconds: only what happens makes a socket look."""
    monkeypatch.setattr(PeriodicCheck, "every_seconds", 60)


@pytest.fixture
def by_hand(small_kitchen):
    Station.objects.filter(stage="out_for_delivery").update(ends_by="hand", capacity=3)


@pytest.fixture
def dana(db):
    return driver("dana", first_name="Dana")


@pytest.fixture
def eric(db):
    return driver("eric")


def driver(name, **names):
    user = User.objects.create_user(name, **names)
    user.groups.add(Group.objects.get(name="Drivers"))
    return user


@pytest.fixture
def boxed(place, alice):
    """An order of Alice's that waits for a driver, or goes by the clock."""
    order = place(user=alice)
    flow.override(order.pk, "out_for_delivery")
    return fresh(order)


def fresh(order):
    return Order.objects.get(pk=order.pk)


@asynccontextmanager
async def page_of(user):
    """Yield the socket of a driver, and its first frame."""
    _, cookie = await sync_to_async(cookie_of)(user)
    async with opened(cookie) as socket:
        yield socket, (await receive(socket))["drivers"]


@asynccontextmanager
async def opened(*headers):
    headers = [(b"origin", b"http://localhost"), *headers]
    socket = WebsocketCommunicator(application, "/ws/kitchen/drivers/", headers=headers)
    assert (await socket.connect(timeout=5))[0]
    yield socket
    await socket.disconnect()
    await get_channel_layer().flush()


async def receive(socket):
    return json.loads(await socket.receive_from(timeout=5))


async def ask(socket, action, order, **more):
    """Send an action; return the answer to it, and what the socket said of the order before."""
    message = {"action": action, "order_id": order.order_id, "seq": order.seq, **more}
    await socket.send_json_to(message)
    seen = None
    while not {"done", "error"} & (frame := await receive(socket)).keys():
        seen = next((one for one in frame.get("orders", []) if one["order_id"] == order.order_id), seen)
        seen = None if order.order_id in frame.get("gone", []) else seen
    return frame, seen


# Who is let in


@pytest.mark.parametrize(("name", "code"), [("alice", 4403), ("nobody", 4401)])
async def test_others_are_shut_out(alice, monkeypatch, name, code):
    monkeypatch.setattr("realtime.sockets.AUTHENTICATE_SECONDS", 0.05)
    headers = [] if name == "nobody" else [(await sync_to_async(cookie_of)(alice))[1]]
    async with opened(*headers) as socket:
        assert await socket.receive_output(timeout=5) == {"type": "websocket.close", "code": code}


@pytest.mark.parametrize(("loses", "code"), [("the session", 4401), ("the group", 4403)])
async def test_a_tap_after_losing_access_is_refused(by_hand, boxed, dana, loses, code):
    client, cookie = await sync_to_async(cookie_of)(dana)
    async with opened(cookie) as socket:
        await receive(socket)
        await sync_to_async(client.logout if loses == "the session" else dana.groups.clear)()
        await socket.send_json_to({"action": "take", "order_id": boxed.order_id, "seq": boxed.seq})
        assert await socket.receive_output(timeout=5) == {"type": "websocket.close", "code": code}
    assert (await sync_to_async(fresh)(boxed)).started_at is None


async def test_a_driver_gets_no_board(dana):
    _, cookie = await sync_to_async(cookie_of)(dana)
    headers = [(b"origin", b"http://localhost"), cookie]
    socket = WebsocketCommunicator(application, "/ws/kitchen/", headers=headers)
    await socket.connect(timeout=5)
    assert await socket.receive_output(timeout=5) == {"type": "websocket.close", "code": 4403}


# What it shows


async def test_first_come_the_orders_that_are_with_the_drivers_and_no_others(by_hand, boxed, place, dana):
    at_the_bench, _ = await sync_to_async(place)(), await sync_to_async(place)(way="carry_out")
    await sync_to_async(flow.override)(at_the_bench.pk, "baked")
    async with page_of(dana) as (_, first):
        assert first == {
            "orders": [
                {
                    "order_id": boxed.order_id,
                    "number": boxed.number,
                    "seq": boxed.seq,
                    "who": "alice",
                    "pizzas": 1,
                    "state": "waiting",
                    "rushed": False,
                    "simulated": False,
                    "overdue": False,
                    "promised_at": None,
                    "joined_at": boxed.joined_at.isoformat(),
                    "started_at": None,
                    "driver": None,
                    "is_mine": False,
                }
            ],
            "station": {"is_open": True, "takes": True, "coming": 1, "coming_from": "Cutting bench"},
        }


async def test_a_whole_delivery_shows_on_both_phones_and_can_be_undone(by_hand, boxed, dana, eric):
    async with page_of(dana) as (mine, _), page_of(eric) as (other, _):
        answer, seen = await ask(mine, "take", boxed)
        assert (answer["done"], answer["order"]["state"]) == ("take", "working")
        assert (seen["state"], seen["driver"], seen["is_mine"]) == ("working", "Dana", True)
        (seen,) = (await until(other, "orders"))["orders"]
        assert (seen["state"], seen["driver"], seen["is_mine"]) == ("working", "Dana", False)

        boxed = await sync_to_async(fresh)(boxed)
        answer, seen = await ask(mine, "advance", boxed)
        assert (answer["done"], answer["order"]["state"], seen) == ("advance", "delivered", None)
        assert (await until(other, "gone"))["gone"] == [boxed.order_id]

        delivered = await sync_to_async(fresh)(boxed)
        answer, seen = await ask(mine, "undo", delivered)
        assert (seen["state"], seen["driver"], seen["is_mine"]) == ("working", "Dana", True)
        (seen,) = (await until(other, "orders"))["orders"]
        assert (seen["order_id"], seen["driver"]) == (boxed.order_id, "Dana")
    events = delivered.events.filter(by=dana).values_list("event", flat=True)
    assert await sync_to_async(list)(events) == ["started", "done", "undone"]


async def test_a_take_is_undone(by_hand, boxed, dana):
    async with page_of(dana) as (socket, _):
        await ask(socket, "take", boxed)
        answer, seen = await ask(socket, "undo", await sync_to_async(fresh)(boxed))
        assert (answer["order"]["state"], seen["state"], seen["driver"]) == ("waiting", "waiting", None)


async def test_where_the_clock_works_there_is_nothing_to_take(boxed, dana):
    """Test the demo: the order is on its way with nobody whom the kitchen knows, and any driver can be at the door."""
    async with page_of(dana) as (socket, first):
        assert not first["station"]["takes"]
        (seen,) = first["orders"]
        assert (seen["state"], seen["driver"]) == ("working", None)
        answer, _ = await ask(socket, "take", boxed)
        assert answer["error"] == "Orders leave by the kitchen clock here: there is nothing to take."
        answer, seen = await ask(socket, "advance", boxed)
        assert (answer["order"]["stage"], seen) == ("delivered", None)
    assert await boxed.events.filter(event="done", by=dana).acount() == 1


async def test_a_changed_station_is_told(by_hand, dana):
    async with page_of(dana) as (socket, _):
        await sync_to_async(flow.change_station)("out_for_delivery", is_open=False)
        assert not (await until(socket, "station"))["station"]["is_open"]


# What is refused


async def test_of_two_who_take_an_order_one_is_told_who_has_it(by_hand, boxed, dana, eric, monkeypatch):
    async with page_of(dana) as (mine, _), page_of(eric) as (other, _):
        await ask(mine, "take", boxed)
        answer, _ = await ask(other, "take", boxed)
        assert answer["error"] == f"{boxed.number} is on its way with Dana already."
        assert answer["order"]["state"] == "working"
        answer, _ = await ask(mine, "take", boxed)
        assert answer["error"] == f"You have {boxed.number} already."
        answer, _ = await ask(other, "advance", boxed)
        assert answer["error"] == f"{boxed.number} is on its way with Dana."
        monkeypatch.setattr("kitchen.drivers.actions.refuse", lambda *args: None)  # at the same moment: both looked
        answer, _ = await ask(other, "take", boxed)
        assert answer["error"] == f"{boxed.number} is on its way already."
    assert await boxed.events.filter(event="started", stage="out_for_delivery").acount() == 1


async def test_an_order_that_is_elsewhere_is_refused(by_hand, place, dana):
    orders = {
        stage: await sync_to_async(place)() for stage in ("received", "baking", "baked", "delivered", "cancelled")
    }
    async with page_of(dana) as (socket, _):
        for stage, order in orders.items():
            if stage != "received":
                await sync_to_async(flow.override)(order.pk, stage, reason="To see")
            before = await sync_to_async(fresh)(order)
            for action, seq in (("take", before.seq), ("advance", before.seq), ("advance", 2**30)):
                answer, _ = await ask(socket, action, order, seq=seq)
                assert "is not with the drivers" in answer["error"] and answer["order"] is None
            assert (await sync_to_async(fresh)(order)).seq == before.seq


async def test_a_client_that_claims_to_have_seen_what_is_to_come_is_refused(by_hand, boxed, dana, monkeypatch):
    """Test a recall behind the look at the order: what was seen is at most what was there."""
    monkeypatch.setattr("kitchen.drivers.actions.refuse", lambda name, order, user: flow.recall(order.pk))
    async with page_of(dana) as (socket, _):
        answer, _ = await ask(socket, "advance", boxed, seq=2**30)
        assert "has moved on: it is being cut and boxed already." in answer["error"]
    assert (await sync_to_async(fresh)(boxed)).stage == "out_for_delivery"  # all was one transaction


async def test_a_driver_takes_before_the_door_and_undoes_only_what_was_theirs(by_hand, boxed, dana, bob):
    async with page_of(dana) as (socket, _):
        answer, _ = await ask(socket, "advance", boxed)
        assert answer["error"] == f"Take {boxed.number} along first."
        await sync_to_async(flow.take)(boxed.pk, bob)
        answer, _ = await ask(socket, "undo", await sync_to_async(fresh)(boxed))
        assert answer["error"] == "There is nothing to undo any more."
    async with page_of(bob) as (socket, _):  # staff can speak for a driver, as on the board
        await sync_to_async(flow.undo)(boxed.pk, boxed.seq + 1, bob)
        await sync_to_async(flow.take)(boxed.pk, dana)
        answer, _ = await ask(socket, "advance", boxed)
        assert answer["done"] == "advance"


RUBBISH = ["x", "[]", "null", "{" * 3000, '{"action": 1}', '{"action": "take"}']
RUBBISH += ['{"action": "take", "order_id": ["x"]}', '{"action": "take", "order_id": "\\u0000"}']
RUBBISH += ['{"action": "take", "order_id": "\\ud800"}']  # not a letter, so no database takes it
NOT_THEIRS = ["hold", "rush", "recall", "remake", "resume", "cancel", "override", "station", "shop"]
BAD = [{"seq": None}, {"seq": -1}, {"seq": True}, {"item": 1}, {"item": 99}, {"item": "1"}]


async def test_anything_else_is_refused_in_a_sentence(by_hand, boxed, dana):
    message = {"order_id": boxed.order_id, "seq": boxed.seq, "stage": "delivered", "reason": "x", "is_open": False}
    texts = RUBBISH + [json.dumps({**message, "action": action}) for action in NOT_THEIRS]
    texts += [json.dumps({**message, "action": "take", **bad}) for bad in BAD]
    async with page_of(dana) as (socket, _):
        for text in texts:
            await socket.send_to(text_data=text)
            assert (await until(socket, "error"))["error"].endswith("."), text
    assert (await sync_to_async(fresh)(boxed)).seq == boxed.seq
    assert await Station.objects.filter(is_open=True).acount() == 5
