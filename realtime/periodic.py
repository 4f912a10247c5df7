"""Check periodically what sockets missed, with one task for all sockets of a kind in this process.

Send what a check finds with `tell_each`, so that a socket that breaks or hangs does not affect the others.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import ClassVar, Generic, TypeVar

logger = logging.getLogger(__name__)

SEND_SECONDS = 1.0  # a client that does not read must not keep the others waiting
AT_ONCE = 200  # sockets told at the same time; one that first reads the database waits for a thread

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
        """Check, and log a failure (such as a database that is away), so that the next check still runs."""
        try:
            await self.check()
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


async def tell_each(sockets: Iterable[S], tell: Tell[S], seconds: float = SEND_SECONDS) -> None:
    """Tell all sockets, each within `seconds`. An error or a delay on one does not affect the others."""
    turns = asyncio.Semaphore(AT_ONCE)
    await asyncio.gather(*(_try_to_tell(socket, tell, seconds, turns) for socket in sockets))


async def _try_to_tell(socket: S, tell: Tell[S], seconds: float, turns: asyncio.Semaphore) -> None:
    try:
        async with turns, asyncio.timeout(seconds):
            await tell(socket)
    except (Exception, asyncio.CancelledError) as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():  # the check was cancelled, not the socket
            raise
        logger.debug("%s could not be told: %s", type(socket).__name__, str(error) or type(error).__name__)
