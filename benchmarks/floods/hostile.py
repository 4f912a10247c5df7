"""`python -m benchmarks.floods.hostile PORT KIND ...`: fifty visitors without an account do their worst to a shop.

They log in by e-mail, order, ask for promises, read pages, upload, send frames or read history, as fast as they can,
all from one address, until standard input ends. Then it prints what each kind was answered, and the orders that were
accepted ({"key": "order id"}), as JSON.
"""

import asyncio
import json
import os
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from random import choice
from typing import Any

VISITORS = 50
PATIENCE_SECONDS = 10.0  # of a hostile visitor, with one request
UPLOAD_BYTES = 10_000_000
PIZZAS = 2  # in an order: what is accepted is work for the kitchen, which comes after the flood
ROOM = "floods"
ADDRESS = "127.0.0.2" if sys.platform == "linux" else "127.0.0.1"  # everybody else's is 127.0.0.1
LETTERS = b"\x81\x81\0\0\0\0x" * 1000  # a thousand frames of one letter each
OLD = b'{"type": "history", "after": 0}'
ASK = bytes([0x81, 0x80 | len(OLD)]) + bytes(4) + OLD
ASK_SECONDS = 1 / 15  # slow enough for a socket not to be closed
UPGRADE = (
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHBpenphIGlzIGhvdA==\r\n"
)


class Hostile:
    """One who repeats one thing for as long as it is told."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.is_over = False
        self.answers = {kind: Counter[str]() for kind in KINDS}
        self.accepted: dict[str, str] = {}
        self.largest = ""  # the order that is read again and again
        self.ordering = asyncio.Lock()  # of that one

    async def run(self, kind: str) -> None:
        flood = KINDS[kind]
        while not self.is_over:
            try:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    answer = await flood(self)
            except (OSError, EOFError) as error:
                answer = type(error).__name__
            self.answers[kind][answer] += 1
            await asyncio.sleep(0)

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port, local_addr=(ADDRESS, 0))

    async def ask(self, method: str, path: str, body: bytes = b"", headers: str = "") -> tuple[str, bytes]:
        """Send one request on a connection of its own, and return the status and the body of the answer."""
        reader, writer = await self.connect()
        try:
            head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nConnection: close\r\n{headers}"
            writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            answer = await reader.readuntil(b"\r\n\r\n")
            return answer.split()[1].decode(), await reader.read()
        finally:
            writer.transport.abort()

    async def status(self, *args: Any) -> str:
        return (await self.ask(*args))[0]

    async def post_form(self, path: str, fields: str) -> str:
        token = "a" * 32
        form = f"Content-Type: application/x-www-form-urlencoded\r\nCookie: csrftoken={token}\r\n"
        return await self.status("POST", path, f"csrfmiddlewaretoken={token}&{fields}".encode(), form)

    async def log_in(self) -> str:
        name = f"{os.urandom(4).hex()}%40example.org"
        return await self.post_form("/log-in/", f"username={name}&password=wrong")

    async def order(self) -> str:
        return (await self.place([{"id": 1, "quantity": PIZZAS}]))[0]

    async def place(self, items: list[dict[str, int]]) -> tuple[str, str]:
        """Place an order. Return the status, and the order's id if it was accepted."""
        order = json.dumps({"items": items}).encode()
        status, body = await self.ask("POST", "/api/order/", order, "Content-Type: application/json\r\n")
        if status != "201":
            return status, ""
        order_id = json.loads(body)["order"]["order_id"]
        self.accepted[f"hostile {order_id}"] = order_id
        return status, order_id

    async def promise(self) -> str:
        return await self.status("GET", "/api/promise/?pizzas=400")

    async def read(self) -> str:
        """Read the shop's page, or all that is known of the largest order that one can place."""
        async with self.ordering:
            if not self.largest:
                status, self.largest = await self.place([{"id": pizza, "quantity": 20} for pizza in range(1, 4)])
                if not self.largest:
                    return status
        return await self.status("GET", choice(["/", f"/order/{self.largest}/", f"/api/order/{self.largest}/"]))

    async def upload(self) -> str:
        body = b'--b\r\nContent-Disposition: form-data; name="picture"; filename="a.png"\r\n\r\n' + bytes(UPLOAD_BYTES)
        return await self.status("POST", "/profile/", body, "Content-Type: multipart/form-data; boundary=b\r\n")

    async def history(self) -> str:
        return await self.socket(ASK, ASK_SECONDS)

    async def frames(self) -> str:
        return await self.socket(LETTERS, 0)

    async def socket(self, frames: bytes, pause_seconds: float) -> str:
        """Open a room from its beginning, and send until it is closed or patience ends. Return the code."""
        reader, writer = await self.connect()
        try:
            path = f"/ws/chat/{ROOM}/?after=0"
            origin = f"Host: 127.0.0.1:{self.port}\r\nOrigin: http://127.0.0.1:{self.port}\r\n"
            writer.write(f"GET {path} HTTP/1.1\r\n{origin}{UPGRADE}\r\n".encode())
            answer = await reader.readuntil(b"\r\n\r\n")
            if b" 101 " not in answer:
                return answer.split()[1].decode()
            sending = asyncio.create_task(send_on(writer, frames, pause_seconds))
            try:
                return await close_code(reader)
            finally:
                sending.cancel()
        finally:
            writer.transport.abort()


async def send_on(writer: asyncio.StreamWriter, frames: bytes, pause_seconds: float) -> None:
    with suppress(OSError):
        while True:
            writer.write(frames)
            await writer.drain()
            await asyncio.sleep(pause_seconds)


async def close_code(reader: asyncio.StreamReader) -> str:
    """Read frames of the server, which are not masked, until the one that closes."""
    while True:
        kind, length = await reader.readexactly(2)
        if length >= 126:
            length = int.from_bytes(await reader.readexactly(2 if length == 126 else 8))
        payload = await reader.readexactly(length)
        if kind & 0xF == 8:
            return str(int.from_bytes(payload[:2]))


KINDS: dict[str, Callable[[Hostile], Awaitable[str]]] = {
    "log-ins": Hostile.log_in,
    "orders": Hostile.order,
    "promises": Hostile.promise,
    "reads": Hostile.read,
    "uploads": Hostile.upload,
    "frames": Hostile.frames,
    "history": Hostile.history,
}


async def flood(port: int, kinds: list[str]) -> dict[str, Any]:
    """Flood until standard input ends, each kind with its share of the visitors. Wait for the answers to orders."""
    hostile = Hostile(port)
    tasks = [(kind, asyncio.create_task(hostile.run(kind))) for kind in kinds for _ in range(VISITORS // len(kinds))]
    await asyncio.to_thread(sys.stdin.read)
    hostile.is_over = True
    for kind, task in tasks:
        if kind != "orders":
            task.cancel()
    await asyncio.wait([task for _, task in tasks])
    return {"answers": {kind: hostile.answers[kind] for kind in kinds}, "accepted": hostile.accepted}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(flood(int(sys.argv[1]), sys.argv[2:]))))
