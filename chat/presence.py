"""Who is here. Each process says to a room's group whom of it it serves: at every change, and as a heartbeat.

Nothing is kept anywhere else: a wiped Valkey or a killed process heals with the next heartbeats.
"""

import asyncio
import logging
import secrets
from collections import defaultdict
from collections.abc import Iterable
from typing import Any, Protocol

from chat import stream
from home import live

logger = logging.getLogger(__name__)

BEAT_SECONDS = 10.0
GONE_SECONDS = 25.0  # a process that was not heard for so long serves nobody any more
GATHER_SECONDS = 0.1  # however many come and go, a room is told at most so often
SEND_SECONDS = 1.0  # a client that does not read must not keep the others waiting
MOST_NAMED = 200

Name = tuple[str, bool]  # as it is shown, and whether it is a guest's


class Present(Protocol):
    """A socket, as far as this goes (chat.consumers.RoomSocket)."""

    room_pk: int

    @property
    def name(self) -> Name: ...

    async def show_here(self, names: list[Name]) -> None:
        """Send the list, unless it is the one that was sent last."""


class Roster:
    """Of this process, in one event loop."""

    def __init__(self) -> None:
        self.me = secrets.token_hex(8)
        self.sockets: dict[int, set[Present]] = {}
        self.heard: dict[int, dict[str, tuple[float, list[Name]]]] = defaultdict(dict)  # room -> process -> when, who
        self.shown: dict[int, list[Name]] = {}
        self.telling: set[int] = set()
        self.task: asyncio.Task[None] | None = None

    def join(self, socket: Present) -> None:
        room_pk = socket.room_pk
        if room_pk not in self.sockets:
            self.sockets[room_pk] = set()
            live.voice.say(stream.group_name(room_pk), {"type": "chat.who", "process": self.me})
        self.sockets[room_pk].add(socket)
        if self.task is None or self.task.done():
            self.task = asyncio.create_task(self.run(), name="presence")
        self.tell_soon(room_pk)

    def leave(self, socket: Present) -> None:
        room_pk = socket.room_pk
        if socket not in self.sockets.get(room_pk, ()):
            return
        self.sockets[room_pk].discard(socket)
        self.tell_soon(room_pk)
        if not self.sockets[room_pk]:
            for known in (self.sockets, self.heard, self.shown):
                known.pop(room_pk, None)
        if not self.sockets and self.task is not None:
            self.task.cancel()
            self.task = None

    def names(self, room_pk: int) -> list[Name]:
        """Of all processes, each once."""
        others = self.heard.get(room_pk, {})
        return sorted(self.own(room_pk).union(*(people for _, people in others.values())))[:MOST_NAMED]

    def own(self, room_pk: int) -> set[Name]:
        return {socket.name for socket in self.sockets.get(room_pk, ())}

    def tell_soon(self, room_pk: int) -> None:
        """Somebody has come, gone or another name, or another process has asked: each socket of ours has heard it."""
        if room_pk not in self.telling:
            self.telling.add(room_pk)
            asyncio.get_running_loop().call_later(GATHER_SECONDS, self.tell, room_pk)

    def tell(self, room_pk: int) -> None:
        """The other processes, and this one as well: so all of them hear it in one order."""
        self.telling.discard(room_pk)
        message = {"type": "chat.roster", "process": self.me, "people": sorted(self.own(room_pk))[:MOST_NAMED]}
        live.voice.say(stream.group_name(room_pk), message)

    async def hear(self, room_pk: int, process: str, people: Iterable[Iterable[Any]]) -> None:
        """Every socket of the room hears it; the first one's word is enough."""
        if room_pk not in self.sockets:
            return
        if process != self.me:
            self.heard[room_pk][process] = (now(), [(str(name), bool(is_guest)) for name, is_guest in people])
        await self.show(room_pk)

    def answer(self, room_pk: int, process: str) -> None:
        """Another process has its first socket in this room, and asks who else is there."""
        if process != self.me:
            self.tell_soon(room_pk)

    async def show(self, room_pk: int) -> None:
        names = self.names(room_pk)
        if names == self.shown.get(room_pk):
            return
        self.shown[room_pk] = names
        await asyncio.gather(*(show(socket, names) for socket in list(self.sockets[room_pk])))

    async def run(self) -> None:
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            for room_pk in list(self.sockets):
                self.forget(room_pk)
                self.tell(room_pk)

    def forget(self, room_pk: int) -> None:
        """Processes that have been silent for too long."""
        others = self.heard[room_pk]
        for process in [process for process, (when, _) in others.items() if when < now() - GONE_SECONDS]:
            del others[process]


async def show(socket: Present, names: list[Name]) -> None:
    """A socket that breaks is its own affair."""
    try:
        async with asyncio.timeout(SEND_SECONDS):
            await socket.show_here(names)
    except Exception as error:
        logger.info("Who is here could not be sent: %s", str(error) or type(error).__name__)


def now() -> float:
    return asyncio.get_running_loop().time()


roster = Roster()
