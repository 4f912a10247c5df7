"""Everything that processes count and time: one table. Names and units are Prometheus's: `_total`, `_seconds`."""

from dataclasses import dataclass

# Upper bounds in seconds
QUICK = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True)
class Measure:
    """A counter, or, with upper bounds, a histogram."""

    help: str
    labels: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()


TABLE: dict[str, Measure] = {
    "shop_announcements_dropped_total": Measure("Frames that could not be handed to the channel layer."),
    "shop_sweep_found_total": Measure("What sweeps found to be lost, and brought back, by what it was.", ("what",)),
}
