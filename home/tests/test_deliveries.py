"""How many sockets got a change is one line of the log, in each process."""

import asyncio
import logging

import pytest

from home import live
from home.consumers import OrderProgress
from home.deliveries import Deliveries
from home.models import Order
from kitchen.board.consumers import KitchenBoard
from realtime.broadcast import broadcaster

CLICK = "a" * 16
ORDER = Order(pk=17, order_id="b" * 20, seq=3, request_id=CLICK)
ABOUT = {"order": 17, "seq": 3, "request": CLICK}


@pytest.fixture
def lines():
    """What is logged as news, with where it is from."""
    found = []

    class Lines(logging.Handler):
        def emit(self, record):
            if hasattr(record, "fields"):
                found.append((record.name, record.msg, record.fields))

    handler = Lines()
    logging.getLogger().addHandler(handler)
    yield found
    logging.getLogger().removeHandler(handler)


@pytest.fixture
def counted(monkeypatch):
    """Return deliveries that say what they counted as soon as their turn comes."""

    class Prompt(Deliveries):
        wait_seconds = 0

        def say(self):
            super().say()
            self.said.set()

    deliveries = Prompt()
    deliveries.said = asyncio.Event()
    for module in ("home.consumers", "kitchen.board.consumers"):
        monkeypatch.setattr(f"{module}.deliveries", deliveries)
    return deliveries


def watcher(kind):
    socket = kind()

    async def send(text):
        pass

    socket.send = send
    return socket


async def test_all_sockets_of_a_change_are_one_line(lines, counted, monkeypatch):
    monkeypatch.setattr("kitchen.board.handover.check.hurry", lambda: None)
    state = live.State(ORDER.order_id, 3, False, "{}", ABOUT)
    first, second, board = watcher(OrderProgress), watcher(OrderProgress), watcher(KitchenBoard)
    for socket in (first, second, first):  # the first has it by then
        await socket.order_status(live.status_event(state))
    await board.kitchen_orders(live.orders_event([state]))
    await counted.said.wait()
    assert lines == [("home.deliveries", "sent", {**ABOUT, "sockets": 3})]

    lines.clear()
    counted.said.clear()
    await first.order_status(live.status_event(state._replace(seq=4, about={**ABOUT, "seq": 4, "request": None})))
    await counted.said.wait()
    assert lines == [("home.deliveries", "sent", {"order": 17, "seq": 4, "request": None, "sockets": 1})]


async def test_a_forecast_that_moves_is_no_line(lines, counted, monkeypatch):
    monkeypatch.setattr("kitchen.board.handover.check.hurry", lambda: None)
    state = live.State(ORDER.order_id, 3, False, "{}", ABOUT)
    board = watcher(KitchenBoard)
    await board.kitchen_orders(live.orders_event([state]))
    await counted.said.wait()
    lines.clear()
    for _ in range(3):
        await board.kitchen_orders(live.orders_event([state]))
    assert (lines, counted.sockets, "about" in live.eta_event(state)) == ([], {}, False)


async def test_an_older_versions_announcement_arrives_as_well(lines, counted):
    event = live.status_event(live.State(ORDER.order_id, 3, False, "{}", ABOUT))
    del event["about"]
    socket = watcher(OrderProgress)
    await socket.order_status(event)
    assert (socket.seen, counted.loop) == ({ORDER.order_id: 3}, None)


def test_an_announcement_that_is_dropped_is_a_line_for_each(lines, monkeypatch):
    def away():
        raise OSError("away")

    monkeypatch.setattr("realtime.broadcast.get_channel_layer", away)
    for seq in (3, 4):
        broadcaster.send("order_x", {"type": "order.status", "about": {**ABOUT, "seq": seq}})
    broadcaster.flush()
    assert lines == [("realtime.broadcast", "dropped", {**ABOUT, "seq": seq}) for seq in (3, 4)]
