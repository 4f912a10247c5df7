"""Let a socket handle one thing at a time: the client's messages, and the events of its groups."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from pizzaProj.limits import EVENTS_OF_SOCKET

Message = dict[str, Any]
Read = Callable[[], Awaitable[Message]]
Handle = Callable[[Message], Awaitable[None]]


class Turns:
    """What a socket has to do. The next message is read while the last is handled, so heartbeats are answered."""

    __slots__ = ("events", "idle", "reading")

    def __init__(self) -> None:
        self.reading: asyncio.Task[Message] | None = None  # the client's next message
        self.events: list[Message] = []
        self.idle: asyncio.Future[None] | None = None  # done when there is something to do

    async def take(self, read: Read, handle: Handle) -> None:
        """Handle what comes, until the client has left, or an error."""
        reading = self.begin(read)
        while True:
            await self.wait(reading)
            events, self.events = self.events, []
            for event in events:
                await handle(event)
            if reading.done():
                message = reading.result()
                if message["type"] == "websocket.disconnect":
                    return await handle(message)
                reading = self.begin(read)
                await handle(message)

    def begin(self, read: Read) -> "asyncio.Task[Message]":
        self.reading = asyncio.ensure_future(read())
        self.reading.add_done_callback(self.wake)
        return self.reading

    async def wait(self, reading: "asyncio.Task[Message]") -> None:
        if not self.events and not reading.done():
            self.idle = asyncio.get_running_loop().create_future()
            await self.idle

    def wake(self, *_: object) -> None:
        if self.idle is not None and not self.idle.done():
            self.idle.set_result(None)

    def add(self, event: Message) -> None:
        """Handle the event in its turn. If too many wait, drop it: a periodic check reads what it was about."""
        if len(self.events) < EVENTS_OF_SOCKET:
            self.events.append(event)
            self.wake()

    def has_left(self) -> bool:
        """Return whether the client's next message is the end."""
        reading = self.reading
        return reading is not None and reading.done() and reading.result()["type"] == "websocket.disconnect"

    def end(self) -> None:
        if self.reading is not None:
            self.reading.cancel()
