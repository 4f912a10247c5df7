"""What one of each costs, as measured: `python3 run.py bench --only units --only evening`.

After a new measurement: change the figures here, then `python -m benchmarks.scaling --write` puts what follows from
them into docs/scaling.md.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Costs:
    """Milliseconds are of a processor."""

    # A part that has nothing to do
    idle_cores: dict[str, float]
    megabytes: dict[str, float]
    # An open page: its memory in a web, each second of it, a sign of life, a frame; and to open it
    page_kibibytes: float
    page_second_web_ms: float
    page_second_database_ms: float
    beat_web_ms: float
    frame_web_ms: float
    opened_web_ms: float
    # An order of the real mix
    order_web_ms: float  # to place it
    order_worker_ms: float
    order_database_ms: float
    order_broker_ms: float
    order_kilobytes: float  # on the disk, with all that hangs on it and its indexes
    # The kitchen of one shop, whose lock lets one transaction after the other change it
    kitchen_changes_per_second: float


MEASURED = Costs(
    idle_cores={"web": 0.001, "worker": 0.009, "beat": 0.015},
    megabytes={"web": 146, "worker": 408, "beat": 156},
    page_kibibytes=42.5,
    page_second_web_ms=0.013,
    page_second_database_ms=0.004,
    beat_web_ms=0.23,
    frame_web_ms=0.29,
    opened_web_ms=1.1,
    order_web_ms=13.8,
    order_worker_ms=16.0,
    order_database_ms=12.4,
    order_broker_ms=1.3,
    order_kilobytes=4.4,
    kitchen_changes_per_second=1207,
)
WHEN = "version 0.14.0, 2 cores without other work"

# What is given, not measured
PAGES_OF_ORDER = 2  # that follow it
CHANGES_OF_ORDER = 6.3  # its 2.16 pizzas into and out of the oven, and itself onto its way and to the door
FRAMES_OF_ORDER = 9.0  # on each of its pages
BEAT_SECONDS = 10.0  # of a page in a pocket
FULL = 0.7  # of a core: beyond that, what comes by chance waits long
SOCKETS_OF_WEB = 10_000  # limits.SOCKETS_OF_PROCESS is a little above
CONNECTIONS = {"web": 10, "worker": 4, "beat": 3}  # of PostgreSQL, at most
