"""`python -m benchmarks.watchers`: many open pages in one process. Answers JSON lines (processes.Helper).

Bare asyncio, so that the watchers take as little as possible of the time that they measure.
"""

import asyncio
import contextlib
import json
import sys
import time
from collections import Counter
from typing import Any

HANDSHAKE = (
    "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nOrigin: http://127.0.0.1:{port}\r\n"
    "Connection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHBpenphIGlzIGhvdA==\r\n\r\n"
)
AT_ONCE = 100  # handshakes under way
CONNECT_SECONDS = 60
TEXT, CLOSE, PING = 1, 8, 9
NO_MASK = bytes(4)


def pong(content: bytes) -> bytes:
    """Answer a ping with what it said: Daphne cuts off whoever says something else, half a minute later."""
    return bytes([0x8A, 0x80 | len(content)]) + NO_MASK + content


class Watcher(asyncio.Protocol):
    """One page, which keeps the moment and the text of each frame."""

    def __init__(self, path: str, port: int, crowd: "Crowd") -> None:
        self.crowd = crowd
        self.handshake = HANDSHAKE.format(path=path, port=port).encode()
        self.frames: list[tuple[float, str]] = []
        self.buffer = b""
        self.upgraded = False
        self.snapshot: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(self.handshake)

    def data_received(self, data: bytes) -> None:
        now = time.monotonic()
        self.buffer += data
        if not self.upgraded and not self.upgrade():
            return
        while (frame := self.next_frame()) is not None:
            self.take(*frame, now)

    def connection_lost(self, error: Exception | None) -> None:
        if not self.snapshot.done():
            self.snapshot.set_exception(ConnectionError(f"closed before its snapshot: {self.buffer[:200]!r}"))

    def upgrade(self) -> bool:
        head, end, rest = self.buffer.partition(b"\r\n\r\n")
        if end:
            assert head.startswith(b"HTTP/1.1 101"), head.decode()
            self.upgraded, self.buffer = True, rest
        return self.upgraded

    def next_frame(self) -> tuple[int, bytes] | None:
        """Return (opcode, content) of a whole frame. A server's frames are unmasked, and these are below 64 KiB."""
        if len(self.buffer) < 4:
            return None if len(self.buffer) < 2 or self.buffer[1] else self.cut(2, 0)
        length = self.buffer[1]
        return self.cut(2, length) if length < 126 else self.cut(4, int.from_bytes(self.buffer[2:4], "big"))

    def cut(self, head: int, length: int) -> tuple[int, bytes] | None:
        if len(self.buffer) < head + length:
            return None
        frame = self.buffer[0] & 0x0F, self.buffer[head : head + length]
        self.buffer = self.buffer[head + length :]
        return frame

    def take(self, opcode: int, content: bytes, now: float) -> None:
        if opcode == PING:
            self.transport.write(pong(content))
        elif opcode == CLOSE:
            self.crowd.closed[int.from_bytes(content[:2], "big")] += 1
        elif opcode == TEXT and self.snapshot.done():
            self.frames.append((now, content.decode()))
            self.crowd.count()
        elif opcode == TEXT:
            self.snapshot.set_result(None)


class Crowd:
    """All watchers of a round, on one loop."""

    def __init__(self) -> None:
        self.watchers: list[Watcher] = []
        self.closed: Counter[int] = Counter()  # sockets that the server has closed, by code
        self.received = self.wanted = 0
        self.enough = asyncio.Event()

    def count(self) -> None:
        self.received += 1
        if self.received >= self.wanted:
            self.enough.set()

    async def connect(self, port: int, paths: list[str]) -> int:
        """Connect the watchers. Returns when each has had its snapshot."""
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(path: str) -> Watcher:
            async with gate:
                loop = asyncio.get_running_loop()
                _, watcher = await loop.create_connection(lambda: Watcher(path, port, self), "127.0.0.1", port)
                await asyncio.wait_for(watcher.snapshot, CONNECT_SECONDS)
                return watcher

        self.watchers = await asyncio.gather(*map(one, paths))
        return len(self.watchers)

    async def rush(self, port: int, paths: list[str], at_once: int) -> tuple[int, float]:
        """Connect so many at once. Return how many failed, and after how many seconds the last had its snapshot."""
        loop, began, gate = asyncio.get_running_loop(), time.monotonic(), asyncio.Semaphore(at_once)

        async def one(path: str) -> Watcher:
            async with gate:
                _, watcher = await loop.create_connection(lambda: Watcher(path, port, self), "127.0.0.1", port)
                await asyncio.wait_for(watcher.snapshot, CONNECT_SECONDS)
                return watcher

        found = await asyncio.gather(*map(one, paths), return_exceptions=True)
        self.watchers = [watcher for watcher in found if isinstance(watcher, Watcher)]
        return len(paths) - len(self.watchers), time.monotonic() - began

    async def open(self) -> tuple[int, dict[int, int]]:
        """Return how many watchers are still connected, and with which codes others were closed."""
        return sum(not watcher.transport.is_closing() for watcher in self.watchers), self.closed

    async def frames(self, count: int, timeout_seconds: float) -> list[list[tuple[float, str, str]]]:
        """Return (when, order_id, status) of every frame, by watcher, once there are `count` in all."""
        self.wanted = count
        if self.received < count:
            self.enough.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.enough.wait(), timeout_seconds)
        return [[(when, *read(text)) for when, text in watcher.frames] for watcher in self.watchers]

    async def leave(self) -> None:
        for watcher in self.watchers:
            watcher.transport.close()
        self.watchers = []
        self.received = 0


def read(text: str) -> tuple[str, str]:
    payload: dict[str, Any] = json.loads(text)["payload"]
    return payload["order_id"], payload["status"]


async def main(crowd: Crowd) -> None:
    """Do what the lines on standard input ask for."""
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        verb, arguments = json.loads(line)
        answer = await getattr(crowd, verb)(**arguments)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    asyncio.run(main(Crowd()))
