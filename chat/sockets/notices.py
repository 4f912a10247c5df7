"""What waits for a member, as counts in the header of every page: requests, unread rooms, shared orders, the inbox.

A frame is the whole state. A nudge says only that something may have changed; one that got lost is made good by a
check every ten seconds, in the same few queries for all sockets of the process.
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
    """For each account {"notices": counts, "marks": what its page is made with} (see static/js/notices.js)."""
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
    """/ws/notices/: the state at connect, and whenever it has changed."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: State = {}

    async def __call__(self, *args: Any) -> None:
        try:
            await super().__call__(*args)
        finally:
            lookout.leave(self)

    async def opened(self) -> None:
        assert self.user.pk is not None
        self.pk = self.user.pk
        await self.join(user_group(self.pk))
        await self.notices_changed({})
        if "inbox" in self.sent["notices"]:
            await self.join(INBOX)
            await self.notices_changed({})  # what came before we listened
        lookout.join(self)

    async def received(self, text: str | None) -> None:
        await self.send(json.dumps({"error": "There is nothing to do here: this socket only tells you what is new."}))

    async def notices_changed(self, event: dict[str, Any]) -> None:
        """Something may have changed."""
        await self.show((await read_async([self.pk]))[self.pk])

    async def inbox_changed(self, event: dict[str, Any]) -> None:
        await self.notices_changed(event)

    async def show(self, state: State) -> None:
        if state != self.sent:
            self.sent = state
            await self.send(json.dumps(state))


class Lookout(PeriodicCheck[Notices]):
    """Make good the nudges that got lost."""

    every_seconds = 10.0

    async def check(self) -> None:
        sockets = list(self.sockets)
        pks = list({socket.pk for socket in sockets})
        states: dict[int, State] = {}
        for start in range(0, len(pks), BATCH):
            states |= await read_async(pks[start : start + BATCH])
        # A busy one is about to send what it read itself.
        await self.tell_each([one for one in sockets if not one.is_busy], lambda one: one.show(states[one.pk]))


lookout = Lookout()
# In a thread that waits for no other, and for which no other waits.
read_async = database_sync_to_async(read, thread_sensitive=False)
