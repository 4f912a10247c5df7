"""A TCP proxy with faults: what networks, address translators and overloaded servers do to connections.

    with Proxy(("127.0.0.1", 6379)) as proxy:
        url = f"redis://127.0.0.1:{proxy.port}/0"
        proxy.swallow()
        proxy.heal()

Its event loop runs in a thread of its own, so the tests and the lab can use it from sync code.
"""

import asyncio
import socket
import struct
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Self

HOST = "127.0.0.1"
CHUNK_BYTES = 65_536
STOP_SECONDS = 5.0
RESETS = struct.pack("ii", 1, 0)  # SO_LINGER on, for 0 s: closing sends RST instead of FIN

Target = tuple[str, int] | str  # a host and its port, or the path of a Unix socket


class Pair:
    """A client's connection and the one to the target that belongs to it."""

    def __init__(self, client: asyncio.StreamWriter, target: asyncio.StreamWriter) -> None:
        self.writers = (client, target)
        self.is_dead = False  # both ends stay open, and nothing passes any more

    def reset(self) -> None:
        for writer in self.writers:
            end: socket.socket | None = writer.get_extra_info("socket")
            if end is not None and end.family != socket.AF_UNIX:
                with suppress(OSError):
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESETS)
            writer.transport.abort()


class Proxy:
    """Pass connections on to a target, until a fault is asked for. `heal` ends a fault for new connections."""

    def __init__(self, target: Target, port: int = 0) -> None:
        self.target = target
        self.port = port  # 0: a free one, known once it is open
        self.connects = 0
        self.pairs: set[Pair] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._call(self._open)
        return self

    def __exit__(self, *error: object) -> None:
        self._call(self._close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(STOP_SECONDS)
        self._loop.close()

    # Faults

    def heal(self) -> None:
        """Pass everything on again. What was held arrives; a connection that was swallowed stays dead."""
        self._call(self._set)

    def hold(self) -> None:
        """Pass nothing on, and all of it once healed: a target that stands still."""
        self._call(self._set, holds=True)

    def swallow(self) -> None:
        """Take everything on old and new connections, and answer nothing for ever: a network that is gone."""
        self._call(self._set, swallows=True)
        self.forget()

    def forget(self) -> None:
        """Let the target see the end of its connections, and the clients nothing: half-open. New ones work."""
        self._call(self._forget)

    def slow(self, seconds: float) -> None:
        """Pass each chunk on that much later, in both directions."""
        self._call(self._set, seconds=seconds)

    def reset(self) -> None:
        """Reset all connections. New ones work."""
        self._call(self._reset)

    # In the loop

    def _call(self, function: Callable[..., Awaitable[None]], **options: Any) -> None:
        async def call() -> None:
            await function(**options)

        asyncio.run_coroutine_threadsafe(call(), self._loop).result(STOP_SECONDS)

    async def _open(self) -> None:
        self._passes = asyncio.Event()
        await self._set()
        self._server = await asyncio.start_server(self._serve, HOST, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        self._server.close()
        await self._set()
        await self._reset()
        pumps = asyncio.all_tasks() - {asyncio.current_task()}
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)

    async def _set(self, holds: bool = False, swallows: bool = False, seconds: float = 0.0) -> None:
        self._swallows, self._seconds = swallows, seconds
        if holds:
            self._passes.clear()
        else:
            self._passes.set()

    async def _forget(self) -> None:
        for pair in self.pairs:
            pair.is_dead = True
            pair.writers[1].transport.abort()

    async def _reset(self) -> None:
        for pair in list(self.pairs):
            pair.reset()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connects += 1
        try:
            if isinstance(self.target, str):
                far_reader, far_writer = await asyncio.open_unix_connection(self.target)
            else:
                far_reader, far_writer = await asyncio.open_connection(*self.target)
        except OSError:  # the target is down, so the client is refused
            writer.transport.abort()
            return
        pair = Pair(writer, far_writer)
        pair.is_dead = self._swallows
        self.pairs.add(pair)
        try:
            await asyncio.gather(self._pump(pair, reader, far_writer), self._pump(pair, far_reader, writer))
        finally:
            self.pairs.discard(pair)
            for end in pair.writers:
                end.close()

    async def _pump(self, pair: Pair, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry bytes one way, until that way ends. A dead pair's are taken and dropped."""
        with suppress(OSError):
            while chunk := await reader.read(CHUNK_BYTES):
                if not pair.is_dead:
                    await asyncio.sleep(self._seconds)
                    await self._passes.wait()
                if not pair.is_dead:  # by now
                    writer.write(chunk)
                    await writer.drain()
        if not pair.is_dead:  # the other end of a dead one must not see this one's end
            writer.close()
