"""Whether promises use the times that were measured at a station, or those that people set, and why, in words.

It turns itself on once enough work was seen (kitchen.promises.measure). Where people set the times, or switch it off,
it stays off until they switch it on.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format

from kitchen import stages
from kitchen.models import Station

SET_BY_PEOPLE = ("distribution", "mean_seconds", "spread_seconds", "parameters", "per_pizza")  # columns: the times
BEGINNING = datetime.min.replace(tzinfo=UTC)
COLUMNS = ("as_measured", "as_measured_since", "measured_off_reason")


def note_choice(before: Station, station: Station, changed: Collection[str], by: Any, now: datetime) -> None:
    """Set COLUMNS as follows from what a person has changed of a station; a value that was sent again is no change."""
    own = {name for name in changed if getattr(before, name) != getattr(station, name)}
    when = date_format(timezone.localtime(now), "M j, H:i")
    who = f" by {by.get_username()}" if by else " by hand"
    if "as_measured" in own:
        station.as_measured_since = now if station.as_measured else None
        station.measured_off_reason = "" if station.as_measured else f"Switched off{who} on {when}"
    elif own.intersection(SET_BY_PEOPLE):
        station.as_measured, station.as_measured_since = False, None
        station.measured_off_reason = f"Set{who} on {when}: promises use the times as set"


def turn_on(station: Station, now: datetime) -> bool:
    """Let promises use what was measured, unless people want the times as set; return whether that is new.

    It is compared and set in one statement, without the kitchen's lock.
    """
    wanted = Station.objects.filter(pk=station.pk, as_measured=False, measured_off_reason="")
    return wanted.update(as_measured=True, as_measured_since=now) > 0


@dataclass(frozen=True)
class Teaching:
    """Which outcomes of a way teach something about the forecasts of now."""

    # Since when promises use what was measured, at the last of its stations for which they do
    since: datetime = BEGINNING
    # From when work at a station took another time until that was noticed
    unnoticed: tuple[tuple[datetime, datetime], ...] = ()

    def includes(self, promised_at: datetime, came_at: datetime) -> bool:
        """Return False for an order that was promised with other times, or was there while a change was unnoticed."""
        in_between = any(came_at > changed and promised_at < noticed for changed, noticed in self.unnoticed)
        return promised_at >= self.since and not in_between


def teaching_by_way() -> dict[str, Teaching]:
    stations = {station.stage: station for station in Station.objects.filter(as_measured=True)}
    return {
        way: _teaching([stations[c] for c in route.stages if c in stations]) for way, route in stages.ROUTES.items()
    }


def _teaching(stations: Collection[Station]) -> Teaching:
    since = [station.as_measured_since for station in stations if station.as_measured_since]
    unnoticed = [
        (station.measured_changed_at, station.measured_noticed_at)
        for station in stations
        if station.measured_changed_at and station.measured_noticed_at
    ]
    return Teaching(max(since, default=BEGINNING), tuple(unnoticed))


def words(station: Station) -> str:
    """Say for staff which times promises use, and why."""
    return _words(station, f"{station.measured_mean_seconds or 0:.0f} ± {station.measured_spread_seconds or 0:.0f} s")


def round_words(station: Station) -> str:
    """Say the same in round figures, which stand still while the kitchen goes on."""
    mean, spread = station.measured_mean_seconds or 0, station.measured_spread_seconds or 0
    return _words(station, f"{float(f'{mean:.2g}'):g} ± {float(f'{spread:.1g}'):g} s", in_steps_of=50)


def _words(station: Station, figures: str, in_steps_of: int = 1) -> str:
    if station.is_belt:
        return "As set: all that is on a belt takes the same time."
    reason = station.measured_off_reason or "As set, until enough work has been measured"
    if station.measured_mean_seconds is None:
        return f"{reason}."
    measured = f"{station.measured_samples // in_steps_of * in_steps_of} works, {figures}."
    return f"As measured: {measured}" if station.as_measured else f"{reason}. Measured: {measured}"
