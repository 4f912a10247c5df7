"""Close sockets whose session or token is no longer valid, or whose account has lost the right to be there.

One task per process checks every two seconds, in a few queries for all its sockets together.
"""

import logging
from collections.abc import Collection
from typing import Protocol

from channels.db import database_sync_to_async
from django.contrib.auth.models import AnonymousUser, User
from django.db import Error as DatabaseError

from realtime.identities import Credential, Who, read_all
from realtime.periodic import PartialCheck

logger = logging.getLogger(__name__)

Verdict = tuple[Who, bool]  # who it is, and whether they are still allowed to stay


class Guarded(Protocol):
    """The interface of a socket of a person with an account (realtime.sockets.Identified)."""

    credential: Credential | None

    def may_stay(self, user: User | AnonymousUser) -> bool:
        """Return whether this user is allowed to stay. Runs in a thread, so it can query the database."""

    async def revalidate(self, who: Who, may_stay: bool) -> None:
        """Close the socket, or continue as the person who was just read."""


class Revalidator(PartialCheck[Guarded]):
    """Revalidate the sockets of people with an account."""

    every_seconds = 2.0

    async def check_some(self, sockets: Collection[Guarded]) -> None:
        verdicts = await read_verdicts(sockets)
        await self.tell_each(verdicts, lambda socket: socket.revalidate(*verdicts[socket]))


def _read_verdicts(sockets: Collection[Guarded]) -> dict[Guarded, Verdict]:
    people = read_all({socket.credential for socket in sockets if socket.credential})
    found = {socket: _verdict_on(socket, people[socket.credential]) for socket in sockets if socket.credential}
    return {socket: verdict for socket, verdict in found.items() if verdict is not None}


def _verdict_on(socket: Guarded, who: Who) -> Verdict | None:
    """Return None if the question itself failed: this socket waits for the next check, the others do not."""
    try:
        return who, socket.may_stay(who.user)
    except DatabaseError:  # it would fail for every socket, one after the other
        raise
    except Exception:
        logger.exception("%s could not be asked whether somebody is still allowed there", type(socket).__name__)
        return None


# Runs in a thread of its own: it neither waits for the shared sync thread nor blocks it.
read_verdicts = database_sync_to_async(_read_verdicts, thread_sensitive=False)
revalidator = Revalidator()
