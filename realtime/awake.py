"""A time limit for waits, by a clock that stands still while this process does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

STEPS = 8


@asynccontextmanager
async def awake_for(seconds: float) -> AsyncIterator[None]:
    """Raise TimeoutError when the event loop has run for so long, as far as a step of it can tell.

    While thousands of sockets come at once, a turn of the loop takes seconds. Behind it, a time-out of asyncio comes
    before the answer that arrived meanwhile, and says that the database is away. However long a turn takes, here it
    is one step.
    """
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(None) as limit:
        timers: list[asyncio.TimerHandle] = []

        def step() -> None:
            if len(timers) == STEPS:
                limit.reschedule(loop.time())
            else:
                timers.append(loop.call_later(seconds / STEPS, step))

        step()
        try:
            yield
        finally:
            timers[-1].cancel()
            timers.clear()  # they know `step`, and it them: garbage that only a scan would find
