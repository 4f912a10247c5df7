"""A socket that breaks or hangs does not affect others: rooms, the inbox, badges and presence."""

import asyncio

import pytest

from chat.models import Room
from chat.sockets import inbox, notices, reconcile
from chat.sockets.presence import Roster


class Socket:
    """A stand-in for the socket of a room, the inbox or the notices."""

    is_busy = False

    def __init__(self, room_pk=1, pk=1, trouble=None):
        self.room_pk, self.pk, self.trouble = room_pk, pk, trouble
        self.name = (f"p{pk}", False)
        self.told = asyncio.Event()

    async def take(self, *state):
        if self.trouble is not None:
            await self.trouble()
        self.told.set()

    resync = show = show_here = take


async def breaks():
    raise ConnectionError("gone")


async def hangs():
    await asyncio.Event().wait()


@pytest.fixture(params=[breaks, hangs])
def trouble(request):
    return request.param


async def check(periodic, sockets):
    """Run one check, within a little more than the time limit of one socket."""
    periodic.sockets = set(sockets)
    await asyncio.wait_for(periodic.check(), 1.5 * periodic.send_seconds)


async def test_rooms(trouble, monkeypatch):
    async def read_rooms(pks):
        return {pk: (None, None) for pk in pks}

    monkeypatch.setattr(reconcile, "read_rooms", read_rooms)
    troubled = [Socket(room_pk=pk, trouble=trouble) for pk in range(20)]  # each in a room of its own
    well = [Socket(room_pk=pk) for pk in range(25)]
    await check(reconcile.RoomCheck(), troubled + well)
    assert all(socket.told.is_set() for socket in well)


async def test_what_rooms_had_missed_is_counted(monkeypatch, swept):
    async def read_rooms(pks):
        return {1: (Room(revision=5), None), 2: (None, None)}

    monkeypatch.setattr(reconcile, "read_rooms", read_rooms)
    sockets = [Socket(room_pk=pk) for pk in (1, 1, 1, 2)]
    for socket, revision in zip(sockets, (5, 3, 6, 3), strict=True):
        socket.revision = revision
    await check(reconcile.RoomCheck(), sockets)
    assert swept == [("missed_message", 1)]


async def test_the_inbox(trouble, monkeypatch):
    async def read_inbox():
        return {}

    monkeypatch.setattr(inbox, "read_inbox", read_inbox)
    troubled, well = [Socket(trouble=trouble) for _ in range(3)], [Socket() for _ in range(3)]
    await check(inbox.InboxCheck(), troubled + well)
    assert all(socket.told.is_set() for socket in well)


async def test_badges(trouble, monkeypatch):
    async def read(pks):
        return {pk: {} for pk in pks}

    monkeypatch.setattr(notices, "read_async", read)
    troubled, well = [Socket(pk=pk, trouble=trouble) for pk in (1, 2)], [Socket(pk=pk) for pk in (2, 3)]
    await check(notices.NoticesCheck(), troubled + well)
    assert all(socket.told.is_set() for socket in well)


async def test_who_is_here(trouble):
    """The socket that hears an announcement does not wait for one that hangs."""
    roster, troubled, well = Roster(), Socket(pk=1, trouble=trouble), Socket(pk=2)
    roster.sockets[1] = {troubled, well}
    roster.hear(1, "another process", [["zoe", False]])
    await asyncio.wait_for(well.told.wait(), 1.5)
    roster.hear(1, "another process", [["zoe", False], ["kim", False]])
    well.told.clear()
    await asyncio.wait_for(well.told.wait(), 2.5)  # after the first attempt has timed out
    await asyncio.wait_for(asyncio.gather(*roster.showing.values()), 2.5)
    assert roster.shown[1] == [("kim", False), ("p1", False), ("p2", False), ("zoe", False)]
