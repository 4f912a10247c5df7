"""Check periodically, and soon after something has happened: one read for all sockets of a kind in this process."""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from time import monotonic
from typing import TypeVar

from realtime.periodic import PeriodicCheck

REST_SECONDS = 0.3  # between two checks
REST_TIMES = 10  # as long as they read, and no longer than a check that nothing hurries: a tenth of the time, usually

S = TypeVar("S")
R = TypeVar("R")


class HurriedCheck(PeriodicCheck[S]):
    """A check that can be asked to come soon."""

    def __init__(self) -> None:
        super().__init__()
        self.news = asyncio.Event()
        self.read_seconds = 0.0  # by the check that is going on

    def join(self, socket: S) -> None:
        if not self.sockets:
            self.news = asyncio.Event()  # an event belongs to the loop that it was first awaited in
        super().join(socket)

    def hurry(self) -> None:
        """Check soon: something has happened."""
        self.news.set()

    async def run(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self.every_seconds):
                    await self.news.wait()
            self.news.clear()
            self.read_seconds = 0.0
            await self.try_to_check()
            await asyncio.sleep(min(self.every_seconds, max(REST_SECONDS, REST_TIMES * self.read_seconds)))

    async def timed(self, reading: Awaitable[R]) -> R:
        """Read something, and note how long it takes: not how long the sockets take that are told."""
        began = monotonic()
        try:
            return await reading
        finally:
            self.read_seconds += monotonic() - began
