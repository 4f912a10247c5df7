"""Count and time what happens in this process.

    counts.add("shop_announcements_dropped_total")
    counts.observe("shop_request_seconds", 0.012, "GET", "order", "2xx")

Labels are values in the order of telemetry.table, and few: each combination is a series for as long as the shop lives,
so nothing that a client can choose belongs there. What was counted is sent every few seconds (telemetry.sending).
"""

import os
import threading
from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass, field

from telemetry.table import TABLE

Series = tuple[str, tuple[str, ...]]  # name, values of the labels


@dataclass
class Timed:
    """A histogram: how many lay under each bound and above the one before it, the rest last; and the sum of all."""

    buckets: list[int] = field(default_factory=list)
    seconds: float = 0.0


@dataclass(frozen=True)
class Batch:
    """What was counted in a while."""

    totals: dict[Series, float]
    times: dict[Series, Timed]


class Counts:
    """What was counted since the last take. Safe to use in any thread."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Start from zero, as a fork must: its parent sends what was counted, and can have held the lock."""
        self.lock = threading.Lock()
        self.totals: dict[Series, float] = defaultdict(float)
        self.times: dict[Series, Timed] = {}

    def add(self, name: str, *labels: str, amount: float = 1) -> None:
        """Add to a counter. KeyError if the table has no such name."""
        assert len(labels) == len(TABLE[name].labels)
        with self.lock:
            self.totals[name, labels] += amount

    def observe(self, name: str, seconds: float, *labels: str) -> None:
        """Add one time to a histogram. KeyError if the table has no such name."""
        bounds = TABLE[name].bounds
        assert bounds
        assert len(labels) == len(TABLE[name].labels)
        with self.lock:
            timed = self.times.get((name, labels))
            if timed is None:
                timed = self.times[name, labels] = Timed([0] * (len(bounds) + 1))
            timed.buckets[bisect_left(bounds, seconds)] += 1
            timed.seconds += seconds

    def take(self) -> Batch:
        """Return what was counted, and start from zero."""
        with self.lock:
            batch = Batch(self.totals, self.times)
            self.totals, self.times = defaultdict(float), {}
        return batch


counts = Counts()
os.register_at_fork(after_in_child=counts.forget)
