"""Count and time what happens in this process.

    counts.add("shop_announcements_dropped_total")
    counts.observe("shop_request_seconds", 0.012, "GET", "order", "200")

Labels are values in the order of telemetry.table, and few: each combination is kept for as long as the process lives.
"""

import threading
from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass, field

from telemetry.table import TABLE

Series = tuple[str, tuple[str, ...]]  # name, values of the labels


@dataclass
class Timed:
    """A histogram: how many lay under each bound and above the one before it, their number last; and their sum."""

    buckets: list[int] = field(default_factory=list)
    seconds: float = 0.0


class Counts:
    """What was counted since the last take. Safe to use in any thread."""

    def __init__(self) -> None:
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


counts = Counts()
