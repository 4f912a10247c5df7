"""A socket handles one thing at a time, in the order in which it came."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from realtime import turns
from realtime.turns import Turns

LEAVE = {"type": "websocket.disconnect"}
PATIENCE_SECONDS = 20


class Desk:
    """Handle messages and events, each when it is allowed to."""

    def __init__(self):
        self.turns, self.inbox, self.handled = Turns(), asyncio.Queue(), []
        self.began, self.may_end = asyncio.Event(), asyncio.Event()
        self.may_end.set()

    async def handle(self, message):
        self.handled.append(message["type"])
        self.began.set()
        await self.may_end.wait()
        if message["type"] == "breaks":
            raise ZeroDivisionError

    async def run(self):
        try:
            await asyncio.wait_for(self.turns.take(self.inbox.get, self.handle), PATIENCE_SECONDS)
        finally:
            self.turns.end()

    @asynccontextmanager
    async def busy(self):
        """Run it, with its first message under way for as long as the block runs."""
        self.may_end.clear()
        await self.inbox.put({"type": "first"})
        running = asyncio.create_task(self.run())
        await asyncio.wait_for(self.began.wait(), PATIENCE_SECONDS)
        yield
        self.may_end.set()
        await running


async def test_what_comes_while_it_is_busy_waits_for_its_turn():
    desk = Desk()
    async with desk.busy():
        desk.turns.add({"type": "event"})
        desk.turns.add({"type": "another"})
        await desk.inbox.put(LEAVE)
        assert desk.handled == ["first"]
    assert desk.handled == ["first", "event", "another", "websocket.disconnect"]


async def test_the_next_message_is_read_while_one_is_handled():
    desk = Desk()
    async with desk.busy():
        await desk.inbox.put(LEAVE)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not desk.turns.has_left():  # noqa: ASYNC110
                await asyncio.sleep(0)
        assert desk.handled == ["first"]


async def test_an_event_wakes_one_that_has_nothing_to_do():
    desk = Desk()
    running = asyncio.create_task(desk.run())
    while desk.turns.idle is None:  # noqa: ASYNC110
        await asyncio.sleep(0)
    desk.turns.add({"type": "event"})
    await asyncio.wait_for(desk.began.wait(), PATIENCE_SECONDS)
    await desk.inbox.put(LEAVE)
    await running
    assert desk.handled == ["event", "websocket.disconnect"]


async def test_an_error_ends_it():
    desk = Desk()
    desk.turns.add({"type": "breaks"})
    with pytest.raises(ZeroDivisionError):
        await desk.run()
    assert desk.turns.reading is not None and desk.turns.reading.cancelling()


async def test_only_so_many_events_wait(monkeypatch):
    monkeypatch.setattr(turns, "EVENTS_OF_SOCKET", 3)
    desk = Desk()
    for number in range(9):
        desk.turns.add({"type": f"event {number}"})
    await desk.inbox.put(LEAVE)
    await desk.run()
    assert desk.handled == ["event 0", "event 1", "event 2", "websocket.disconnect"]
