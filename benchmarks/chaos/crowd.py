"""The crowd of a chaos run: customers who order until they get a 201, and pages that watch and reconnect.

They know only the shop's address.
"""

import asyncio
import http.client
import json
import random
import threading
import time
from collections import Counter
from contextlib import suppress
from typing import Any, NamedTuple

from benchmarks.watchers import pong

HOST = "127.0.0.1"
CUSTOMERS = 3  # at once
GIVE_UP_SECONDS = 120.0
ANSWER_SECONDS = 25.0  # a writer can wait 20 s for SQLite
CLICKS_TWICE = 0.1  # of all customers
BUSY = 503  # or away: what a shop may answer in trouble
THINK_SECONDS = 0.1  # between two orders of one customer
MOST_PIZZAS = 8  # in one order
WAYS = ("delivery", "carry_out")
LONGEST_WAIT_SECONDS = 4.0  # of a page between two tries to reconnect, as in live.js
HANDSHAKE = (
    "GET /ws/pizza/{order_id}/ HTTP/1.1\r\nHost: {host}:{port}\r\nOrigin: http://{host}:{port}\r\n"
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: Y2hhb3MgaW4gdGhlIGtpdA==\r\n\r\n"
)
TEXT, CLOSE, PING = 1, 8, 9
INTERNAL_ERROR = 1011  # a close code


class Answer(NamedTuple):
    """What came back for one request, and when."""

    what: str  # "order" or "page"
    began: float  # time.monotonic
    seconds: float
    status: int  # 0: none came


def ask(what: str, port: int, patience_seconds: float, *request: Any) -> tuple[Answer, bytes]:
    """Send a request (method, path, body, headers) and time its answer. The body is empty if none came."""
    began = time.monotonic()
    status, body = 0, b""
    connection = http.client.HTTPConnection(HOST, port, timeout=patience_seconds)
    try:
        connection.request(*request)
        answer = connection.getresponse()
        body = answer.read()
        status = answer.status
    except (OSError, http.client.HTTPException):
        pass
    finally:
        connection.close()
    return Answer(what, began, time.monotonic() - began, status), body


class Customers:
    """Customers whose orders have an Idempotency-Key; whatever goes wrong, the same click is sent again."""

    def __init__(
        self,
        port: int,
        pizzas: list[int],
        seed: int,
        customers: int = CUSTOMERS,
        patience_seconds: float = ANSWER_SECONDS,
        most_pizzas: int = MOST_PIZZAS,
    ) -> None:
        self.port = port
        self.pizzas = pizzas
        self.seed = seed
        self.patience_seconds = patience_seconds
        self.most_pizzas = most_pizzas
        self.answers: list[Answer] = []
        self.accepted: dict[str, str] = {}  # Idempotency-Key -> order_id
        self.accepted_at: dict[str, float] = {}  # order_id -> time.monotonic
        self.trouble: list[str] = []
        self.broken: list[str] = []  # answers that no trouble excuses
        self.retries = 0
        self.to_place = threading.Semaphore(0)
        self.asked = 0
        self.threads = [threading.Thread(target=self._live, args=[n], daemon=True) for n in range(customers)]
        for thread in self.threads:
            thread.start()

    def order(self, count: int) -> None:
        """Place orders, at the pace at which customers think."""
        self.asked += count
        if count:
            self.to_place.release(count)

    def is_done(self) -> bool:
        return len(self.accepted) + len(self.trouble) >= self.asked

    def _live(self, number: int) -> None:
        chance = random.Random(f"{self.seed}:{number}")
        count = 0
        while True:
            self.to_place.acquire()
            count += 1
            self._place(f"customer-{number}-{count}", chance)
            time.sleep(chance.expovariate(1 / THINK_SECONDS))

    def _place(self, key: str, chance: random.Random) -> None:
        body = json.dumps(basket(self.pizzas, chance, self.most_pizzas))
        try:
            order_id = self._insist(key, body)
            if chance.random() < CLICKS_TWICE and self._insist(key, body) != order_id:
                raise ValueError(f"{key} has two orders")
            self.accepted[key] = order_id
            self.accepted_at[order_id] = time.monotonic()
        except (ValueError, TimeoutError) as error:
            self.trouble.append(str(error))

    def _insist(self, key: str, body: str) -> str:
        deadline = time.monotonic() + GIVE_UP_SECONDS
        while time.monotonic() < deadline:
            sent, answer = ask("order", self.port, self.patience_seconds, *post(key, body))
            self.answers.append(sent)
            if sent.status == 201:
                return str(json.loads(answer)["order"]["order_id"])
            if 400 <= sent.status < 500:
                raise ValueError(f"{key} was refused with {sent.status}: {answer[:200]!r}")
            if sent.status >= 500 and sent.status != BUSY:
                self.broken.append(f"{key} was answered {sent.status}")
            self.retries += 1
            time.sleep(0.2)
        raise TimeoutError(f"{key} gave up after {GIVE_UP_SECONDS:.0f} s")


def post(key: str, body: str) -> tuple[str, str, str, dict[str, str]]:
    return "POST", "/api/order/", body, {"Idempotency-Key": key}


def basket(pizzas: list[int], chance: random.Random, most: int = MOST_PIZZAS) -> dict[str, Any]:
    """Choose what to order, and whether it is delivered or collected."""
    chosen = Counter(chance.choices(pizzas, k=chance.randint(1, most)))
    lines = [{"id": pizza, "quantity": quantity} for pizza, quantity in chosen.items()]
    return {"items": lines, "way": chance.choice(WAYS)}


class Page:
    """One open page. It ignores nothing, so it notices frames that should not have been sent."""

    def __init__(self, order_id: str, port: int) -> None:
        self.order_id = order_id
        self.port = port
        self.seq = 0
        self.connects = 0
        self.faults: list[str] = []

    async def watch(self) -> None:
        """Watch for ever, reconnecting as live.js does."""
        failures = 0
        while True:
            before = self.connects
            with suppress(OSError, EOFError, TimeoutError):
                await self._stay()
            failures = failures + 1 if self.connects == before else 0
            longest = min(LONGEST_WAIT_SECONDS, 0.5 * 2**failures)
            await asyncio.sleep(random.uniform(0, longest))

    async def _stay(self) -> None:
        """Read until the connection ends. EOFError if it never began."""
        reader, writer = await asyncio.open_connection(HOST, self.port)
        try:
            writer.write(HANDSHAKE.format(order_id=self.order_id, host=HOST, port=self.port).encode())
            async with asyncio.timeout(10):
                head = await reader.readuntil(b"\r\n\r\n")
            if b" 101 " not in head.split(b"\r\n")[0]:
                raise EOFError
            self.connects += 1
            await self._read_frames(reader, writer)
        finally:
            writer.close()

    async def _read_frames(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        is_first = True
        while True:
            opcode, content = await read_frame(reader)
            if opcode == CLOSE:
                self._note_end(int.from_bytes(content[:2], "big"))
                return
            if opcode == PING:
                writer.write(pong(content))
            if opcode == TEXT:
                self._take(json.loads(content)["payload"]["seq"], is_first)
                is_first = False

    def _note_end(self, code: int) -> None:
        if code == INTERNAL_ERROR:
            self.faults.append(f"The page of {self.order_id} was closed with {code}")

    def _take(self, seq: int, is_snapshot: bool) -> None:
        """Take a frame. A snapshot can repeat what was known; every other frame must say something new."""
        if seq < self.seq or (seq == self.seq and not is_snapshot):
            self.faults.append(f"The page of {self.order_id} was sent seq {seq} after {self.seq}")
        self.seq = max(seq, self.seq)


async def read_frame(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Return (opcode, content). A server's frames are unmasked, and these are below 64 KiB."""
    first, length = await reader.readexactly(2)
    if length == 126:
        length = int.from_bytes(await reader.readexactly(2), "big")
    return first & 15, await reader.readexactly(length)


class Pages:
    """Open pages, all on one loop in a thread."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.pages: dict[str, Page] = {}
        self.tasks: list[Any] = []
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()

    def open(self, order_id: str) -> None:
        if order_id not in self.pages:
            self.pages[order_id] = page = Page(order_id, self.port)
            self.tasks.append(asyncio.run_coroutine_threadsafe(page.watch(), self.loop))

    def behind(self, seqs: dict[str, int]) -> list[str]:
        """Return the orders whose page is behind these seqs."""
        return [order_id for order_id, seq in seqs.items() if self.pages[order_id].seq < seq]

    @property
    def faults(self) -> list[str]:
        broken = [str(task.exception()) for task in self.tasks if task.done() and not task.cancelled()]
        return broken + [fault for page in self.pages.values() for fault in page.faults]
