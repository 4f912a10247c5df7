"""`python -m benchmarks.floods`: fifty hostile visitors do their worst while another one opens pages.

They log in by e-mail, order twenty pizzas at a time, upload, ask for promises, send frames and read history, as fast
as they can, from one address. Printed are the other one's pages, their ratio to those of a quiet shop, and the memory.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.databases import database
from benchmarks.herd import Visits
from benchmarks.processes import Process, accepts, free_port, running, valkey
from benchmarks.sides import both

VISITORS, FLOOD_SECONDS, QUIET_SECONDS = 50, 20.0, 5.0
MEMORY_SECONDS = 0.1  # between two looks at it
PATIENCE_SECONDS = 10.0  # of a hostile visitor, with one request
UPLOAD_BYTES = 10_000_000
ROOM = "floods"
LETTERS = b"\x81\x81\0\0\0\0x" * 1000  # a thousand frames of one letter each
UPGRADE = (
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHBpenphIGlzIGhvdA==\r\n"
)


@dataclass
class Outcome:
    pages: int
    failed: int
    median_seconds: float
    slowest_seconds: float
    ratio: float  # of the medians, to the quiet shop
    memory_mb: float  # of the web process, at most
    answers: dict[str, dict[str, int]]  # what each kind of flood was answered

    def __str__(self) -> str:
        floods = "\n".join(
            f"  {kind}: " + ", ".join(f"{count} × {answer}" for answer, count in answers.items())
            for kind, answers in self.answers.items()
        )
        return (
            f"{self.pages} pages, median {self.median_seconds * 1000:.0f} ms, {self.ratio:.1f} times the quiet shop's,"
            f" slowest {self.slowest_seconds * 1000:.0f} ms; {self.failed} failed.\n"
            f"Memory of the web process: {self.memory_mb:.0f} MB at most.\n{floods}"
        )


# The hostile visitors, in a process of their own


class Hostile:
    """One who repeats one thing for as long as it is told."""

    def __init__(self, port: int, only: list[str]) -> None:
        self.port = port
        kinds: dict[str, Callable[[], Awaitable[str]]] = {
            "log-ins": self.log_in,
            "orders": self.order,
            "promises": self.promise,
            "uploads": self.upload,
            "frames": self.frames,
            "history": self.history,
        }
        self.kinds = [(kind, flood) for kind, flood in kinds.items() if kind in (only or kinds)]
        self.answers = {kind: Counter[str]() for kind, _ in self.kinds}

    async def run(self, number: int) -> None:
        kind, flood = self.kinds[number % len(self.kinds)]
        while True:
            try:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    answer = await flood()
            except (OSError, EOFError) as error:
                answer = type(error).__name__
            self.answers[kind][answer] += 1
            await asyncio.sleep(0)

    async def ask(self, method: str, path: str, body: bytes = b"", headers: str = "") -> str:
        """Send one request on a connection of its own, and return the head of the answer."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nConnection: close\r\n{headers}"
            writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            answer = await reader.readuntil(b"\r\n\r\n")
            await reader.read()
            return answer.decode()
        finally:
            writer.transport.abort()

    async def status(self, *args: Any) -> str:
        return (await self.ask(*args)).split()[1]

    async def post_form(self, path: str, fields: str) -> str:
        token = "a" * 32
        form = f"Content-Type: application/x-www-form-urlencoded\r\nCookie: csrftoken={token}\r\n"
        return await self.status("POST", path, f"csrfmiddlewaretoken={token}&{fields}".encode(), form)

    async def log_in(self) -> str:
        name = f"{os.urandom(4).hex()}%40example.org"
        return await self.post_form("/log-in/", f"username={name}&password=wrong")

    async def order(self) -> str:
        items = json.dumps({"items": [{"id": 1, "quantity": 20}]})
        return await self.status("POST", "/api/order/", items.encode(), "Content-Type: application/json\r\n")

    async def promise(self) -> str:
        return await self.status("GET", "/api/promise/?pizzas=400")

    async def upload(self) -> str:
        body = b'--b\r\nContent-Disposition: form-data; name="picture"; filename="a.png"\r\n\r\n' + bytes(UPLOAD_BYTES)
        return await self.status("POST", "/profile/", body, "Content-Type: multipart/form-data; boundary=b\r\n")

    async def history(self) -> str:
        return await self.socket(b"")

    async def frames(self) -> str:
        return await self.socket(LETTERS)

    async def socket(self, frames: bytes) -> str:
        """Open a room from its beginning, and send until it is closed. Return the code."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            path = f"/ws/chat/{ROOM}/?after=0"
            origin = f"Host: 127.0.0.1:{self.port}\r\nOrigin: http://127.0.0.1:{self.port}\r\n"
            writer.write(f"GET {path} HTTP/1.1\r\n{origin}{UPGRADE}\r\n".encode())
            answer = await reader.readuntil(b"\r\n\r\n")
            if not frames or b" 101 " not in answer:
                return answer.split()[1].decode()
            sending = asyncio.create_task(send_on(writer, frames))
            try:
                return await close_code(reader)
            finally:
                sending.cancel()
        finally:
            writer.transport.abort()


async def send_on(writer: asyncio.StreamWriter, frames: bytes) -> None:
    with suppress(OSError):
        while True:
            writer.write(frames)
            await writer.drain()


async def close_code(reader: asyncio.StreamReader) -> str:
    """Read frames of the server, which are not masked, until the one that closes."""
    while True:
        kind, length = await reader.readexactly(2)
        if length >= 126:
            length = int.from_bytes(await reader.readexactly(2 if length == 126 else 8))
        payload = await reader.readexactly(length)
        if kind & 0xF == 8:
            return str(int.from_bytes(payload[:2]))


async def flood(port: int, visitors: int, seconds: float, only: list[str]) -> dict[str, Counter[str]]:
    hostile = Hostile(port, only)
    tasks = [asyncio.create_task(hostile.run(number)) for number in range(visitors)]
    await asyncio.sleep(seconds)
    for task in tasks:
        task.cancel()
    return hostile.answers


# The other one


def run(options: list[str], folder: Path) -> Outcome:
    server, path = valkey(folder)
    side = both(folder)[0]
    with running(server), database("SQLite", side.name, folder) as url:
        side.migrate(url, path).wait_for_end()
        with side.drive() as driver:
            driver.ask("place", orders=20, wide=False)
        port = free_port()
        with side.web(port) as web:
            web.wait_until(partial(accepts, port))
            return measure(web, port, options)


def measure(web: Process, port: int, options: list[str]) -> Outcome:
    url = f"http://127.0.0.1:{port}/"
    with Visits(url).going_on() as quiet:
        time.sleep(QUIET_SECONDS)
    command = [sys.executable, "-m", "benchmarks.floods", "--hostile", str(port)]
    memory = 0.0
    with subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True) as hostile:
        with Visits(url).going_on() as visits:
            while hostile.poll() is None:
                memory = max(memory, memory_mb(web.child.pid))
                time.sleep(MEMORY_SECONDS)
        assert hostile.stdout is not None
        answers = json.loads(hostile.stdout.read())
    took = visits.took or [float("inf")]
    return Outcome(
        pages=len(visits.took),
        failed=visits.failed,
        median_seconds=median(took),
        slowest_seconds=max(took),
        ratio=median(took) / median(quiet.took),
        memory_mb=memory,
        answers=answers,
    )


def memory_mb(pid: int) -> float:
    """Return the resident memory of a process; 0 where there is no /proc."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
    return 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description="Flood the shop while another visitor opens pages.")
    parser.add_argument("--visitors", type=int, default=VISITORS)
    parser.add_argument("--seconds", type=float, default=FLOOD_SECONDS)
    parser.add_argument("--only", action="append", default=[], metavar="KIND", help="such as log-ins; can be repeated")
    parser.add_argument("--json", action="store_true", help="print the figures for a program")
    parser.add_argument("--hostile", type=int, metavar="PORT", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.hostile:
        print(json.dumps(asyncio.run(flood(asked.hostile, asked.visitors, asked.seconds, asked.only))))
        return
    with tempfile.TemporaryDirectory(prefix="pizza-floods-") as folder:
        outcome = run(sys.argv[1:], Path(folder))
    print(json.dumps(asdict(outcome)) if asked.json else outcome)


if __name__ == "__main__":
    main()
