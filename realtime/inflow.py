"""Read no more of a client than the application has taken, and nothing at all of one that floods.

Daphne puts whatever it reads into a queue without end, and answers pings by itself. So each frame is counted before
its content is read, whatever its kind; while the queue is long nothing is read, and after a flood's close what still
comes is thrown away as bytes, without a look.
"""

import asyncio
import json
from typing import Any

from pizzaProj import limits
from realtime.buckets import Bucket
from realtime.pace import TOO_MANY, TOO_MANY_FRAMES


class Inflow:
    """Stand between Autobahn's protocol, which parses a client's bytes, and Daphne's queue for the application."""

    def __init__(self, protocol: Any, queue: "asyncio.Queue[Any]") -> None:
        self.protocol, self.queue = protocol, queue
        self.bucket = Bucket(limits.WIRE_FRAMES, limits.WIRE_FRAMES_A_SECOND)
        self.holds: set[str] = set()  # why nothing is read
        self.is_deaf = False
        self.read_on, protocol.processData = protocol.processData, self.read_on_if_allowed
        self.begin_frame, protocol.onFrameBegin = protocol.onFrameBegin, self.begin_frame_if_paid
        self.put, protocol.onMessage = protocol.onMessage, self.put_while_open
        protocol.failByDrop = False  # say with a close code what was wrong

    # In the place of Autobahn's methods

    def read_on_if_allowed(self) -> bool:
        """Parse on; return whether to call this again with the bytes that are left."""
        if self.is_deaf:
            self.protocol.data = b""
            return False
        if self.holds:
            return False
        self.protocol.maxMessagePayloadSize = limits.WIRE_MESSAGE_BYTES
        try:
            return bool(self.read_on())
        finally:
            self.protocol.maxMessagePayloadSize = 0  # Autobahn would apply it to what we send as well

    def begin_frame_if_paid(self) -> None:
        length = min(self.protocol.current_frame.length, limits.WIRE_MESSAGE_BYTES)
        if self.bucket.take(1 + length // limits.WIRE_FRAME_BYTES):
            self.begin_frame()
        else:
            self.end()

    def put_while_open(self, payload: bytes, is_binary: bool) -> None:
        if self.is_open:
            self.put(payload, is_binary)
        if self.queue.qsize() >= limits.WIRE_WAITING:
            self.hold("the application is busy")

    @property
    def is_open(self) -> bool:
        return bool(self.protocol.state == self.protocol.STATE_OPEN)

    # Reading, and not reading

    def hold(self, reason: str) -> None:
        if not self.holds:
            self.protocol.transport.pauseProducing()
        self.holds.add(reason)

    def release(self, reason: str) -> None:
        """Read on, unless there is another reason not to: first what is here, then what the kernel has."""
        if reason not in self.holds:
            return
        self.holds.remove(reason)
        if not self.holds:
            self.protocol.transport.resumeProducing()
            if self.protocol.data:
                self.protocol.consumeData()

    def taken(self) -> None:
        """Note that the application has taken a message."""
        if self.queue.qsize() <= limits.WIRE_WAITING // 2:
            self.release("the application is busy")

    def end(self) -> None:
        """Close with words. The connection ends with the client's answer in sight, or a second later without it."""
        self.is_deaf = True
        if self.is_open:
            self.protocol.sendMessage(json.dumps({"type": "error", "error": TOO_MANY_FRAMES}).encode())
            self.protocol.sendClose(code=TOO_MANY)
