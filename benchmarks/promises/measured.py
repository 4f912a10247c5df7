"""The shop's distributions as measured: fitted to the newest works of each station, as the kitchen does it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from benchmarks.promises.days import Day
from benchmarks.promises.shops import Shop
from simulation.lookahead import ServiceTime, Workplace
from simulation.spec import ITEM
from simulation.works.fitting import MOST_SAMPLES, Sample, change_noticed, fit_distribution, newest_alike

RENEW_EVERY = 10  # orders


class Unnoticed(NamedTuple):
    """From when a station's work took another time until that was noticed, in seconds over all days."""

    changed: float
    noticed: float


class Works:
    """The finished works of a station: by day, and the newest of the days before."""

    def __init__(self, station: Workplace, number: int) -> None:
        self.station, self.number = station, number
        self.earlier: list[Sample] = []
        self.today: list[tuple[float, Sample]] = []  # with the end, rising
        self.opened = 0.0
        self.service = station.service
        self.unnoticed: Unnoticed | None = None  # the last one

    def new_day(self, day: Day, label: str, opened: float) -> None:
        self.earlier = [*self.earlier, *(sample for _, sample in self.today)][-MOST_SAMPLES:]
        self.opened = opened
        starts, ends = day.starts[self.number], day.ends[self.number]
        whose = np.arange(day.pizzas.size)
        if self.station.unit == ITEM:
            whose = np.repeat(whose, day.pizzas)
        done = np.flatnonzero((ends > starts) & (ends < day.cancelled_at[whose]))
        self.today = [
            (end, Sample(1, end - start, f"{label}:{order}", opened + start))
            for end, start, order in sorted(zip(ends[done].tolist(), starts[done].tolist(), whose[done], strict=True))
        ]

    def service_at(self, now: float) -> ServiceTime:
        """Return the distribution of the newest works that were done by now; as set, if they are too few."""
        samples = [*self.earlier, *(sample for end, sample in self.today if end <= now)][-MOST_SAMPLES:]
        alike = newest_alike(samples, self.station.service.per_pizza)
        fit = fit_distribution(alike, self.station.service.per_pizza)
        if fit is not None:
            changed = change_noticed(samples, alike, self.service.mean, fit.mean_seconds)
            if changed is not None:
                self.unnoticed = Unnoticed(changed, self.opened + now)
            self.service = fit.service_time(self.station.service.per_pizza)
        return self.service


class Measured:
    """The stations of a shop with their distributions as measured, renewed every RENEW_EVERY orders."""

    def __init__(self, shop: Shop) -> None:
        self.works = [Works(station, number) for number, station in enumerate(shop.stations)]
        self.stations, self.asked = shop.stations, 0

    def new_day(self, day: Day, label: str, opened: float = 0.0) -> None:
        for work in self.works:
            work.new_day(day, label, opened)

    def stations_at(self, now: float) -> tuple[Workplace, ...]:
        if self.asked % RENEW_EVERY == 0:
            self.stations = tuple(replace(work.station, service=work.service_at(now)) for work in self.works)
        self.asked += 1
        return self.stations

    def unnoticed(self, route: Sequence[int]) -> tuple[Unnoticed, ...]:
        """Return the last change that was noticed of each station on a route."""
        return tuple(spell for number in route if (spell := self.works[number].unnoticed) is not None)

    @property
    def knows_all(self) -> bool:
        """True once every station was measured."""
        places = zip(self.stations, self.works, strict=True)
        return all(place.service != work.station.service for place, work in places)
