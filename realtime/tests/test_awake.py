"""A time limit that counts no stall of the process."""

import asyncio
import time

import pytest

from realtime.awake import awake_for


async def test_what_has_come_during_a_stall_is_taken():
    loop = asyncio.get_running_loop()
    answer = loop.create_future()
    asked = loop.run_in_executor(None, lambda: loop.call_soon_threadsafe(answer.set_result, "here"))
    async with awake_for(0.05):
        time.sleep(0.2)  # noqa: ASYNC251  thousands of handshakes in one turn of the loop
        assert await answer == "here"
    await asked


async def test_a_wait_that_takes_too_long_ends():
    with pytest.raises(TimeoutError):
        async with awake_for(0.05):
            await asyncio.get_running_loop().create_future()
    async with awake_for(0.05):
        pass
    await asyncio.sleep(0.1)  # nobody is told afterwards
