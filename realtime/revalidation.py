"""Sockets end when what was shown at the door is good no more.

One task per process looks every two seconds, in a few queries for all its sockets together.
"""

import asyncio
import logging
from collections.abc import Collection
from typing import Protocol

from channels.db import database_sync_to_async
from django.contrib.auth.models import AnonymousUser, User

from home.reconcile import Rounds
from realtime.identities import Credential, Who, read_all

logger = logging.getLogger(__name__)

EVERY_SECONDS = 2.0
END_SECONDS = 1.0  # a client that does not read must not keep the others waiting


class Guarded(Protocol):
    """A socket of a person with an account, as far as this goes (realtime.sockets.Identified)."""

    credential: Credential | None

    def may_stay(self, user: User | AnonymousUser) -> bool:
        """In a thread: may ask the database."""

    async def look_over(self, who: Who, may_stay: bool) -> None:
        """Close it, or go on as the person who was read just now."""


class Doorkeeper(Rounds[Guarded]):
    """The sockets of those who have an account."""

    def every_seconds(self) -> float:
        return EVERY_SECONDS

    async def compare(self) -> None:
        verdicts = await look_at(list(self.watchers))
        await asyncio.gather(*(tell(*verdict) for verdict in verdicts if verdict[0] in self.watchers))


async def tell(socket: Guarded, who: Who, may_stay: bool) -> None:
    """A socket that breaks is its own affair."""
    try:
        async with asyncio.timeout(END_SECONDS):
            await socket.look_over(who, may_stay)
    except Exception as error:
        logger.info("A socket could not be looked over: %s", str(error) or type(error).__name__)


def read_verdicts(sockets: Collection[Guarded]) -> list[tuple[Guarded, Who, bool]]:
    people = read_all({socket.credential for socket in sockets if socket.credential})
    found = [(socket, people[socket.credential]) for socket in sockets if socket.credential]
    return [(socket, who, socket.may_stay(who.user)) for socket, who in found]


# In a thread that waits for nobody, and for which nobody waits.
look_at = database_sync_to_async(read_verdicts, thread_sensitive=False)
doorkeeper = Doorkeeper()
