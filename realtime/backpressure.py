"""Let a socket wait for a client that reads slowly, and cut one off that does not read at all.

Daphne takes whatever it is given: of a client that never reads it kept every frame in memory. Its connection says when
its buffer is full and when there is room again, to a producer, as Twisted calls it.
"""

import asyncio
from time import monotonic
from typing import Any

from pizzaProj.waits import UNREAD_SECONDS


class Gate:
    """Open while the connection has room for more."""

    def __init__(self, transport: Any) -> None:
        self.transport = transport
        self.full_since = 0.0  # on time.monotonic
        self.has_room = asyncio.Event()
        self.has_room.set()
        transport.unregisterProducer()  # Daphne leaves there what has read the handshake
        transport.registerProducer(self, True)

    def pauseProducing(self) -> None:
        """Wait, and read nothing more of a client that does not read: its answers would have no room."""
        self.full_since = monotonic()
        self.has_room.clear()
        self.transport.pauseProducing()

    def resumeProducing(self) -> None:
        self.has_room.set()
        self.transport.resumeProducing()

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
        transport = transport_of(send)
        if transport is None:
            return await self.application(scope, receive, send)
        gate = Gate(transport)

        async def send_to_reader(message: Any) -> None:
            if message["type"] == "websocket.send":
                await gate.passed()
            await send(message)

        return await self.application(scope, receive, send_to_reader)


def transport_of(send: Any) -> Any:
    """Return the Twisted connection behind Daphne's `send`, a partial of its server's handle_reply; otherwise None."""
    for protocol in getattr(send, "args", ()):
        transport = getattr(protocol, "transport", None)
        if hasattr(transport, "registerProducer") and hasattr(transport, "abortConnection"):
            return transport
    return None
