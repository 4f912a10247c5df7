"""Attack a web process over TCP, and note how it answers: with which status, and with which close codes."""

import asyncio
import re
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from random import Random
from typing import Any
from urllib.parse import quote

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from benchmarks.fuzz.frames import Hostile
from benchmarks.fuzz.sockets import Kind, path_of

ANSWER_SECONDS = 0.3  # how long a client waits for an answer; many of these requests get none
STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})")
SHOWN = 300  # characters of what broke it


class Notes:
    """What came of an attack."""

    def __init__(self) -> None:
        self.statuses: Counter[int] = Counter()
        self.closes: Counter[int] = Counter()
        self.broken: list[str] = []

    def answered(self, raw: bytes, answer: bytes) -> None:
        for status in map(int, STATUS.findall(answer)):
            self.statuses[status] += 1
            if status >= 500:
                self.broken.append(f"{status} to {raw[:SHOWN]!r}")

    def closed(self, code: int, what: str) -> None:
        self.closes[code] += 1
        if code in (1011, 4503):
            self.broken.append(f"{code} after {what}")


async def knock(port: int, raw: bytes, random: Random, notes: Notes) -> None:
    """Send the bytes of a connection and read what comes; leave politely, or in the middle without a word."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(raw)
        with suppress(OSError):
            await writer.drain()
            if random.random() < 0.2:
                return writer.transport.abort()
            with suppress(TimeoutError):
                async with asyncio.timeout(ANSWER_SECONDS):
                    notes.answered(raw, await reader.read(2000))
    finally:
        writer.close()


async def converse(
    port: int, kind: Kind, key: str, seed: str, words: Sequence[str], frames: int, notes: Notes
) -> None:
    """Open a socket, send it frames, and leave, or be closed."""
    random, hostile = Random(seed), Hostile(seed, words)
    path, _, query = path_of(kind, random).partition("?")
    address = f"ws://127.0.0.1:{port}{quote(path, errors='replace')}?{quote(query, safe='=&', errors='replace')}"
    headers = {"Authorization": f"Token {key}"} if key else {}
    last: list[Any] = []
    try:
        async with connect(address, additional_headers=headers, max_size=None, close_timeout=1) as socket:
            for _ in range(random.randrange(frames + 1)):
                last = [*last[-1:], hostile.frame(kind.verbs)]
                await socket.send(last[-1])
                if random.random() < 0.3:
                    with suppress(TimeoutError):
                        await asyncio.wait_for(socket.recv(), 0.05)
            if random.random() < 0.3:
                socket.transport.abort()
    except ConnectionClosed as closed:
        notes.closed(closed.rcvd.code if closed.rcvd else 1006, f"{last!r:.{SHOWN}} at {path}")
    except InvalidStatus as refused:
        notes.answered(address.encode(), b"HTTP/1.1 %d" % refused.response.status_code)
    except (OSError, InvalidHandshake, TimeoutError):
        notes.closes[0] += 1
