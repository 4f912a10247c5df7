"""A forecast that moves reaches the open pages, with the seq that they know already."""

import json

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from home import live
from home.models import Order
from home.tests.test_consumers import act, cookie_of, open_socket, receive
from kitchen import flow
from kitchen.promises import forecast
from realtime.broadcast import broadcaster

pytestmark = [
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
    pytest.mark.usefixtures("valkey", "cooked"),
]


@pytest.fixture
def order(place):
    order = place()
    broadcaster.flush()
    return order


async def renew():
    return await sync_to_async(forecast.renew)(timezone.now())


async def test_the_page_of_an_order_hears_of_it(order):
    async with open_socket(f"/ws/pizza/{order.order_id}?forecast") as socket:
        assert (await receive(socket))["payload"]["eta"] is None
        assert await renew() == 1
        frame = await receive(socket)
        assert frame["forecast"]
        payload = frame["payload"]
        assert (payload["seq"], payload["state"]) == (1, "working")
        assert payload["eta"]["low"] < payload["eta"]["median"] < payload["eta"]["high"]


async def test_a_socket_that_did_not_ask_is_sent_each_seq_once(order):
    async with open_socket(f"/ws/pizza/{order.order_id}") as socket:
        await receive(socket)
        assert await renew() == 1
        await act(flow.advance, order)
        frame = await receive(socket)
        assert frame["payload"]["seq"] == 3 and "forecast" not in frame


async def test_an_old_forecast_of_an_order_that_has_gone_on_is_not_shown(order):
    async with open_socket(f"/ws/pizza/{order.order_id}?forecast") as socket:
        await receive(socket)
        old = await Order.objects.aget(pk=order.pk)
        await act(flow.advance, order)
        assert (await receive(socket))["payload"]["seq"] == 3
        await sync_to_async(live.announce_eta)(old)
        await act(flow.advance, order)
        # done, out of the oven, and the order begins at the bench
        assert (await receive(socket))["payload"]["seq"] == 6


async def test_pizzas_and_the_order_that_they_are_have_one_forecast(place, margherita):
    order = await sync_to_async(place)(items=[(margherita, 3)], way="carry_out")
    await sync_to_async(broadcaster.flush)()
    async with open_socket(f"/ws/pizza/{order.order_id}?forecast") as socket:
        await receive(socket)
        await renew()
        payload = (await receive(socket))["payload"]
        assert payload["eta"]["what"] == "ready to collect" and len(payload["items"]) == 3
        await sync_to_async(flow.hold)(order.pk, item=2)
        frame = await receive(socket)
        assert frame["payload"]["eta"] is None and "forecast" not in frame
        await sync_to_async(flow.resume)(order.pk, item=2)
        assert (await receive(socket))["payload"]["eta"] is not None
        await sync_to_async(flow.override)(order.pk, "ready")
        payload = (await receive(socket))["payload"]
        assert (payload["stage"], payload["eta"]) == ("ready", None)


async def test_the_boards_hear_of_it(order, bob):
    async with open_socket("/ws/kitchen/", await sync_to_async(cookie_of)(bob)) as socket:
        shown = json.loads(await socket.receive_from(timeout=5))["board"]
        assert [one["eta"] for one in shown["orders"]] == [None]
        await renew()
        (payload,) = (await receive(socket))["orders"]
        assert payload["seq"] == 1 and payload["eta"] is not None
