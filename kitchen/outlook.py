"""When work that is under way can be expected to be done, for everyone to see.

Nobody peeks: the kitchen has drawn when each piece of work will be done, but a real one does not know that. What pages
show is the mean of the station's distribution, given for how long the work has been going on.
"""

from datetime import datetime, timedelta
from time import monotonic
from typing import Any, Protocol

from django.db.models.signals import post_save
from django.dispatch import receiver

from kitchen import clock
from kitchen.models import Shop, Station
from simulation.distributions import frozen
from simulation.works.service import QUANTILES, ServiceTime, mean_remaining, quantiles

USUAL = 0.95  # the share of works that take no longer than usual
KEPT_SECONDS = 1.0  # for this long the stations that were read last are used


class Work(Protocol):
    """An order or an item."""

    stage: str
    started_at: datetime | None

    @property
    def pieces(self) -> int:
        """How many pizzas it is."""
        ...


class Stations:
    """The stations as they were last read, by stage: every frame needs them, and they hardly ever change."""

    def __init__(self) -> None:
        self.known: dict[str, Station] = {}
        self.read_at = -KEPT_SECONDS

    def get(self, stage: str) -> Station | None:
        if monotonic() - self.read_at >= KEPT_SECONDS:
            rows = Station.objects.select_related("shop")
            self.remember({row.stage: row.with_shop() for row in rows})
            self.read_at = monotonic()
            clock.the_databases.ask_now_and_then()
        return self.known.get(stage)

    def is_of_items(self, stage: str) -> bool:
        """Return whether a station works on items, as far as is known."""
        station = self.get(stage)
        return station is not None and station.is_of_items

    def remember(self, stations: dict[str, Station]) -> None:
        """Note stations that were read anyway, behind the kitchen's lock."""
        self.known.update(stations)

    def forget(self, **kwargs: Any) -> None:
        self.read_at = -KEPT_SECONDS


stations = Stations()
receiver(post_save, sender=Station)(stations.forget)
receiver(post_save, sender=Shop)(stations.forget)


def expected_end(work: Work) -> datetime | None:
    """Return when this work can be expected to be done; None if it has not begun."""
    if work.started_at is None:
        return None
    station = stations.get(work.stage)
    if station is None:
        return work.started_at
    elapsed_seconds = max(0.0, (clock.now() - work.started_at).total_seconds() * station.speed)
    left_seconds = mean_remaining(service_time(station), work.pieces, elapsed_seconds)
    return work.started_at + timedelta(seconds=(elapsed_seconds + left_seconds) / station.speed)


def usual_seconds(station: Station, pizzas: int) -> float:
    """Return the kitchen seconds that work here seldom exceeds: one in twenty does, by the expected distribution."""
    service = service_time(station)
    return float(quantiles(service, service.pieces(pizzas))[int(USUAL * QUANTILES)])


def service_time(station: Station) -> ServiceTime:
    """Return the distribution that is expected at a station."""
    code, mean_seconds, spread_seconds, parameters = station.expected
    return ServiceTime(
        code,
        mean_seconds,
        spread_seconds,
        station.per_pizza and not station.is_belt,  # loading takes longer, the way along the belt does not
        frozen(parameters),
        (station.measured_shared_seconds or 0.0) if station.uses_measured else 0.0,
        tuple(station.measured_late_seconds or ()),
    )
