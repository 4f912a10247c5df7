"""What sockets of rooms missed: the channel layer may lose a message, the database does not.

One task per process asks, every few seconds and in two queries for all its sockets, which rooms are newer than what
was sent, and who is before whom in the kitchen's line.
"""

import asyncio
import logging
from bisect import bisect_left
from collections import defaultdict
from typing import Any, Protocol

from channels.db import database_sync_to_async

from chat import orders
from chat.models import Room
from home.reconcile import Rounds

logger = logging.getLogger(__name__)

SEND_SECONDS = 2.0  # a client that does not read must not keep the others waiting
BATCH = 500  # rooms in one query

Line = dict[str, Any]


class Listener(Protocol):
    """A socket, as far as this goes (chat.consumers.RoomSocket)."""

    room_pk: int

    async def meet(self, room: Room | None, line: Line | None) -> None:
        """The room as it is now, None if it is gone; and while its customer waits, their place in the line."""


class RoomRounds(Rounds[Listener]):
    async def compare(self) -> None:
        """One round."""
        listening: dict[int, list[Listener]] = defaultdict(list)
        for socket in self.watchers:
            listening[socket.room_pk].append(socket)
        for room_pk, (room, line) in (await read_rooms(list(listening))).items():
            await asyncio.gather(*(tell(socket, room, line) for socket in listening[room_pk]))


async def tell(socket: Listener, room: Room | None, line: Line | None) -> None:
    """A socket that breaks is its own affair."""
    try:
        async with asyncio.timeout(SEND_SECONDS):
            await socket.meet(room, line)
    except Exception as error:
        logger.info("A socket of room %d could not be told: %s", socket.room_pk, str(error) or type(error).__name__)


def _read_rooms(room_pks: list[int]) -> dict[int, tuple[Room | None, Line | None]]:
    """Nothing of the messages: what is missing, the socket reads itself."""
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
rounds = RoomRounds()
