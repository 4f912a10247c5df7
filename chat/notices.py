"""What waits for a member, as counts in the header of every page: requests, unread rooms, shared orders, the inbox.

A frame is the whole state. A nudge says only that something may have changed; one that got lost is made good by a
round every ten seconds, in the same few queries for all sockets of the process.
"""

import asyncio
import json
import logging
from collections.abc import Collection
from typing import Any

from channels.db import database_sync_to_async

from accounts import people
from chat import orders
from chat.rooms import unread_rooms
from chat.stream import INBOX
from home import live, sharing
from home.reconcile import Rounds
from realtime.sockets import Identified

logger = logging.getLogger(__name__)

EVERY_SECONDS = 10.0
BATCH = 500  # accounts in one query
SEND_SECONDS = 1.0  # a client that does not read must not keep the others waiting

State = dict[str, dict[str, Any]]


def read(user_pks: Collection[int]) -> dict[int, State]:
    """For each account {"notices": counts, "marks": what its page was made with}: see static/js/notices.js."""
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
    """/ws/notices/: the state at connect, and whenever it is another one."""

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
        await self.join(live.user_group(self.pk))
        await self.notices_changed({})
        if "inbox" in self.sent["notices"]:
            await self.join(INBOX)
            await self.notices_changed({})  # what came before we listened
        lookout.join(self)

    async def received(self, text: str | None) -> None:
        await self.send(json.dumps({"error": "Nothing can be done here: it only tells what is new."}))

    async def notices_changed(self, event: dict[str, Any]) -> None:
        """A nudge."""
        await self.show((await read_async([self.pk]))[self.pk])

    async def inbox_changed(self, event: dict[str, Any]) -> None:
        await self.notices_changed(event)

    async def show(self, state: State) -> None:
        if state != self.sent:
            self.sent = state
            await self.send(json.dumps(state))


class Lookout(Rounds[Notices]):
    def every_seconds(self) -> float:
        return EVERY_SECONDS

    async def compare(self) -> None:
        watchers = list(self.watchers)
        pks = list({watcher.pk for watcher in watchers})
        states: dict[int, State] = {}
        for start in range(0, len(pks), BATCH):
            states |= await read_async(pks[start : start + BATCH])
        # Whoever is busy, or has just left, is for the next round, or for none.
        there = [watcher for watcher in watchers if watcher in self.watchers and not watcher.is_busy]
        await asyncio.gather(*(show(watcher, states[watcher.pk]) for watcher in there))


async def show(watcher: Notices, state: State) -> None:
    """A socket that breaks is its own affair."""
    try:
        async with asyncio.timeout(SEND_SECONDS):
            await watcher.show(state)
    except Exception as error:
        logger.info("Notices could not be sent: %s", str(error) or type(error).__name__)


lookout = Lookout()
# In a thread that waits for nobody, and for which nobody waits.
read_async = database_sync_to_async(read, thread_sensitive=False)
