"""Check periodically what sockets missed, with one task for all sockets of a kind in this process.

A check takes the event loop's time and a thread's, and frames wait for both. So where there can be thousands of
sockets they are checked in parts, one after another, and each as often as if it were alone.

Send what a check finds with `tell_each`, so that a socket that breaks or hangs does not affect the others.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable
from time import monotonic
from typing import ClassVar, Generic, TypeVar

logger = logging.getLogger(__name__)

SEND_SECONDS = 1.0  # a client that does not read must not keep the others waiting
AT_ONCE = 200  # sockets told at the same time; one that first reads the database waits for a thread
BEGUN_AT_ONCE = 50  # of these; then others have a turn
PARTS = 10  # of many sockets, in each round
IN_PART = 100  # sockets, until the next part is begun; all parts grow when each has so many

S = TypeVar("S")
Tell = Callable[[S], Awaitable[None]]


class PeriodicCheck(Generic[S]):
    """Check sockets from the moment the first one joins until the last one has left."""

    every_seconds: ClassVar[float] = 3.0
    send_seconds: ClassVar[float] = SEND_SECONDS

    def __init__(self) -> None:
        self.sockets: set[S] = set()
        self.task: asyncio.Task[None] | None = None

    def join(self, socket: S) -> None:
        self.sockets.add(socket)
        if self.task is None or self.task.done():
            self.task = asyncio.create_task(self.run(), name=type(self).__name__)

    def leave(self, socket: S) -> None:
        self.sockets.discard(socket)
        if not self.sockets and self.task is not None:
            self.task.cancel()
            self.task = None

    async def run(self) -> None:
        while True:
            await asyncio.sleep(self.every_seconds)
            await self.try_to_check()

    async def try_to_check(self) -> None:
        await self.attempt(self.check())

    async def attempt(self, check: Awaitable[None]) -> None:
        """Check, and log a failure (such as a database that is away), so that the next check still runs."""
        try:
            await check
        except Exception as error:
            logger.warning(
                "%s could not check its sockets: %s", type(self).__name__, str(error) or type(error).__name__
            )

    async def check(self) -> None:
        """Compare what the sockets were sent with the database, and tell those that missed something."""
        raise NotImplementedError

    async def tell_each(self, sockets: Iterable[S], tell: Tell[S]) -> None:
        """Tell each of these sockets that has not left meanwhile."""
        await tell_each([socket for socket in sockets if socket in self.sockets], tell, self.send_seconds)


class PartialCheck(PeriodicCheck[S]):
    """Check many sockets part by part."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[set[S]] = [set() for _ in range(PARTS)]

    def join(self, socket: S) -> None:
        if socket not in self.sockets:
            part = next((part for part in self.parts if len(part) < IN_PART), None)
            (min(self.parts, key=len) if part is None else part).add(socket)
        super().join(socket)

    def leave(self, socket: S) -> None:
        for part in self.parts:
            part.discard(socket)
        super().leave(socket)

    async def run(self) -> None:
        """Check each part once in `every_seconds`; several together while checks are slow, up to all at once."""
        done, due = 0, 1
        while True:
            pause_seconds = self.every_seconds / PARTS
            await asyncio.sleep(due * pause_seconds)
            began = monotonic()
            sockets = [socket for number in range(done, done + due) for socket in self.parts[number % PARTS]]
            if sockets:
                await self.attempt(self.check_some(sockets))
            done, due = done + due, min(PARTS, 1 + int((monotonic() - began) / pause_seconds))

    async def check(self) -> None:
        await self.check_some(list(self.sockets))

    async def check_some(self, sockets: Collection[S]) -> None:
        """Check these, as `check` does."""
        raise NotImplementedError


async def tell_each(sockets: Iterable[S], tell: Tell[S], seconds: float = SEND_SECONDS) -> None:
    """Tell all sockets, each within `seconds`. An error or a delay on one does not affect the others."""
    turns = asyncio.Semaphore(AT_ONCE)
    async with asyncio.TaskGroup() as group:
        for number, socket in enumerate(sockets, 1):
            group.create_task(_try_to_tell(socket, tell, seconds, turns))
            if number % BEGUN_AT_ONCE == 0:
                await asyncio.sleep(0)


async def _try_to_tell(socket: S, tell: Tell[S], seconds: float, turns: asyncio.Semaphore) -> None:
    try:
        async with turns, asyncio.timeout(seconds):
            await tell(socket)
    except (Exception, asyncio.CancelledError) as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():  # the check was cancelled, not the socket
            raise
        logger.debug("%s could not be told: %s", type(socket).__name__, str(error) or type(error).__name__)
