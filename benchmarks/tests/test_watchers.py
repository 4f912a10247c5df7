"""The bench's watchers answer pings, or Daphne would cut them off after a while."""

import asyncio

from websockets.asyncio.server import serve

from benchmarks.watchers import Crowd


async def test_a_ping_is_answered_with_what_it_said():
    answered = asyncio.Event()

    async def ask(connection):
        await connection.send("the snapshot")
        await (await connection.ping(b"are you there?"))  # which only a pong with the same words ends
        answered.set()

    async with serve(ask, "127.0.0.1", 0) as server:
        crowd = Crowd()
        await crowd.connect(server.sockets[0].getsockname()[1], ["/"])
        async with asyncio.timeout(30):
            await answered.wait()
        await crowd.leave()
