"""The stations and periodic jobs of a shop as it opens. The migrations make them; `mend` makes lost ones again.

Migrations keep the words of their day, so a test compares what they made with this.
"""

from dataclasses import dataclass
from typing import Any

from kitchen import stages

# A real kitchen: 1.5 to 2 minutes a pizza at the make line, 7 to 8 in the oven, 3 drives an hour.
STATIONS: dict[str, dict[str, Any]] = {
    "received": {
        "name": "Make line",
        "works_on": "item",
        "capacity": 2,
        "distribution": "lognormal",
        "mean_seconds": 120.0,
        "spread_seconds": 48.0,
        "per_pizza": True,
    },
    "baking": {"name": "Oven", "works_on": "item", "capacity": 6, "distribution": "fixed", "mean_seconds": 450.0},
    "baked": {
        "name": "Cutting bench",
        "capacity": 1,
        "distribution": "lognormal",
        "mean_seconds": 40.0,
        "spread_seconds": 12.0,
    },
    "out_for_delivery": {
        "name": "Drivers",
        "capacity": 8,
        "distribution": "lognormal",
        "mean_seconds": 1200.0,
        "spread_seconds": 420.0,
    },
    # An order is handed over by itself after this time, unless the shop says otherwise.
    stages.READY: {"name": "Counter", "capacity": 1000, "distribution": "fixed", "mean_seconds": 600.0},
}


def station(code: str) -> dict[str, Any]:
    """Return the columns of a stage's station. A stage whose migration alone knows them gets a plain one."""
    plain = {"name": stages.BY_CODE[code].station, "capacity": 1, "distribution": "fixed", "mean_seconds": 60.0}
    return STATIONS.get(code, plain)


@dataclass(frozen=True)
class Job:
    """A periodic job. A message that has waited for `expire_seconds` is dropped: the next one comes soon."""

    name: str
    task: str
    every: int
    period: str  # a plural, as django-celery-beat has it
    expire_seconds: int
    most_seconds: float  # if it comes less often than this, it is of no use
    what: str  # stands still without it
    can_be_off: bool = False  # an owner can have reasons


HOUR, DAY = 3600.0, 24 * 3600.0
JOBS = (
    Job("Recovery sweep: new chains for lost ones", "kitchen.sweep", 2, "seconds", 1, 60.0, "the recovery sweep"),
    Job("Demand: bring simulated customers", "kitchen.demand", 2, "seconds", 1, 60.0, "the simulated customers", True),
    Job(
        "Forecast: when every open order will be there",
        "kitchen.forecast",
        2,
        "seconds",
        1,
        60.0,
        "the forecast on open pages",
    ),
    Job("Measure: how long the work takes", "kitchen.measure", 30, "seconds", 10, HOUR, "the measuring of the work"),
    Job("Planner: send lost parts of studies again", "kitchen.study_sweep", 5, "seconds", 4, 300.0, "the planner"),
    Job("Office: go on with actions on many rows", "office.sweep", 5, "seconds", 4, 300.0, "actions on many rows"),
    Job("Clear old sessions", "kitchen.clear_sessions", 1, "days", 3600, 31 * DAY, "the clearing of sessions", True),
    Job("Move old orders into the archive", "keeping.archive", 1, "days", 3600, 31 * DAY, "the archive", True),
    Job("Remove what is kept no longer", "keeping.remove", 1, "days", 3600, 31 * DAY, "the removal of old rows", True),
)
