"""The counts in the header of every page: friend requests, unread rooms, shared orders and the inbox.

A frame is the whole state. A nudge says only that something can have changed. A lost one is made up for by a check
every ten seconds, with the same few queries for all sockets of the process.
"""

import json
from collections.abc import Collection
from typing import Any

from channels.db import database_sync_to_async

from accounts import people
from chat import orders
from chat.rooms import unread_rooms
from chat.stream import INBOX
from home import sharing
from realtime.broadcast import user_group
from realtime.periodic import PeriodicCheck
from realtime.sockets import Identified

BATCH = 500  # accounts in one query

State = dict[str, dict[str, Any]]


def read(user_pks: Collection[int]) -> dict[int, State]:
    """Return {"notices": counts, "marks": versions of page parts} for each account (see static/js/notices.js)."""
    friends, shares, unread = people.news(user_pks), sharing.news(user_pks), unread_rooms(user_pks)
    found: dict[int, State] = {}
    for pk in user_pks:
        counts = {"requests": friends[pk].requests, "unread": unread.get(pk, 0), "shared": shares[pk].unseen}
        marks = {"people": friends[pk].mark, "shared": shares[pk].mark, "rooms": str(counts["unread"])}
        found[pk] = {"notices": counts, "marks": marks}
    agent_pks = list(orders.agents().filter(pk__in=user_pks).values_list("pk", flat=True))
    if agent_pks:
        waiting = orders.waiting_count()
        for pk in agent_pks:
            found[pk]["notices"]["inbox"] = waiting
    return found


class Notices(Identified):
    """Send the state at connect and whenever it has changed. The address is /ws/notices/."""

    kind = "notices"

    def __init__(self) -> None:
        super().__init__()
        self.sent: State = {}

    async def __call__(self, *args: Any) -> None:
        try:
            await super().__call__(*args)
        finally:
            notices_check.leave(self)

    async def opened(self) -> None:
        assert self.user.pk is not None
        self.pk = self.user.pk
        await self.join(user_group(self.pk))
        await self.notices_changed({})
        if "inbox" in self.sent["notices"]:
            await self.join(INBOX)
            await self.notices_changed({})  # changes from before the group was joined
        notices_check.join(self)

    async def received(self, text: str | None) -> None:
        await self.send(json.dumps({"error": "This socket only tells you what is new. It takes no commands."}))

    async def notices_changed(self, event: dict[str, Any]) -> None:
        """Send the state if it has changed."""
        await self.show((await read_async([self.pk]))[self.pk])

    async def inbox_changed(self, event: dict[str, Any]) -> None:
        await self.notices_changed(event)

    async def show(self, state: State) -> None:
        if state != self.sent:
            self.sent = state
            await self.send(json.dumps(state))


class NoticesCheck(PeriodicCheck[Notices]):
    """Make up for lost nudges."""

    every_seconds = 10.0

    async def check(self) -> None:
        sockets = list(self.sockets)
        pks = list({socket.pk for socket in sockets})
        states: dict[int, State] = {}
        for start in range(0, len(pks), BATCH):
            states |= await read_async(pks[start : start + BATCH])
        # A busy socket is about to send what it has read itself.
        await self.tell_each([one for one in sockets if not one.is_busy], lambda one: one.show(states[one.pk]))


notices_check = NoticesCheck()
# Not thread sensitive: reads neither wait for the process's database thread nor block it.
read_async = database_sync_to_async(read, thread_sensitive=False)
