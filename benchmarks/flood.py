"""`python -m benchmarks.flood`: visitors without an account flood the web process's sockets with one-letter frames.

Meanwhile others ask for the shop's front page, in the quiet and in the flood. The bar: each page within a second, and
less than 600 MB of memory.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Event, Thread

from benchmarks.databases import database
from benchmarks.herd import Visits
from benchmarks.measures import percentile
from benchmarks.processes import Helper, accepts, free_port, helping, running, valkey
from benchmarks.sides import both
from benchmarks.watchers import CLOSE, HANDSHAKE

QUIET_SECONDS = 5.0
LETTER = bytes([0x81, 0x81, 0, 0, 0, 0]) + b"x"  # one masked frame
AT_A_TIME = 1000  # frames in one write
PAGE_BYTES = 4096
TICKS_A_SECOND = 100


class Flooder(asyncio.Protocol):
    """A client that sends as fast as it is taken, and notes what it was closed with."""

    def __init__(self) -> None:
        self.heard = b""
        self.is_open = asyncio.Event()
        self.is_over = asyncio.Event()
        self.can_write = asyncio.Event()
        self.can_write.set()

    def data_received(self, data: bytes) -> None:
        self.heard = (self.heard + data)[-200:]
        self.is_open.set()

    def pause_writing(self) -> None:
        self.can_write.clear()

    def resume_writing(self) -> None:
        self.can_write.set()

    def connection_lost(self, error: Exception | None) -> None:
        for each in (self.is_open, self.is_over, self.can_write):
            each.set()

    @property
    def close_code(self) -> int:
        """Return the code in the close frame, which is the last that was heard, or 1006."""
        at = self.heard.rfind(bytes([0x80 | CLOSE]))
        return int.from_bytes(self.heard[at + 2 : at + 4], "big") if at >= 0 else 1006


async def flood(port: int, path: str, frames: int) -> int:
    loop = asyncio.get_running_loop()
    transport, flooder = await loop.create_connection(Flooder, "127.0.0.1", port)
    transport.write(HANDSHAKE.format(path=path, port=port).encode())
    await flooder.is_open.wait()
    for _ in range(0, frames, AT_A_TIME):
        await flooder.can_write.wait()
        if flooder.is_over.is_set():
            break
        transport.write(LETTER * AT_A_TIME)
        await asyncio.sleep(0)
    with suppress(TimeoutError):
        await asyncio.wait_for(flooder.is_over.wait(), 30)
    code = flooder.close_code if flooder.is_over.is_set() else 0
    transport.abort()
    return code


async def flood_all(port: int, path: str, sockets: int, frames: int) -> dict[int, int]:
    """Flood from many sockets, and count their close codes; 0 is one that stayed open."""
    floods = [flood(port, path, frames // sockets) for _ in range(sockets)]
    return Counter(await asyncio.gather(*floods))


def memory_mb(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_BYTES / 1e6


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_A_SECOND


@dataclass
class Memory:
    """The most memory that a process has had."""

    pid: int
    most_mb: float = 0.0
    is_over: Event = field(default_factory=Event)

    def run(self) -> None:
        while not self.is_over.wait(0.05):
            self.most_mb = max(self.most_mb, memory_mb(self.pid))

    @contextmanager
    def watched(self) -> Iterator["Memory"]:
        thread = Thread(target=self.run, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.is_over.set()
            thread.join()


def told(visits: Visits) -> str:
    took = sorted(visits.took) or [float("nan")]
    middle, slowest = percentile(took, 50) * 1000, took[-1] * 1000
    return f"{len(visits.took)} pages, median {middle:.0f} ms, slowest {slowest:.0f} ms, {visits.failed} failed"


def run(sockets: int, frames: int, path: str, folder: Path) -> None:
    server, valkey_socket = valkey(folder)
    side = both(folder)[0]
    with running(server), database("SQLite", side.name, folder) as url:
        side.migrate(url, valkey_socket).wait_for_end()
        port = free_port()
        with side.web(port) as web:
            web.wait_until(partial(accepts, port))
            page = f"http://127.0.0.1:{port}/"
            Visits(page).is_over.wait(1)
            with Visits(page).going_on() as quiet:
                time.sleep(QUIET_SECONDS)
            print("quiet:", told(quiet), f"{memory_mb(web.child.pid):.0f} MB")
            helper = Helper("benchmarks.flood", "--serve", log=side.log("flood"), environment=side.environment)
            with helping(helper), Memory(web.child.pid).watched() as memory, Visits(page).going_on() as visits:
                began, cpu = time.monotonic(), cpu_seconds(web.child.pid)
                codes = helper.ask("flood", port=port, path=path, sockets=sockets, frames=frames)
                took_seconds, cpu = time.monotonic() - began, cpu_seconds(web.child.pid) - cpu
            print(f"flood of {frames} frames over {sockets} sockets, {took_seconds:.1f} s: closed with {codes}")
            print("meanwhile:", told(visits), f"at most {memory.most_mb:.0f} MB, {cpu:.1f} s of CPU")
            print("log:", side.log("web").read_text()[-500:] or "nothing")


def serve() -> None:
    for line in sys.stdin:
        _, arguments = json.loads(line)
        print(json.dumps(asyncio.run(flood_all(**arguments))), flush=True)


def measure() -> None:
    parser = argparse.ArgumentParser(description="Flood the sockets with one-letter frames.")
    parser.add_argument("--sockets", type=int, default=50)
    parser.add_argument("--frames", type=int, default=240_000, help="of all sockets together")
    parser.add_argument("--path", default="/ws/orders/")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pizza-flood-") as folder:
        run(options.sockets, options.frames, options.path, Path(folder))


if __name__ == "__main__":
    serve() if sys.argv[1:] == ["--serve"] else measure()
