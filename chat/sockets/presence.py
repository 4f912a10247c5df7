"""Presence. Each process announces to a room's group which members it serves: at changes, and as a heartbeat.

Nothing is stored anywhere else: after a wiped Valkey or a killed process the next heartbeats restore the list.
"""

import asyncio
import secrets
from collections import defaultdict
from collections.abc import Iterable
from typing import Any, Protocol

from chat import stream
from realtime.broadcast import broadcaster
from realtime.periodic import tell_each

BEAT_SECONDS = 10.0
GONE_SECONDS = 25.0  # a process that has been silent for this long no longer serves anybody
GATHER_SECONDS = 0.1  # between two announcements to a room, however many people come and go
MOST_NAMED = 200

Name = tuple[str, bool]  # (the name shown, whether it is a guest's)


class Present(Protocol):
    """The part of chat.sockets.room.RoomSocket that the roster uses."""

    room_pk: int

    @property
    def name(self) -> Name: ...

    async def show_here(self, names: list[Name]) -> None:
        """Send the list, unless it is the one that was last sent."""


class Roster:
    """The people in each room, as this process knows them. Belongs to one event loop."""

    def __init__(self) -> None:
        self.me = secrets.token_hex(8)
        self.sockets: dict[int, set[Present]] = {}
        self.heard: dict[int, dict[str, tuple[float, list[Name]]]] = defaultdict(dict)  # room: process: (time, names)
        self.shown: dict[int, list[Name]] = {}
        self.announcing: set[int] = set()
        self.showing: dict[int, asyncio.Task[None]] = {}
        self.task: asyncio.Task[None] | None = None

    def join(self, socket: Present) -> None:
        room_pk = socket.room_pk
        if room_pk not in self.sockets:
            self.sockets[room_pk] = set()
            broadcaster.send(stream.group_name(room_pk), {"type": "chat.who", "process": self.me})
        self.sockets[room_pk].add(socket)
        if self.task is None or self.task.done():
            self.task = asyncio.create_task(self.run(), name="presence")
        self.announce_soon(room_pk)

    def leave(self, socket: Present) -> None:
        room_pk = socket.room_pk
        if socket not in self.sockets.get(room_pk, ()):
            return
        self.sockets[room_pk].discard(socket)
        self.announce_soon(room_pk)
        if not self.sockets[room_pk]:
            for known in (self.sockets, self.heard, self.shown):
                known.pop(room_pk, None)
        if not self.sockets and self.task is not None:
            self.task.cancel()
            self.task = None

    def names(self, room_pk: int) -> list[Name]:
        """Return the members that any process serves, each once."""
        others = self.heard.get(room_pk, {})
        return sorted(self.own(room_pk).union(*(people for _, people in others.values())))[:MOST_NAMED]

    def own(self, room_pk: int) -> set[Name]:
        return {socket.name for socket in self.sockets.get(room_pk, ())}

    def announce_soon(self, room_pk: int) -> None:
        """Announce soon: somebody has come, left or changed names, or another process has asked."""
        if room_pk not in self.announcing:
            self.announcing.add(room_pk)
            asyncio.get_running_loop().call_later(GATHER_SECONDS, self.announce, room_pk)

    def announce(self, room_pk: int) -> None:
        """Announce to all processes, this one included, so that all hear the same announcements in the same order."""
        self.announcing.discard(room_pk)
        message = {"type": "chat.roster", "process": self.me, "people": sorted(self.own(room_pk))[:MOST_NAMED]}
        broadcaster.send(stream.group_name(room_pk), message)

    def hear(self, room_pk: int, process: str, people: Iterable[Iterable[Any]]) -> None:
        """Record what a process announced. All sockets of the room pass it on; it is shown once for all."""
        if room_pk not in self.sockets:
            return
        if process != self.me:
            self.heard[room_pk][process] = (now(), [(str(name), bool(is_guest)) for name, is_guest in people])
        self.show_soon(room_pk)

    def answer(self, room_pk: int, process: str) -> None:
        """Announce to a process that has its first socket in this room and asks who else is there."""
        if process != self.me:
            self.announce_soon(room_pk)

    def show_soon(self, room_pk: int) -> None:
        """Show the list in a task of its own: the socket that heard the news must not wait for one that hangs."""
        if room_pk not in self.showing:
            self.showing[room_pk] = asyncio.create_task(self.show(room_pk), name="here")

    async def show(self, room_pk: int) -> None:
        """Tell the room's sockets who is here, and again until they have the newest list."""
        try:
            while room_pk in self.sockets and (names := self.names(room_pk)) != self.shown.get(room_pk):
                self.shown[room_pk] = names
                await self.tell_sockets(room_pk, names)
        finally:
            del self.showing[room_pk]

    async def tell_sockets(self, room_pk: int, names: list[Name]) -> None:
        await tell_each(list(self.sockets[room_pk]), lambda socket: socket.show_here(names))

    async def run(self) -> None:
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            for room_pk in list(self.sockets):
                self.forget(room_pk)
                self.announce(room_pk)

    def forget(self, room_pk: int) -> None:
        """Drop the processes that have been silent for too long."""
        others = self.heard[room_pk]
        for process in [process for process, (when, _) in others.items() if when < now() - GONE_SECONDS]:
            del others[process]


def now() -> float:
    return asyncio.get_running_loop().time()


roster = Roster()
