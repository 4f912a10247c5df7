"""Heartbeats: who gets them, what they carry, and how a page that has ceased to send them is let go."""

import asyncio
import json
import re
from time import monotonic

import pytest
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator
from django.conf import settings

from chat import rooms
from home import consumers as consumers_of_orders
from home.reconcile import reconciler
from kitchen import flow
from kitchen.board import consumers
from pizzaProj import waits
from pizzaProj.asgi import application
from realtime import heartbeat, sockets
from realtime.backpressure import SEND_AT_ONCE
from realtime.broadcast import broadcaster
from realtime.door import Door
from realtime.heartbeat import silence_check
from realtime.tests.test_sockets import OURS, closed_with, is_silent, open_socket, receive, session_of

pytestmark = [
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
    pytest.mark.usefixtures("valkey", "cooked"),
]
BEAT = {"type": "heartbeat"}
PAGES = ["/ws/orders/", "/ws/notices/", "/ws/inbox/", "/ws/kitchen/", "/ws/kitchen/drivers/"]
in_database = sync_to_async


@pytest.fixture
def order(small_kitchen, place, alice):
    order = place(user=alice)
    broadcaster.flush()
    return order


async def answer(socket):
    """Return the answer to a heartbeat, and the frames before it."""
    await socket.send_json_to(BEAT)
    frames = []
    while (frame := await receive(socket)).get("type") != "heartbeat":
        frames.append(frame)
    return frame, frames


async def test_a_heartbeat_carries_the_newest_seq_of_an_order(order, bob):
    async with open_socket(f"/ws/pizza/{order.order_id}/", OURS) as socket:
        assert (await receive(socket))["payload"]["seq"] == 1
        assert await answer(socket) == ({"type": "heartbeat", "seq": 1}, [])
        await in_database(flow.override)(order.pk, "baking", by=bob)
        await in_database(broadcaster.flush)()
        assert (await receive(socket))["payload"]["seq"] == 2
        assert await answer(socket) == ({"type": "heartbeat", "seq": 2}, [])


@pytest.mark.parametrize("has_room", [True, False])
async def test_a_heartbeat_is_answered_at_once_where_there_is_room(order, has_room):
    """As on Daphne: most of what an open page costs are these answers."""
    sent = []

    def send_at_once(text):
        sent.append(json.loads(text))
        return has_room

    socket = WebsocketCommunicator(application, f"/ws/pizza/{order.order_id}/")
    socket.scope["extensions"] = {SEND_AT_ONCE: send_at_once}
    await socket.connect(timeout=5)
    await receive(socket)
    await socket.send_json_to(BEAT)
    if has_room:
        assert await is_silent(socket)
    else:
        assert (await receive(socket))["type"] == "heartbeat"
    assert sent == [{"type": "heartbeat", "seq": 1}]
    await socket.disconnect()


async def test_a_heartbeat_carries_the_newest_seq_of_a_room(alice):
    await in_database(rooms.public_room)("Lobby")
    async with open_socket("/ws/chat/lobby/", OURS) as socket:
        assert (await answer(socket))[0]["seq"] == 0
        await socket.send_json_to({"message": "Anyone here?", "id": "one"})
        while (await receive(socket)).get("type") != "message":
            pass
        assert (await answer(socket))[0]["seq"] == 1


async def test_a_heartbeat_is_answered_on_every_page(bob):
    _, bobs = await in_database(session_of)(bob)
    for path in PAGES:
        async with open_socket(path, OURS, bobs) as socket:
            assert (await answer(socket))[0] == BEAT, path


async def test_a_heartbeat_is_answered_while_something_else_is_done(bob, monkeypatch):
    """A tap can wait for the kitchen for longer than a page waits for an answer."""
    is_done = asyncio.Event()

    async def act_slowly(content, user):
        await is_done.wait()
        return {"done": "slowly"}

    monkeypatch.setattr(consumers, "act", act_slowly)
    _, bobs = await in_database(session_of)(bob)
    async with open_socket("/ws/kitchen/", OURS, bobs) as socket:
        assert "board" in await receive(socket)
        await socket.send_json_to({"action": "rush"})
        assert (await answer(socket))[0]["type"] == "heartbeat"
        is_done.set()
        assert await receive(socket) == {"done": "slowly"}


async def test_a_page_that_waits_at_the_door_is_told_that_somebody_is_there(order, bob, monkeypatch):
    door = Door(at_once=0)
    monkeypatch.setattr(sockets, "door", door)
    _, bobs = await in_database(session_of)(bob)
    async with (
        open_socket(f"/ws/pizza/{order.order_id}/", OURS) as page,
        open_socket("/ws/kitchen/", OURS, bobs) as board,
    ):
        for socket in (page, board):
            await socket.send_json_to(BEAT)
            assert (await receive(socket))["type"] == "heartbeat"
        door.pass_on()
        assert (await receive(page))["status"] == "connected"
        assert "board" in await receive(board)


async def test_a_page_that_left_while_it_waited_at_the_door_is_not_let_in(order, monkeypatch):
    door = Door(at_once=0)
    monkeypatch.setattr(sockets, "door", door)
    monkeypatch.setattr(consumers_of_orders, "get_payload", None)
    socket = WebsocketCommunicator(application, f"/ws/pizza/{order.order_id}/", headers=[OURS])
    assert (await socket.connect(timeout=5))[0]
    await socket.send_input({"type": "websocket.disconnect", "code": 1006})
    await asyncio.sleep(0)
    door.pass_on()
    await socket.wait(timeout=5)
    assert (door.free, list(door.waiting)) == (1, [])


async def test_a_door_lets_in_as_many_as_it_holds_in_the_order_in_which_they_came():
    door, inside, may_leave = Door(at_once=2), [], asyncio.Event()

    async def enter(name):
        async with door.passing():
            inside.append(name)
            await may_leave.wait()

    tasks = [asyncio.create_task(enter(name)) for name in range(5)]
    await asyncio.sleep(0)
    assert inside == [0, 1]
    tasks[2].cancel()
    may_leave.set()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert (inside, door.free) == ([0, 1, 3, 4], 2)


async def test_one_that_hangs_in_the_door_does_not_keep_out_the_others(monkeypatch):
    monkeypatch.setattr("realtime.door.DOOR_SECONDS", 0.01)
    door, may_leave = Door(at_once=1), asyncio.Event()

    async def hang():
        async with door.passing():
            await may_leave.wait()

    hanging = asyncio.create_task(hang())
    await asyncio.sleep(0)
    async with asyncio.timeout(5), door.passing():
        may_leave.set()
        await hanging
    assert door.free == 1


async def test_a_client_that_never_asked_gets_no_heartbeat_and_can_be_silent(order, monkeypatch):
    monkeypatch.setattr(heartbeat, "PAGE_SECONDS", 0)
    async with open_socket(f"/ws/pizza/{order.order_id}/") as socket:
        assert (await receive(socket))["status"] == "connected"
        await silence_check.check()
        assert await is_silent(socket)


async def test_a_page_whose_heartbeats_cease_is_closed_and_forgotten(order):
    async with open_socket(f"/ws/pizza/{order.order_id}/", OURS) as socket:
        await answer_after_snapshot(socket)
        (page,) = silence_check.sockets
        page.heard_at -= waits.PAGE_SECONDS - 1
        await silence_check.check()
        assert await is_silent(socket)
        page.heard_at -= 2
        await silence_check.check()
        assert await closed_with(socket) == 4408
    assert not silence_check.sockets and silence_check.task is None
    assert page not in reconciler.sockets


async def test_a_hidden_page_is_waited_for_longer(order):
    async with open_socket(f"/ws/pizza/{order.order_id}/", OURS) as socket:
        await answer_after_snapshot(socket)
        await socket.send_json_to({**BEAT, "hidden": True})
        await receive(socket)
        (page,) = silence_check.sockets
        page.heard_at = monotonic() - waits.HIDDEN_PAGE_SECONDS + 5
        await silence_check.check()
        assert await is_silent(socket)


async def answer_after_snapshot(socket):
    await receive(socket)
    await answer(socket)


@pytest.mark.parametrize(
    "text",
    [None, "", "heartbeat", '"heartbeat"', '["heartbeat"]', '{"message": "heartbeat"}', '{"type": ["heartbeat"]}'],
)
def test_nothing_else_is_a_heartbeat(text):
    assert heartbeat.parse_heartbeat(text) is None


def test_a_long_heartbeat_is_none():
    assert heartbeat.parse_heartbeat(json.dumps({**BEAT, "padding": "x" * 10_000})) is None


def test_the_limits_of_page_and_server_fit_together():
    """A dead connection shows within ten seconds, and a page that is alive is never taken for a silent one."""
    script = (settings.BASE_DIR / "static/js/live.js").read_text()
    seconds = {name: float(number) for name, number in re.findall(r"static (\w+_SECONDS) = ([\d.]+);", script)}
    beat, answered = seconds["BEAT_SECONDS"], seconds["ANSWER_SECONDS"]
    assert beat + answered < 10
    assert beat + answered + seconds["FIRST_WAIT_SECONDS"] + seconds["CONNECT_SECONDS"] < 15
    assert 2 * (beat + answered) < waits.PAGE_SECONDS
    assert waits.HIDDEN_PAGE_SECONDS > 2 * 60  # how often browsers wake a hidden page, twice
