"""People who come and go as long as a soak lasts: they order and watch to the end, and talk in a room.

Each visit is a page, a socket and its end, so that whatever a visit leaves behind adds up.
"""

import asyncio
import json
import random
import threading
from collections import Counter
from itertools import count
from typing import Any

from benchmarks.chaos.crowd import CLOSE, HOST, TEXT, ask, basket, post, read_frame

GUESTS = 6
PAUSE_SECONDS = 0.5  # between two visits of one guest
VISIT_SECONDS = 10.0  # at most
PATIENCE_SECONDS = 5.0
MOST_PIZZAS = 3
ROOM = "soak"
UPGRADE = (
    "GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nOrigin: http://{host}:{port}\r\nConnection: Upgrade\r\n"
    "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: c29ha2luZyB3ZXQgcGl6eg==\r\n\r\n"
)
ENDED = ("delivered", "cancelled")


class Refused(EOFError):
    """The shop has said no, and why."""


class Guests:
    """Visitors without an account, each in a loop of visits, all on one event loop in a thread."""

    def __init__(self, port: int, pizzas: list[int]) -> None:
        self.port = port
        self.pizzas = pizzas
        self.accepted: dict[str, str] = {}  # Idempotency-Key -> order_id
        self.visits = Counter[str]()
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.tasks = [asyncio.run_coroutine_threadsafe(self.come_and_go(n), self.loop) for n in range(GUESTS)]

    def close(self) -> None:
        for task in self.tasks:
            task.cancel()
        # Requests run in threads: an order that is on its way will be there, and has to be told of.
        ended = asyncio.run_coroutine_threadsafe(self.loop.shutdown_default_executor(), self.loop)
        ended.result(2 * PATIENCE_SECONDS)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(PATIENCE_SECONDS)

    async def come_and_go(self, number: int) -> None:
        for turn in count(number):
            what = ("ordered", "talked")[turn % 2]
            try:
                async with asyncio.timeout(VISIT_SECONDS):
                    await (self.order(f"guest-{number}-{turn}") if what == "ordered" else self.talk())
            except (OSError, EOFError) as error:  # TimeoutError is an OSError
                what = f"{what}: {type(error).__name__}"
            self.visits[what] += 1
            await asyncio.sleep(random.uniform(0.5, 1.5) * PAUSE_SECONDS)

    async def order(self, key: str) -> None:
        """Order, look at the order's page, and at its socket until the order has ended."""
        order_id = await asyncio.to_thread(self.place, key)
        await asyncio.to_thread(self.ask, "GET", f"/order/{order_id}/")
        reader, writer = await self.connect(f"/ws/pizza/{order_id}/")
        try:
            while (await next_frame(reader))["payload"]["stage"] not in ENDED:
                pass
        finally:
            writer.close()

    def place(self, key: str) -> str:
        """Place an order and return its id. EOFError if it was refused."""
        answer = self.ask(*post(key, json.dumps(basket(self.pizzas, random.Random(key), MOST_PIZZAS))))
        order_id = self.accepted[key] = str(json.loads(answer)["order"]["order_id"])
        return order_id

    def ask(self, *request: Any) -> bytes:
        answer, body = ask("page", self.port, PATIENCE_SECONDS, *request)
        if answer.status not in (200, 201):
            raise EOFError(answer.status)
        return body

    async def talk(self) -> None:
        """Open a room, say something, and leave when it has come back, or the shop says that it is too much.

        Without a cookie all guests are one visitor, and share the limit of one.
        """
        reader, writer = await self.connect(f"/ws/chat/{ROOM}/")
        try:
            said = f"soaked {random.getrandbits(64):x}"
            writer.write(text_frame(json.dumps({"message": said})))
            while said not in json.dumps(frame := await next_frame(reader)):
                if frame["type"] == "error":
                    raise Refused(frame["error"])
        finally:
            writer.close()

    async def connect(self, path: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection(HOST, self.port)
        writer.write(UPGRADE.format(path=path, host=HOST, port=self.port).encode())
        head = await reader.readuntil(b"\r\n\r\n")
        if b" 101 " not in head.split(b"\r\n")[0]:
            writer.close()
            raise EOFError
        return reader, writer


async def next_frame(reader: asyncio.StreamReader) -> Any:
    """Return the next frame of text. EOFError if the server closes."""
    while True:
        opcode, content = await read_frame(reader)
        if opcode == CLOSE:
            raise EOFError
        if opcode == TEXT:
            return json.loads(content)


def text_frame(text: str) -> bytes:
    """Return a short frame as a client sends it: masked, here by zeros."""
    content = text.encode()
    assert len(content) < 126
    return bytes([0x80 | TEXT, 0x80 | len(content), 0, 0, 0, 0]) + content
