"""Live news of an order: the groups and the frames, through a real Valkey."""

import asyncio
import json
import threading
import time
from contextlib import asynccontextmanager

import pytest
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer

from home import frames, live
from home.models import Order, OrderItem
from home.rows import copied
from kitchen import flow, outlook
from realtime.broadcast import broadcaster

ORDER = Order(pk=1, order_id="a" * 20, seq=3, summary="1 × Piñata, “hot”")
OTHER = Order(pk=2, order_id="b" * 20, seq=1, stage="delivered")
ORDER.parts = [OrderItem(order=ORDER, number=number, name="Piñata") for number in (1, 2)]
OTHER.parts = [OrderItem(order=OTHER, number=1, name="Diavola", stage="baked", is_done=True)]
pytestmark = pytest.mark.usefixtures("valkey")


@pytest.fixture
def writers(monkeypatch):
    """Return the names of the threads that write what is shown of orders."""
    names, whole = set(), frames.payload

    def payload(*asked):
        names.add(threading.current_thread().name)
        return whole(*asked)

    monkeypatch.setattr(frames, "payload", payload)
    return names


@asynccontextmanager
async def listening(group):
    layer = get_channel_layer()
    channel = await layer.new_channel()
    await layer.group_add(group, channel)
    yield lambda: asyncio.wait_for(layer.receive(channel), 5)
    await layer.flush()


def test_a_value_that_is_no_order_id_never_becomes_a_group():
    assert live.is_order_id("a" * 20)
    for value in ("", "a" * 19, "A" * 20, "é" * 20, "a" * 20 + "\n", None, 4):
        assert not live.is_order_id(value)


async def test_announcing_sends_the_whole_state_to_the_orders_group():
    async with listening(live.group_name(ORDER.order_id)) as receive:
        await sync_to_async(live.announce)(ORDER)
        assert await receive() == {
            "type": "order.status",
            "order_id": ORDER.order_id,
            "seq": 3,
            "ended": False,
            "text": json.dumps({"payload": ORDER.payload()}),
            "about": {"order": 1, "seq": 3, "request": None},
        }


async def test_what_is_announced_is_the_order_as_it_was_written_by_the_thread_that_sends(writers):
    """The caller has verbs to run. What they do to the order meanwhile is other news."""
    order = copied(ORDER)
    order.parts = [copied(item) for item in ORDER.parts]
    go_on = threading.Event()
    async with listening(live.group_name(ORDER.order_id)) as receive:
        broadcaster.running_loop().call_soon_threadsafe(go_on.wait, 5)
        live.announce(order)
        order.item(1).name, order.seq = "Diavola", 9
        go_on.set()
        payload = json.loads((await receive())["text"])["payload"]
        await sync_to_async(broadcaster.flush)()  # the boards' share of it
    assert writers == {"broadcast"}
    assert payload == ORDER.payload()


async def test_an_order_of_which_not_all_was_read_is_written_at_once(writers, monkeypatch):
    """The thread that sends must not ask the database for the rest."""
    order = copied(ORDER)
    del order.__dict__["summary"]
    monkeypatch.setattr(Order, "refresh_from_db", lambda self, **_: self.__dict__.update(summary="2 × Piñata"))
    live.announce(order)
    await sync_to_async(broadcaster.flush)()
    assert writers == {threading.current_thread().name}


async def test_a_moved_forecast_is_marked():
    async with listening(live.group_name(ORDER.order_id)) as receive:
        await sync_to_async(live.announce_eta)(ORDER)
        event = await receive()
    assert (event["type"], event["seq"]) == ("order.eta", 3)
    assert event["text"] == json.dumps({"payload": ORDER.payload(), "forecast": True})


@pytest.mark.parametrize("announce", [live.announce, live.announce_eta])
async def test_boards_hear_of_all_orders_in_one_frame(announce):
    await sync_to_async(broadcaster.flush)()
    async with listening(live.KITCHEN) as receive:
        for order in (ORDER, OTHER):
            announce(order)
        await sync_to_async(broadcaster.flush)()
        events = [await receive()]
        if len(events[0]["seqs"]) == 1:  # the first went at once
            events.append(await receive())
    payloads = [json.loads(event["text"])["orders"] for event in events]
    assert [payload for some in payloads for payload in some] == [ORDER.payload(), OTHER.payload()]
    for event, some in zip(events, payloads, strict=True):
        assert event["text"] == json.dumps({"orders": some})
        assert event["seqs"] == {payload["order_id"]: payload["seq"] for payload in some}
        assert event["ended"] == [payload["order_id"] for payload in some if payload["stage"] == "delivered"]


def test_an_answer_to_one_socket_holds_the_payload_last():
    payload = ORDER.payload()
    assert live.frame_of_answer(payload, status="connected") == json.dumps({"status": "connected", "payload": payload})
    assert live.frame_of_answer(payload) == live.frame_of_payload(json.dumps(payload))


async def test_staff_hear_of_new_orders():
    async with listening(live.NEW_ORDERS) as receive:
        live.announce(ORDER)
        live.announce(OTHER, is_new=True)
        assert (await receive())["order_id"] == "b" * 20


@pytest.mark.django_db
@pytest.mark.usefixtures("cooked", "small_kitchen")
def test_what_a_verb_has_read_is_not_read_again_to_announce_it(place, monkeypatch, django_assert_num_queries):
    """Nor is what another has just read: the pages wait for it."""
    order = place()
    monkeypatch.setattr(outlook, "monotonic", lambda: time.monotonic() + 2 * outlook.KEPT_SECONDS)
    flow.advance(order.pk)
    moved = Order.objects.with_items().get()
    with django_assert_num_queries(0):
        live.announce(moved)
    outlook.stations.forget()  # as when one is changed here
    with django_assert_num_queries(1):
        live.announce(moved)
        live.announce(moved)
