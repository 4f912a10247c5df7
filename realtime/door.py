"""Open a limited number of sockets at the same time: after a restart thousands of pages come back at once.

Those under way then have their state soon, the pages of others are served in between, and a client that has left
while it waited at the door costs nothing more.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pizzaProj.waits import DOOR_SECONDS

AT_ONCE = 32  # sockets that are being opened; each reads the database


class Door:
    """Like a semaphore, first come, first served, but of no particular event loop."""

    def __init__(self, at_once: int = AT_ONCE) -> None:
        self.free = at_once
        self.waiting: deque[asyncio.Future[None]] = deque()

    @asynccontextmanager
    async def passing(self) -> AsyncIterator[None]:
        """Wait for a place, and hold it for DOOR_SECONDS at most: one that hangs must not keep out the others."""
        await self.wait()
        is_held = True

        def leave() -> None:
            nonlocal is_held
            if is_held:
                is_held = False
                self.pass_on()

        timer = asyncio.get_running_loop().call_later(DOOR_SECONDS, leave)
        try:
            yield
        finally:
            timer.cancel()
            leave()

    async def wait(self) -> None:
        if self.free:
            self.free -= 1
            return
        turn = asyncio.get_running_loop().create_future()
        self.waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # it was given a place at the same moment
                self.pass_on()
            raise

    def pass_on(self) -> None:
        """Give the place to the next in line, or free it."""
        while self.waiting:
            turn = self.waiting.popleft()
            if not turn.done():
                return turn.set_result(None)
        self.free += 1


door = Door()
