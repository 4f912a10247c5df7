"""Attack the sockets inside this process, through ASGI, where nothing that breaks can hide behind a server."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any, NamedTuple
from urllib.parse import quote

from benchmarks.fuzz.frames import Frame, Hostile
from benchmarks.fuzz.sockets import Kind, path_of

PATIENCE_SECONDS = 30  # until a socket has ended after its client has
SHOWN = 300  # characters of a frame in a report

Headers = list[tuple[bytes, bytes]]


class Broken(AssertionError):
    """A socket failed. The text says where, and with which frames."""


class Visit(NamedTuple):
    """One socket of one client."""

    path: str
    headers: Headers
    frames: Sequence[Frame]


def plan(kind: Kind, headers: Headers, seed: str, words: Sequence[str], frames: int) -> Visit:
    """Return the visit that belongs to the seed, with at most so many frames."""
    random, hostile = Random(seed), Hostile(seed, words)
    sent = [hostile.frame(kind.verbs) for _ in range(random.randrange(frames + 1))]
    return Visit(path_of(kind, random), headers, sent)


class Client:
    """Pay a visit to an ASGI application, and note how it ends."""

    def __init__(self, visit: Visit) -> None:
        self.visit = visit
        self.messages = [{"type": "websocket.connect"}, *map(message_of, visit.frames)]
        self.taken = 0
        self.answers = 0
        self.closes: Counter[Any] = Counter()

    async def run(self, application: Any) -> None:
        """Raise Broken if the application fails or does not end."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await application(self.scope(), self.receive, self.send)
        except Exception as error:
            raise Broken(f"{type(error).__name__}: {error}, {self.seen()}") from error
        if self.closes.keys() & {1011, 4503}:
            raise Broken(f"Closed with {[*self.closes]}, {self.seen()}")

    def scope(self) -> dict[str, Any]:
        path, _, query = self.visit.path.partition("?")
        return {
            "type": "websocket",
            "path": path,
            "raw_path": quote(path, errors="replace").encode(),
            "query_string": quote(query, safe="=&", errors="replace").encode(),
            "headers": [(b"host", b"localhost"), *self.visit.headers],
            "client": ["192.0.2.1", 4000],
            "subprotocols": [],
        }

    async def receive(self) -> dict[str, Any]:
        """Hand over the next message; the last is the end, which comes early for a socket that was closed."""
        if self.taken > len(self.messages):
            await asyncio.Event().wait()
        if self.taken == len(self.messages) or self.closes:
            self.taken = len(self.messages) + 1
            return {"type": "websocket.disconnect", "code": 1006}
        self.taken += 1
        return self.messages[self.taken - 1]

    async def send(self, message: Mapping[str, Any]) -> None:
        self.answers += message["type"] == "websocket.send"
        if message["type"] == "websocket.close":
            self.closes[message.get("code")] += 1

    def seen(self) -> str:
        """Return what broke it: a socket reads one message ahead, so it is one of the last two that it has taken."""
        last = [f"{frame!r:.{SHOWN}}" for frame in self.visit.frames[: self.taken][-2:]]
        return f"at {self.visit.path!r}, after {' and '.join(last) or 'nothing'}"


def message_of(frame: Frame) -> dict[str, Any]:
    return {"type": "websocket.receive", "bytes" if isinstance(frame, bytes) else "text": frame}
