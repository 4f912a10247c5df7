"""Let a socket wait for a client that reads slowly, and cut one off that does not read at all.

Daphne takes whatever it is given: of a client that never reads it kept every frame in memory. Its connection says when
its buffer is full and when there is room again, to a producer, as Twisted calls it. What the client sends is held back
as well (realtime.inflow).
"""

import asyncio
from contextlib import suppress
from functools import lru_cache
from random import random
from time import monotonic
from typing import Any

from autobahn.exception import Disconnected
from autobahn.websocket.protocol import PreparedMessage

from pizzaProj.waits import UNREAD_SECONDS
from realtime.inflow import Inflow

SEND_AT_ONCE = "shop.send_at_once"  # an extension of the scope: send a text without waiting


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

    def send_at_once(self, text: str) -> bool:
        """Send without waiting. False, with nothing sent, if there is no room."""
        if not self.has_room.is_set():
            return False
        if self.inflow.is_open:  # otherwise the client has just left
            write_at_once(self.transport, on_wire(text))
        return True

    async def passed(self) -> None:
        """Wait for room. A client that has been given UNREAD_SECONDS for a full buffer is cut off."""
        if self.has_room.is_set():
            return
        try:
            async with asyncio.timeout(self.full_since + UNREAD_SECONDS - monotonic()):
                await self.has_room.wait()
        except TimeoutError:
            self.transport.abortConnection()


def write_at_once(transport: Any, data: bytes) -> None:
    """Write to the kernel. Twisted's own `write` first has the event loop ask whether there is room: twice the time.

    Twisted keeps what the kernel doesn't take, and finds out if the connection is gone.
    """
    written = transport.writeSomeData(data) if has_nothing_to_write(transport) else 0
    if written != len(data):
        transport.write(data[written:] if isinstance(written, int) else data)


def has_nothing_to_write(transport: Any) -> bool:
    """Return whether a connection of Twisted's is up and its buffers are empty.

    One with TLS only passes on what its own connection has: what were written there would go out as it is.
    """
    if not hasattr(type(transport), "writeSomeData") or transport.disconnecting:
        return False
    return bool(transport.connected and not transport.dataBuffer and not transport._tempDataLen)


@lru_cache(16)
def on_wire(text: str) -> bytes:
    """Return the bytes of a frame, made once for all who are sent the same text. A server's have no mask."""
    return bytes(PreparedMessage(text.encode(), isBinary=False, applyMask=False, doNotCompress=True).payloadHybi)


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
        spread_pings(protocol)
        scope.setdefault("extensions", {})[SEND_AT_ONCE] = gate.send_at_once

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


def spread_pings(protocol: Any) -> None:
    """Let the first ping come sooner, at random: those who came at once would be pinged at once, and frames wait."""
    protocol.last_ping -= random() * protocol.server.ping_interval


def protocol_of(send: Any) -> Any:
    """Return Autobahn's protocol behind Daphne's `send`, a partial of its server's handle_reply; otherwise None."""
    for argument in getattr(send, "args", ()):
        if hasattr(argument, "processData") and hasattr(argument.transport, "registerProducer"):
            return argument
    return None
