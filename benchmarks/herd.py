"""`python -m benchmarks.herd`: the web process restarts under many open pages, and all of them come back.

Pages come back as static/js/live.js does: after a random part of a wait that doubles. Meanwhile others ask for the
shop's front page. The bar: no failure, the last page is back within 10 s, and every front page is answered.
"""

import argparse
import asyncio
import random
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from benchmarks.databases import database
from benchmarks.processes import Died, Helper, accepts, allow_files, free_port, helping, running, valkey
from benchmarks.rows import percentile
from benchmarks.sides import Side, both
from benchmarks.watchers import AT_ONCE, Crowd, Watcher, main

FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 0.5, 4.0  # of live.js
SNAPSHOT_SECONDS, MOST_PATIENCE = 9.0, 4  # likewise: a page gives up a connect and a first answer that take longer
RETURN_SECONDS = 60.0  # pages that are not back by then count as lost
VISIT_SECONDS = 0.1  # between two front pages
PAGE_SECONDS = 10.0
SPARE_FILES = 500


class Page(Watcher):
    """An open page that notices when its connection is lost."""

    def __init__(self, path: str, port: int, crowd: Crowd) -> None:
        super().__init__(path, port, crowd)
        self.lost = asyncio.Event()
        self.snapshot.add_done_callback(lambda future: future.exception())  # a failure is counted by its own page

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        self.lost.set()


class Herd(Crowd):
    """Pages that come back whenever their connection is lost."""

    def __init__(self) -> None:
        super().__init__()
        self.tasks: list[asyncio.Task[None]] = []
        self.back_at: list[float] = []  # when pages had a snapshot, on time.monotonic
        self.is_back = asyncio.Event()  # one of them
        self.opening = asyncio.Semaphore(AT_ONCE)  # people come one by one; only a restart brings them all at once
        self.failed_at: list[float] = []  # when connects began that failed

    async def gather(self, port: int, paths: list[str], returns: int) -> list[float]:
        """Open a page for each path, and return when each has had `returns` snapshots."""
        self.tasks = self.tasks or [asyncio.create_task(self.stay(path, port)) for path in paths]
        with suppress(TimeoutError):
            async with asyncio.timeout(RETURN_SECONDS):
                while len(self.back_at) < returns * len(paths):
                    self.is_back.clear()
                    await self.is_back.wait()
        return self.back_at[(returns - 1) * len(paths) :]

    async def failures(self) -> list[float]:
        return self.failed_at

    async def stay(self, path: str, port: int) -> None:
        async with self.opening:
            page = await self.open_page(path, port, RETURN_SECONDS)
        failures = 0
        while True:
            if page is not None:
                self.back_at.append(time.monotonic())
                self.is_back.set()
                await page.lost.wait()
                failures = 0
            wait_seconds = min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2**failures)
            failures += 1
            await asyncio.sleep(random.random() * wait_seconds)
            began = time.monotonic()
            page = await self.open_page(path, port, SNAPSHOT_SECONDS * min(MOST_PATIENCE, failures))
            if page is None:
                self.failed_at.append(began)

    async def open_page(self, path: str, port: int, patience_seconds: float) -> Page | None:
        """Return a page that has its snapshot, or None."""
        page = Page(path, port, self)
        try:
            async with asyncio.timeout(patience_seconds):
                await asyncio.get_running_loop().create_connection(lambda: page, "127.0.0.1", port)
                await page.snapshot
        except OSError:  # TimeoutError is one
            if hasattr(page, "transport"):
                page.transport.abort()
            return None
        return page


@dataclass
class Visits:
    """Front pages that were asked for meanwhile, each with the seconds it took."""

    url: str
    took: list[float] = field(default_factory=list)
    failed: int = 0
    is_over: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        while not self.is_over.wait(VISIT_SECONDS):
            began = time.monotonic()
            try:
                urllib.request.urlopen(self.url, timeout=PAGE_SECONDS).read()
            except OSError:
                self.failed += 1
            else:
                self.took.append(time.monotonic() - began)

    @contextmanager
    def going_on(self) -> Iterator["Visits"]:
        thread = threading.Thread(target=self.run, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.is_over.set()
            thread.join()


@dataclass
class Outcome:
    pages: int
    returned: list[float]  # seconds from the moment when the web process listened again
    failures: int  # connects that failed after that moment
    visits: Visits

    def __str__(self) -> str:
        last = f"the last after {self.returned[-1]:.1f} s" if self.returned else "none"
        took = sorted(self.visits.took)
        middle, slowest = (percentile(took, 50), took[-1]) if took else (0, 0)
        return (
            f"{len(self.returned)} of {self.pages} pages came back, {last}; {self.failures} failures.\n"
            f"{len(took)} front pages meanwhile, median {middle * 1000:.0f} ms, slowest {slowest * 1000:.0f} ms; "
            f"{self.visits.failed} failed."
        )


def run(pages: int, folder: Path) -> Outcome:
    """Open the pages, restart the web process, and wait until they are back."""
    allow_files(pages + SPARE_FILES)
    server, path = valkey(folder)
    side = both(folder)[0]
    with running(server), database(None, side.name, folder) as url:
        side.migrate(url, path).wait_for_end()
        with side.drive() as driver:
            order_ids = driver.ask("place", orders=pages, wide=True)
        herd = Helper("benchmarks.herd", "--serve", log=side.log("herd"), environment=side.environment)
        with helping(herd):
            return restart_under(herd, side, [f"/ws/pizza/{order_id}" for order_id in order_ids])


def restart_under(herd: Helper, side: Side, paths: list[str]) -> Outcome:
    port = free_port()
    with side.web(port) as web:
        web.wait_until(partial(accepts, port))
        opened = len(herd.ask("gather", port=port, paths=paths, returns=1))
        if opened < len(paths):
            raise Died(f"Only {opened} of {len(paths)} pages could be opened within {RETURN_SECONDS:g} s.")
    with side.web(port) as web:
        web.wait_until(partial(accepts, port))
        up_at = time.monotonic()
        with Visits(f"http://127.0.0.1:{port}/").going_on() as visits:
            returned = sorted(back_at - up_at for back_at in herd.ask("gather", port=port, paths=paths, returns=2))
        failures = [began for began in herd.ask("failures") if began > up_at]
        return Outcome(len(paths), returned, len(failures), visits)


def measure() -> None:
    parser = argparse.ArgumentParser(description="Restart the web process under many open pages.")
    parser.add_argument("--pages", type=int, default=2000)
    with tempfile.TemporaryDirectory(prefix="pizza-herd-") as folder:
        print(run(parser.parse_args().pages, Path(folder)))


if __name__ == "__main__":
    if sys.argv[1:] == ["--serve"]:
        asyncio.run(main(Herd()))
    else:
        measure()
