"""`python -m benchmarks.evening.guests`: those who order over HTTP, and all open pages. Answers JSON lines.

One process, and bare asyncio, so that guests take little of the time that they measure. Each guest has an address of
their own, as behind a proxy, and opens the order's page at both webs. A page stays open behind its order's end, until
a newer one takes its seat; meanwhile it asks for a sign of life like a page in a pocket.
"""

import asyncio
import json
import math
import random
import time
from collections import Counter, deque
from itertools import cycle
from typing import Any, NamedTuple

from benchmarks.watchers import AT_ONCE, CONNECT_SECONDS, NO_MASK, TEXT, Crowd, Watcher, main
from kitchen.demand import basket, draw_way

PAGES_OF_ORDER = 2  # the customer's, and a friend's at the other web
HEARTBEAT_SECONDS = 10.0  # of a hidden page (static/js/live.js)
BEATS_A_ROUND = 100  # rounds in which all pages ask once
FILL_SECONDS = 0.01  # between two pages that are opened beforehand
ORDER_SECONDS, TRIES = 8.0, 4  # for one try, as the shop's page has it
LEFT_SECONDS = 2.0  # after its order's end a page stays at least so long
HEARTBEAT = b'{"type": "heartbeat"}'
POST = (
    "POST /api/order/ HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\nX-Forwarded-For: {address}\r\n"
    "Content-Type: application/json\r\nIdempotency-Key: {key}\r\nContent-Length: {length}\r\n\r\n{body}"
)
BUSY = 503


class Seen(NamedTuple):
    seq: int
    at: float  # time.time


class Page(Watcher):
    """An open page of an order, which notes when it had which seq."""

    def __init__(self, order_id: str, port: int, crowd: Crowd, address: str) -> None:
        super().__init__(f"/ws/pizza/{order_id}", port, crowd)
        self.order_id = order_id
        told = f"\r\nX-Forwarded-For: {address}\r\n\r\n".encode()
        self.handshake = self.handshake.replace(b"\r\n\r\n", told)
        self.seen: list[Seen] = []
        self.ended_at, self.left_at = math.inf, math.inf
        self.snapshot.add_done_callback(lambda future: future.exception())  # `Guests.visit` counts it

    def take(self, opcode: int, content: bytes, now: float) -> None:
        payload = json.loads(content).get("payload") if opcode == TEXT else None
        if payload is None:
            if opcode != TEXT:
                super().take(opcode, content, now)
            return
        at = time.time()
        self.seen.append(Seen(payload["seq"], at))
        if payload["stage"] == "delivered":
            self.ended_at = min(self.ended_at, at)
        if not self.snapshot.done():
            self.snapshot.set_result(None)

    def beat(self) -> None:
        self.transport.write(bytes([0x80 | TEXT, 0x80 | len(HEARTBEAT)]) + NO_MASK + HEARTBEAT)

    def leave(self) -> None:
        self.left_at = time.time()
        self.transport.close()


class Guests(Crowd):
    def __init__(self) -> None:
        super().__init__()
        self.accepted: dict[str, str] = {}  # {Idempotency-Key: order_id}
        self.refused = Counter[str]()
        self.took: list[tuple[float, float]] = []  # (when it was sent, seconds until the 201)
        self.waiting = self.number = self.failed = self.beats = 0
        self.seats: deque[Page] = deque()  # open pages, the oldest first
        self.turns: list[set[Page]] = [set() for _ in range(BEATS_A_ROUND)]  # whose turn to ask comes together
        self.gone: list[Page] = []
        self.gate = asyncio.Semaphore(AT_ONCE)
        self.tasks: set[asyncio.Task[None]] = set()
        self.is_ordering = True

    # What the lines on standard input ask for

    async def begin(
        self, ports: list[int], per_second: float, pages: int, menu: list[int], carry_out: float, seed: int
    ) -> None:
        """Let guests come from now on."""
        self.ports, self.most, self.menu, self.carry_out = ports, pages, menu, carry_out
        self.go(self.come(per_second, random.Random(seed)))
        self.go(self.fill())
        self.go(self.beat())

    async def so_far(self) -> dict[str, Any]:
        cut_off = [page for page in self.seats if page.transport.is_closing()]
        return {
            "accepted": len(self.accepted),
            "refused": self.refused,
            "waiting": self.waiting,
            "pages": len(self.seats) - len(cut_off),
            "failed": self.failed,  # pages that could not be opened
            "cut_off": len(cut_off),
            "closed": self.closed,
        }

    async def end_orders(self) -> None:
        """Let nobody come any more."""
        self.is_ordering = False

    async def books(self) -> dict[str, Any]:
        """Return what was accepted, and what each page has seen."""
        pages = [*self.gone, *self.seats]
        return {
            "accepted": self.accepted,
            "took": self.took,
            "pages": [(page.order_id, page.seen, min(page.left_at, time.time())) for page in pages],
        }

    async def open_pages(self, port: int, order_ids: list[str]) -> int:
        """Open a page for each. Return how many are open."""
        await asyncio.gather(*(self.visit(order_id, port, n) for n, order_id in enumerate(order_ids)))
        return len(self.seats)

    async def beat_for(self, seconds: float) -> int:
        """Let each page ask for a sign of life, for so long. Return how many signs were asked for."""
        beating = asyncio.create_task(self.beat())
        before = self.beats
        await asyncio.sleep(seconds)
        beating.cancel()
        return self.beats - before

    async def order_for(self, ports: list[int], menu: list[int], orders: int) -> int:
        """Place so many orders, one after the other. Nobody looks at them."""
        self.ports, chance = ports, random.Random(0)
        for number in range(orders):
            lines = [{"id": pizza, "quantity": count} for pizza, count in basket(chance, menu).items()]
            assert await self.insist(f"guest-{number}", number, json.dumps({"items": lines})), self.refused
        return orders

    async def leave_all(self) -> None:
        for page in self.seats:
            page.leave()
        self.seats.clear()

    # Their lives

    def go(self, life: Any) -> None:
        task = asyncio.create_task(life)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def come(self, per_second: float, chance: random.Random) -> None:
        """Order by chance at this rate, however long others have to wait."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while self.is_ordering:
            due += chance.expovariate(per_second)
            await asyncio.sleep(due - loop.time())
            self.number += 1
            lines = [{"id": pizza, "quantity": count} for pizza, count in basket(chance, self.menu).items()]
            self.go(self.order(self.number, {"items": lines, "way": draw_way(chance, self.carry_out)}))

    async def order(self, number: int, body: dict[str, Any]) -> None:
        key, began = f"guest-{number}", time.time()
        self.waiting += 1
        try:
            order_id = await self.insist(key, number, json.dumps(body))
        finally:
            self.waiting -= 1
        if order_id is None:
            return
        self.accepted[key] = order_id
        self.took.append((began, time.time() - began))
        for port_number in range(PAGES_OF_ORDER):
            self.go(self.visit(order_id, self.ports[port_number % len(self.ports)], number))
        self.make_room()

    async def insist(self, key: str, number: int, body: str) -> str | None:
        """Send the same click until it is answered, as the page does. Return the order's id, None if there is none."""
        why = ""
        for attempt in range(TRIES):
            port = self.ports[(number + attempt) % len(self.ports)]
            request = POST.format(port=port, address=address_of(number), key=key, length=len(body), body=body)
            try:
                async with asyncio.timeout(ORDER_SECONDS):
                    status, answer = await ask(port, request.encode())
                why = str(status)
            except (OSError, EOFError) as error:  # TimeoutError is an OSError
                status, why = 0, type(error).__name__
            if status == 201:
                return str(json.loads(answer)["order"]["order_id"])
            if status not in (0, BUSY):
                break
            await asyncio.sleep(1.0)
        self.refused[why] += 1
        return None

    async def visit(self, order_id: str, port: int, number: int) -> None:
        page = Page(order_id, port, self, address_of(number))
        try:
            async with self.gate, asyncio.timeout(CONNECT_SECONDS):
                await asyncio.get_running_loop().create_connection(lambda: page, "127.0.0.1", port)
                await page.snapshot
        except (OSError, AssertionError):  # TimeoutError is an OSError
            self.failed += 1
            return
        self.seats.append(page)
        min(self.turns, key=len).add(page)

    async def fill(self) -> None:
        """Open pages of the newest orders until all seats are taken."""
        opened = 0
        while opened < self.most:
            await asyncio.sleep(FILL_SECONDS)
            if self.accepted:
                order_id = next(reversed(self.accepted.values()))
                self.go(self.visit(order_id, self.ports[opened % len(self.ports)], opened))
                opened += 1

    def make_room(self) -> None:
        """Let the oldest pages go whose orders are over."""
        while len(self.seats) > self.most and self.seats[0].ended_at < time.time() - LEFT_SECONDS:
            page = self.seats.popleft()
            page.leave()
            self.gone.append(page)

    async def beat(self) -> None:
        """Let each page ask for a sign of life in turn."""
        for pages in cycle(self.turns):
            await asyncio.sleep(HEARTBEAT_SECONDS / BEATS_A_ROUND)
            for page in [page for page in pages if page.transport.is_closing()]:
                pages.discard(page)
            for page in pages:
                page.beat()
            self.beats += len(pages)


def address_of(number: int) -> str:
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


async def ask(port: int, request: bytes) -> tuple[int, bytes]:
    """Return the status of an answer, and its body."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        head, _, body = (await reader.read(-1)).partition(b"\r\n\r\n")
        return int(head.split(b" ", 2)[1]), body
    except IndexError:
        raise EOFError("no answer") from None
    finally:
        writer.close()


if __name__ == "__main__":
    asyncio.run(main(Guests()))
