"""Let a socket wait for a client that reads slowly, and cut one off that does not read at all.

Daphne takes whatever it is given: of a client that never reads it kept every frame in memory. Its connection says when
its buffer is full and when there is room again, to a producer, as Twisted calls it. What the client sends is held back
as well (realtime.inflow).
"""

import asyncio
from contextlib import suppress
from time import monotonic
from typing import Any

from autobahn.exception import Disconnected

from pizzaProj.waits import UNREAD_SECONDS
from realtime.inflow import Inflow


class Gate:
    """Open while the connection has room for more."""

    def __init__(self, inflow: Inflow) -> None:
        self.inflow, self.transport = inflow, inflow.protocol.transport
        self.full_since = 0.0  # on time.monotonic
        self.has_room = asyncio.Event()
        self.has_room.set()
        self.transport.unregisterProducer()  # Daphne leaves there what has read the handshake
        self.transport.registerProducer(self, True)

    def pauseProducing(self) -> None:
        """Wait, and read nothing more of a client that does not read: its answers would have no room."""
        self.full_since = monotonic()
        self.has_room.clear()
        self.inflow.hold("the client does not read")

    def resumeProducing(self) -> None:
        self.has_room.set()
        self.inflow.release("the client does not read")

    def stopProducing(self) -> None:
        """Wake those who wait: the connection is gone, and what they send goes nowhere."""
        self.has_room.set()

    async def passed(self) -> None:
        """Wait for room. A client that has been given UNREAD_SECONDS for a full buffer is cut off."""
        if self.has_room.is_set():
            return
        try:
            async with asyncio.timeout(self.full_since + UNREAD_SECONDS - monotonic()):
                await self.has_room.wait()
        except TimeoutError:
            self.transport.abortConnection()


class Backpressure:
    """Wrap an ASGI application's sockets on Daphne. Other servers, and tests, let their senders wait themselves."""

    def __init__(self, application: Any) -> None:
        self.application = application

    async def __call__(self, scope: Any, receive: Any, send: Any) -> Any:
        protocol, queue = protocol_of(send), getattr(receive, "__self__", None)
        if protocol is None or not isinstance(queue, asyncio.Queue):
            return await self.application(scope, receive, send)
        inflow = Inflow(protocol, queue)
        gate = Gate(inflow)

        async def receive_next() -> Any:
            message = await receive()
            inflow.taken()
            return message

        async def send_to_reader(message: Any) -> None:
            if message["type"] == "websocket.send":
                await gate.passed()
            with suppress(Disconnected):  # a client that has just left: the application is told next
                await send(message)

        return await self.application(scope, receive_next, send_to_reader)


def protocol_of(send: Any) -> Any:
    """Return Autobahn's protocol behind Daphne's `send`, a partial of its server's handle_reply; otherwise None."""
    for argument in getattr(send, "args", ()):
        if hasattr(argument, "processData") and hasattr(argument.transport, "registerProducer"):
            return argument
    return None
