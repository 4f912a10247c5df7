"""`python -m benchmarks.watching.bare PORT SOCKET`: a server that does nothing but `websockets.broadcast`.

It has one subscription of Valkey, and hands each message to all connections. In the rivals' environment.
"""

import asyncio
import sys

import redis.asyncio
from websockets.asyncio.server import ServerConnection, broadcast, serve

CHANNEL = "bare"
BACKLOG = 4096


async def main(port: int, socket: str) -> None:
    connections: set[ServerConnection] = set()

    async def watch(connection: ServerConnection) -> None:
        connections.add(connection)
        await connection.send("the snapshot")
        try:
            await connection.wait_closed()
        finally:
            connections.discard(connection)

    subscription = redis.asyncio.Redis(unix_socket_path=socket).pubsub()
    await subscription.subscribe(CHANNEL)
    async with serve(watch, "127.0.0.1", port, backlog=BACKLOG):
        async for message in subscription.listen():
            if message["type"] == "message":
                broadcast(connections, message["data"].decode())


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
