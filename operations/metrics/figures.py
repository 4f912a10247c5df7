"""All figures of the shop, from the database, Valkey and the lookout, within a time limit."""

import math
import threading
import time
from collections.abc import Iterable, Iterator

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from operations.lookout import Lookout, is_ready, lookout
from operations.metrics import kitchen, promises, valkey
from operations.metrics.families import gauge
from operations.metrics.sources import Source
from pizzaProj import waits


class Figures(Collector):
    """The last reading of this process. It counts for a moment, so that no number of askers makes it a load."""

    def __init__(self, lookout: Lookout, *sources: Source) -> None:
        self.lookout, self.sources = lookout, sources
        self.lock = threading.Lock()
        self.read_at = -math.inf
        self.last: list[Metric] = []

    def collect(self) -> Iterable[Metric]:
        """Return all families, at most LOOK_AGAIN_SECONDS old. Of several threads one reads."""
        with self.lock:
            if time.monotonic() - self.read_at >= waits.LOOK_AGAIN_SECONDS:
                self.last = list(self.read())
                self.read_at = time.monotonic()
            return self.last

    def read(self) -> Iterator[Metric]:
        """Ask everybody at the same time. A source that does not answer leaves its families out."""
        deadline = time.monotonic() + waits.LOOK_SECONDS
        for source in self.sources:
            source.begin()
        yield from self.readiness()
        up: dict[tuple[str, ...], float] = {}
        for source in self.sources:
            found = source.end(deadline)
            up[source.name,] = float(found is not None)
            yield from found or ()
        yield gauge("shop_source_up", "Whether what these figures are read from answers.", ("source",), up)

    def readiness(self) -> Iterator[Metric]:
        found = self.lookout.look()
        ready = {(): float(is_ready(found))}
        yield gauge("shop_ready", "Whether all is well, as /readyz says.", (), ready)
        checks = {(name,): float(not any(one.is_bad for one in each)) for name, each in found.items()}
        yield gauge("shop_check_ok", "Whether a check of /readyz is passed.", ("check",), checks)

    def forget(self) -> None:
        self.read_at = -math.inf


def read_database() -> Iterator[Metric]:
    yield from kitchen.read()
    yield from promises.read()


figures = Figures(lookout, Source("database", read_database), Source("valkey", valkey.read))
