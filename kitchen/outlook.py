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
from simulation.works.service import QUANTILES, ServiceTime, mean_at_first, mean_remaining, quantiles

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


class Expected:
    """What is expected of the work at a station, prepared: every frame asks for it.

    Most frames are about work that has just begun. As long as it has taken less than any such work takes, it will take
    the mean, and nothing is looked up.
    """

    def __init__(self, station: Station, service: ServiceTime) -> None:
        self.station, self.service = station, service
        self.at_first: dict[int, tuple[float, float]] = {}  # by the number of pizzas

    def left_seconds(self, pizzas: int, elapsed_seconds: float) -> float:
        """Return the mean of what is left of work that has taken so long, in kitchen seconds."""
        if elapsed_seconds > 0:
            at_first = self.at_first.get(pizzas)
            if at_first is None:
                at_first = self.at_first[pizzas] = mean_at_first(self.service, pizzas)
            shortest, mean = at_first
            if elapsed_seconds < shortest:
                return mean - elapsed_seconds
        return mean_remaining(self.service, pizzas, elapsed_seconds)


class Stations:
    """The stations as they were last read, by stage: every frame needs them, and they hardly ever change."""

    def __init__(self) -> None:
        self.known: dict[str, Station] = {}
        self._expected: dict[str, Expected] = {}
        self.read_at = -KEPT_SECONDS
        self._remembered_at: dict[str, float] = {}

    def get(self, stage: str) -> Station | None:
        self.refresh()
        return self.known.get(stage)

    def refresh(self, *wanted: str) -> None:
        """Read the stations if that is a while ago: of all of them, or of one of those that are wanted."""
        longest_ago = min((self._remembered_at.get(stage, self.read_at) for stage in wanted), default=self.read_at)
        if monotonic() - max(self.read_at, longest_ago) >= KEPT_SECONDS:
            rows = Station.objects.select_related("shop")
            self.remember({row.stage: row.with_shop() for row in rows})
            self.read_at = monotonic()
            clock.the_databases.ask_now_and_then()

    def expected_at(self, stage: str) -> Expected | None:
        """Return what is expected at a station that is known; what was prepared stays as long as the same is expected.

        It never reads: the thread that sends frames must not.
        """
        station = self.known.get(stage)
        if station is None:
            return None
        kept = self._expected.get(stage)
        if kept is None or kept.station is not station:
            service = service_time(station)
            if kept is None or kept.service != service:
                kept = self._expected[stage] = Expected(station, service)
            kept.station = station
        return kept

    def is_of_items(self, stage: str) -> bool:
        """Return whether a station works on items, as far as is known."""
        station = self.get(stage)
        return station is not None and station.is_of_items

    def remember(self, stations: dict[str, Station]) -> None:
        """Note stations that were read anyway, behind the kitchen's lock."""
        self.known.update(stations)
        self._remembered_at |= dict.fromkeys(stations, monotonic())

    def forget(self, **kwargs: Any) -> None:
        self.read_at = -KEPT_SECONDS
        self._remembered_at = {}


stations = Stations()
receiver(post_save, sender=Station)(stations.forget)
receiver(post_save, sender=Shop)(stations.forget)


def expected_end(work: Work) -> datetime | None:
    """Return when this work can be expected to be done; None if it has not begun."""
    return None if work.started_at is None else Moment().expected_end(work)


class Moment:
    """One look at the clock, for all that is said of several works. `reads`: the stations, if that is a while ago."""

    def __init__(self, reads: bool = True) -> None:
        self.at, self.reads = clock.now(), reads

    def expected_end(self, work: Work) -> datetime | None:
        """Return when this work could then be expected to be done; None if it has not begun."""
        if work.started_at is None:
            return None
        if self.reads:
            stations.refresh()
        expected = stations.expected_at(work.stage)
        if expected is None:
            return work.started_at
        speed = expected.station.speed
        elapsed_seconds = max(0.0, (self.at - work.started_at).total_seconds() * speed)
        left_seconds = expected.left_seconds(work.pieces, elapsed_seconds)
        return work.started_at + timedelta(seconds=(elapsed_seconds + left_seconds) / speed)


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
