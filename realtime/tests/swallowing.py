"""A TCP proxy that can swallow: what it carried then goes nowhere any more, and nobody is told.

That is what a phone leaves behind that has changed its network, or a router that has forgotten a connection.
"""

import asyncio
import threading
from contextlib import suppress


class Swallower:
    """Carry connections to a port of this machine. Runs in a thread of its own."""

    def __init__(self, upstream_port: int) -> None:
        self.upstream_port = upstream_port
        self.carried: set[asyncio.Event] = set()  # one for each connection, set while it is carried
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)

    def __enter__(self) -> "Swallower":
        self.thread.start()
        server = asyncio.run_coroutine_threadsafe(self.listen(), self.loop).result(10)
        self.port = server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/"
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self.end(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
        self.loop.close()

    async def listen(self) -> asyncio.Server:
        return await asyncio.start_server(self.carry, "127.0.0.1", 0)

    async def end(self) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def swallow(self) -> int:
        """Carry the connections that there are no further, and return their number. New ones are carried."""
        swallowed, self.carried = self.carried, set()
        for is_carried in swallowed:
            self.loop.call_soon_threadsafe(is_carried.clear)
        return len(swallowed)

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        is_carried = asyncio.Event()
        is_carried.set()
        self.carried.add(is_carried)
        try:
            there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self.upstream_port)
            async with asyncio.TaskGroup() as group:
                group.create_task(self.pass_on(reader, there_writer, is_carried))
                group.create_task(self.pass_on(there_reader, writer, is_carried))
        except* OSError:
            writer.close()

    async def pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, is_carried: asyncio.Event
    ) -> None:
        """Pass on what comes, and its end, as long as the connection is carried."""
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                if is_carried.is_set():
                    writer.write(data)
        if is_carried.is_set():
            self.carried.discard(is_carried)
            writer.close()
