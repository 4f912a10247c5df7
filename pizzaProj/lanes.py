"""Let few requests of a kind run at the same time, and each address in turn.

Each request has a thread, and all threads share one interpreter: among fifty log-ins at once, a page takes fifty times
as long, and among fifty readers, too. Those that wait here cost no thread. Probes, pictures and the admin go past.
"""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html import escape
from time import monotonic
from typing import Any

from accounts.limits import neighbourhood
from pizzaProj import limits, patience, waits
from pizzaProj.bodies import PAGE

LOG_INS = ("/log-in/", "/admin/login/", "/sign-up/", "/profile/", "/new-password/", "/forgotten-password/")
PROBES = ("/healthz", "/readyz", "/metrics")
PAST_ALL = ("/admin/", "/static/", "/media/", "/__reload__/")  # the last one is a stream, in development
READING = ("reads", "promises")
SAFE = ("GET", "HEAD", "OPTIONS")
BUSY = f"Many people are here right now. Try again in {waits.RETRY_AFTER_SECONDS} seconds."


class Full(TimeoutError):
    """There is no place in the lane, and there will be none for a while."""

    status = 503

    def __str__(self) -> str:
        return BUSY


class Crowded(Full):
    """One address has as many requests waiting as it can have."""

    status = 429


class Lane:
    """A few places, and those who wait for one, by address."""

    def __init__(self, places: int, kind: str = "") -> None:
        self.free = places
        self.kind = kind
        self.waiting: dict[str, deque[asyncio.Future[None]]] = {}

    @property
    def wait_seconds(self) -> float:
        return waits.READ_LANE_SECONDS if self.kind in READING else waits.LANE_SECONDS

    async def enter(self, address: str) -> None:
        """Wait for a place. Full if that takes long; Crowded if too many of this address wait already."""
        if self.free:
            self.free -= 1
            return
        if len(self.waiting.get(address, ())) >= limits.LANE_WAITING_OF_ADDRESS:
            raise Crowded
        if len(self.waiting) >= limits.LANE_ADDRESSES:
            raise Full
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.waiting.setdefault(address, deque()).append(turn)
        await self._wait(address, turn)

    async def _wait(self, address: str, turn: asyncio.Future[None]) -> None:
        try:
            async with asyncio.timeout(self.wait_seconds):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                self.leave()  # it had its turn at this very moment
            else:
                self._forget(address, turn)
            if isinstance(error, TimeoutError):
                raise Full from None
            raise

    @asynccontextmanager
    async def turn(self, address: str) -> AsyncIterator[None]:
        """Hold a place for as long as the block runs. Full or Crowded, as `enter` says."""
        await self.enter(address)
        try:
            yield
        finally:
            self.leave()

    def leave(self) -> None:
        """Give the place to the first who waits, and put the others of that address behind all others."""
        while self.waiting:
            address = next(iter(self.waiting))
            queue = self.waiting.pop(address)
            turn = queue.popleft()
            if queue:
                self.waiting[address] = queue
            if not turn.done():  # else it has given up just now
                turn.set_result(None)
                return
        self.free += 1

    def _forget(self, address: str, turn: asyncio.Future[None]) -> None:
        queue = self.waiting.get(address, deque())
        if turn in queue:
            queue.remove(turn)
        if address in self.waiting and not queue:
            del self.waiting[address]


class Lanes:
    """An ASGI application whose requests of a kind wait for each other."""

    def __init__(self, application: Any) -> None:
        self.application = application
        self.lanes = {kind: Lane(places, kind) for kind, places in limits.LANES.items()}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        kind = kind_of(scope["method"], scope["path"])
        if kind is None:
            await self.application(scope, receive, send)
            return
        began, lane = monotonic(), self.lanes[kind]
        try:
            async with lane.turn(neighbourhood(str((scope.get("client") or [""])[0]))):
                if (its := patience.present()) is not None:
                    its.spend(monotonic() - began)  # so much less it waits for the database
                await self.application(scope, receive, send)
        except Full as full:
            await refuse(scope, send, full.status)


def kind_of(method: str, path: str) -> str | None:
    """Return the lane of a request, None if it is cheap, or of the admin, whose work takes as long as it takes."""
    if path.startswith("/api/promise"):
        return "promises"
    if path.startswith(LOG_INS):
        return "reads" if method in SAFE else "log-ins"
    if path in PROBES or path.startswith(PAST_ALL):
        return None
    return "reads" if method in SAFE else "changes"


async def refuse(scope: Any, send: Any, status: int) -> None:
    is_json = scope["path"].startswith("/api/")
    body = json.dumps({"status": False, "error": BUSY}) if is_json else PAGE.format(escape(BUSY))
    headers = {
        "Content-Type": "application/json" if is_json else "text/html; charset=utf-8",
        "Retry-After": str(waits.RETRY_AFTER_SECONDS),
        "Cache-Control": "no-store",
    }
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body.encode()})
