"""The shop's distributions as measured: fitted to the newest works of each station, as the kitchen does it."""

from dataclasses import replace

import numpy as np

from benchmarks.promises.days import Day
from benchmarks.promises.shops import Shop
from simulation.lookahead import ServiceTime, Workplace
from simulation.spec import ITEM
from simulation.works.fitting import MOST_SAMPLES, Sample, fit_newest

RENEW_EVERY = 10  # orders


class Works:
    """The finished works of a station: by day, and the newest of the days before."""

    def __init__(self, station: Workplace, number: int) -> None:
        self.station, self.number = station, number
        self.earlier: list[Sample] = []
        self.today: list[tuple[float, Sample]] = []  # with the end, rising

    def new_day(self, day: Day, label: str) -> None:
        self.earlier = [*self.earlier, *(sample for _, sample in self.today)][-MOST_SAMPLES:]
        starts, ends = day.starts[self.number], day.ends[self.number]
        whose = np.arange(day.pizzas.size)
        if self.station.unit == ITEM:
            whose = np.repeat(whose, day.pizzas)
        done = np.flatnonzero((ends > starts) & (ends < day.cancelled_at[whose]))
        done = done[np.argsort(ends[done], kind="stable")]
        self.today = [(float(ends[n]), Sample(1, float(ends[n] - starts[n]), f"{label}:{whose[n]}")) for n in done]

    def service_at(self, now: float) -> ServiceTime:
        """Return the distribution of the newest works that were done by now; as set, if they are too few."""
        samples = [*self.earlier, *(sample for end, sample in self.today if end <= now)][-MOST_SAMPLES:]
        fit = fit_newest(samples, self.station.service.per_pizza)
        return fit.service_time(self.station.service.per_pizza) if fit else self.station.service


class Measured:
    """The stations of a shop with their distributions as measured, renewed every RENEW_EVERY orders."""

    def __init__(self, shop: Shop) -> None:
        self.works = [Works(station, number) for number, station in enumerate(shop.stations)]
        self.stations, self.asked = shop.stations, 0

    def new_day(self, day: Day, label: str) -> None:
        for work in self.works:
            work.new_day(day, label)

    def stations_at(self, now: float) -> tuple[Workplace, ...]:
        if self.asked % RENEW_EVERY == 0:
            self.stations = tuple(replace(work.station, service=work.service_at(now)) for work in self.works)
        self.asked += 1
        return self.stations

    @property
    def knows_all(self) -> bool:
        """True once every station was measured."""
        places = zip(self.stations, self.works, strict=True)
        return all(place.service != work.station.service for place, work in places)
