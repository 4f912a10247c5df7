"""The lines that a phone can have. Chromium delays each request by the round trip and shares the bits among them."""

from dataclasses import dataclass
from typing import Any

KILOBIT_BYTES = 1000 / 8
UNLIMITED = -1  # as the protocol says it


@dataclass(frozen=True)
class Network:
    words: str
    down_kbit: float  # a second; 0 is as much as there is
    up_kbit: float
    round_trip_ms: float

    def conditions(self) -> dict[str, Any]:
        """Return what Network.emulateNetworkConditions takes."""
        return {
            "offline": False,
            "latency": self.round_trip_ms,
            "downloadThroughput": self.down_kbit * KILOBIT_BYTES or UNLIMITED,
            "uploadThroughput": self.up_kbit * KILOBIT_BYTES or UNLIMITED,
        }


NETWORKS = {
    # What Lighthouse measures a phone with, and calls "slow 4G"; it was called "fast 3G" before
    "slow-4g": Network("slow 4G: 1.6 Mbit/s, 150 ms", 1600, 750, 150),
    "3g": Network("3G: 700 kbit/s, 300 ms", 700, 250, 300),
    # No delay and no limit: what is left is the processor
    "none": Network("no limit", 0, 0, 0),
}
