"""Resync the sockets of rooms. The channel layer can lose a message, the database does not.

One task per process asks every few seconds, with two queries for hundreds of sockets, which rooms are newer than what
was sent, and how many customers wait for the kitchen before each.
"""

import asyncio
import logging
from bisect import bisect_left
from collections.abc import Collection
from typing import Any, Protocol

from channels.db import database_sync_to_async

from chat import orders
from chat.models import Room
from realtime.periodic import PartialCheck
from telemetry import sweeps

logger = logging.getLogger(__name__)

BATCH = 500  # rooms in one query

Line = dict[str, Any]


class Listener(Protocol):
    """The part of chat.sockets.room.RoomSocket that the check uses."""

    room_pk: int
    revision: int

    async def resync(self, room: Room | None, line: Line | None) -> None:
        """Take the room as it is now, None if it is gone, and the line frame while its customer waits."""


class RoomCheck(PartialCheck[Listener]):
    """Check the sockets of all rooms."""

    send_seconds = 2.0  # enough for a socket to read what it missed

    async def check_some(self, sockets: Collection[Listener]) -> None:
        found = await read_rooms(list({socket.room_pk for socket in sockets}))
        behind = sum(is_behind(socket, found[socket.room_pk][0]) for socket in sockets)
        await self.tell_each(sockets, lambda socket: socket.resync(*found[socket.room_pk]))
        if behind:
            logger.info("%d sockets of rooms had missed messages, which they have got now", behind)
            await asyncio.to_thread(sweeps.note, "missed_message", behind)  # it can wait for Valkey


def is_behind(socket: Listener, room: Room | None) -> bool:
    return room is not None and room.revision > socket.revision


def _read_rooms(room_pks: list[int]) -> dict[int, tuple[Room | None, Line | None]]:
    """Return (room, line frame) for each key. Messages are left out: a socket reads itself what it missed."""
    found: dict[int, tuple[Room | None, Line | None]] = dict.fromkeys(room_pks, (None, None))
    rooms: list[Room] = []
    for start in range(0, len(room_pks), BATCH):
        batch = Room.objects.filter(pk__in=room_pks[start : start + BATCH])
        rooms += batch.select_related("order", "agent")
    waiting = orders.waiting_times() if any(room.waiting_since for room in rooms) else []
    usual = orders.usual_wait() if waiting else None
    for room in rooms:
        before = bisect_left(waiting, room.waiting_since) if room.waiting_since else 0
        found[room.pk] = (room, orders.line_in(room, before, usual) if room.waiting_since else None)
    return found


read_rooms = database_sync_to_async(_read_rooms, thread_sensitive=False)
room_check = RoomCheck()
