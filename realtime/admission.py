"""Admit a limited number of sockets, of one address and one person at once, and of one address in a while.

Who is refused hears why in words and is closed with 4429: of a handshake that was denied a browser's page learns
nothing. Nothing is read from the database for them.
"""

import json
from collections import Counter
from typing import Any

from django.conf import settings

from pizzaProj import limits
from realtime import census
from realtime.buckets import Buckets
from realtime.identities import neighbourhood
from realtime.pace import TOO_MANY

TOO_MANY_OF_ADDRESS = (
    "There are very many open pages at your internet address. Close some of them, or come back in a little while."
)
TOO_MANY_OF_PERSON = "You have very many pages open. Close some of them, and this one works again."
TOO_MANY_AT_ALL = "It is very busy here just now. Please come back in a little while."


class Places:
    """Count the open sockets of each key, of which there are at most `most`."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.taken: Counter[str] = Counter()

    def enter(self, key: str) -> bool:
        """Take a place, if there is one. An empty key is nobody's, so it has no limit."""
        if not key:
            return True
        if self.taken[key] >= self.most:
            return False
        self.taken[key] += 1
        return True

    def leave(self, key: str) -> None:
        if self.taken[key] > 1:
            self.taken[key] -= 1
        else:
            del self.taken[key]


class Admission:
    """Wrap an ASGI application's sockets."""

    def __init__(self, application: Any) -> None:
        self.application = application
        self.open = 0
        self.places = Places(settings.SOCKETS_PER_ADDRESS)
        self.connects = Buckets(settings.SOCKETS_PER_ADDRESS, limits.CONNECTS_OF_ADDRESS_A_SECOND)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> Any:
        address = neighbourhood(address_of(scope))
        refusal = self.refusal(address)
        if refusal:
            census.note_refusal("process" if refusal == TOO_MANY_AT_ALL else "address")
            return await turn_away(receive, send, refusal)
        self.open += 1
        try:
            return await self.application(scope, receive, send)
        finally:
            self.open -= 1
            self.places.leave(address)

    def refusal(self, address: str) -> str:
        """Return why one more is refused. If it is not, it has taken its place."""
        if self.open >= limits.SOCKETS_OF_PROCESS:
            return TOO_MANY_AT_ALL
        is_soon = address and not self.connects.take(address)
        return TOO_MANY_OF_ADDRESS if is_soon or not self.places.enter(address) else ""


async def turn_away(receive: Any, send: Any, words: str) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": json.dumps({"type": "error", "error": words})})
    await send({"type": "websocket.close", "code": TOO_MANY})


def address_of(scope: Any) -> str:
    """Return the client's address, empty on a Unix socket. Behind a proxy, Daphne needs --proxy-headers for it."""
    return str((scope.get("client") or [""])[0])


people = Places(limits.SOCKETS_OF_PERSON)
