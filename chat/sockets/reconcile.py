"""What sockets of rooms missed: the channel layer may lose a message, the database does not.

One task per process asks, every few seconds and in two queries for all its sockets, which rooms are newer than what
was sent, and who is before whom in the kitchen's line.
"""

from bisect import bisect_left
from typing import Any, Protocol

from channels.db import database_sync_to_async

from chat import orders
from chat.models import Room
from realtime.periodic import PeriodicCheck

BATCH = 500  # rooms in one query

Line = dict[str, Any]


class Listener(Protocol):
    """What is asked of a socket (chat.sockets.room.RoomSocket)."""

    room_pk: int

    async def meet(self, room: Room | None, line: Line | None) -> None:
        """The room as it is now, None if it is gone; and while its customer waits, their place in the line."""


class RoomCheck(PeriodicCheck[Listener]):
    """Look after the sockets of all rooms."""

    send_seconds = 2.0  # a socket reads what it misses

    async def check(self) -> None:
        sockets = list(self.sockets)
        found = await read_rooms(list({socket.room_pk for socket in sockets}))
        await self.tell_each(sockets, lambda socket: socket.meet(*found[socket.room_pk]))


def _read_rooms(room_pks: list[int]) -> dict[int, tuple[Room | None, Line | None]]:
    """Without the messages: a socket reads by itself what it misses."""
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
