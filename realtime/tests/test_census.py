"""Sockets are counted by what they are about: those that are open, and how those that ended did."""

import pytest
from channels.testing import WebsocketCommunicator

from pizzaProj.asgi import application
from realtime import admission
from realtime.census import counted as census
from telemetry.levels import levels

pytestmark = [pytest.mark.django_db(transaction=True, serialized_rollback=True), pytest.mark.usefixtures("valkey")]

CLOSED, REFUSED = "shop_sockets_closed_total", "shop_sockets_refused_total"


def open_now():
    return {labels: number for (name, labels), number in levels.now().items() if name == "shop_sockets_open"}


async def test_sockets_are_counted_from_their_first_to_their_last_moment(counted):
    list_of_orders = WebsocketCommunicator(application, "/ws/orders/")
    assert (await list_of_orders.connect(10))[0]
    stranger = WebsocketCommunicator(application, "/ws/pizza/abcdefghij0123456789/")
    await stranger.connect(10)
    assert (await stranger.receive_output(10))["code"] == 4404
    await stranger.disconnect()
    nowhere = WebsocketCommunicator(application, "/ws/nowhere/")
    await nowhere.connect(10)
    await nowhere.disconnect()
    assert open_now() == {("orders",): 1}
    await list_of_orders.disconnect()
    assert open_now() == {}
    assert counted(CLOSED) == {("order", "4404"): 1, ("unknown", "4404"): 1, ("orders", "client"): 1}


async def test_who_is_turned_away_at_the_door_is_counted_by_the_reason(counted, monkeypatch):
    foreign = WebsocketCommunicator(application, "/ws/orders/", headers=[(b"origin", b"https://evil.example")])
    assert not (await foreign.connect(10))[0]
    monkeypatch.setattr(admission.limits, "SOCKETS_OF_PROCESS", 0)
    crowded = WebsocketCommunicator(application, "/ws/orders/")
    await crowded.connect(10)
    await crowded.disconnect()
    assert counted(REFUSED) == {("origin",): 1, ("process",): 1}


def test_an_error_is_no_end_by_the_client(counted):
    class Broken:
        kind, ended_by = "order", "client"

    with pytest.raises(ValueError), census(Broken()):
        raise ValueError
    assert (counted(CLOSED), open_now()) == ({("order", "error"): 1}, {})
