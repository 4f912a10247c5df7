"""Orders with what the model said of each when it came, and how long it took."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np

from benchmarks.promises.days import Day, live_day
from benchmarks.promises.measured import Measured, Unnoticed
from benchmarks.promises.shops import DAY_SECONDS, RIGHT, Shop, World
from benchmarks.promises.views import state_at
from simulation.calibration import Interval
from simulation.lookahead import look_ahead_last


@dataclass(frozen=True)
class Seen:
    """One order: what anybody sees when it comes, and how long it took."""

    open_orders: int  # in the kitchen before it
    open_pizzas: int
    pizzas: int
    way: str
    at: float  # over all days
    seconds: float

    @property
    def there_at(self) -> float:
        return self.at + self.seconds


@dataclass(frozen=True)
class Case(Seen):
    """One order with what the model said of it."""

    as_set: Interval  # by the distributions as the shop believes them
    as_measured: Interval
    is_measured: bool  # at every station; until then some are as set
    unnoticed: tuple[Unnoticed, ...] = ()  # as is known when it comes

    def learns_from(self, other: Seen) -> bool:
        """Return False for an order that was there while the kitchen had changed and nobody had noticed."""
        return not any(other.there_at > changed and other.at < noticed for changed, noticed in self.unnoticed)


def seen(day: Day, order: int, opened: float) -> Seen:
    came, there = float(day.arrivals[order]), float(day.fulfilled[order])
    inside = np.flatnonzero(day.fulfilled[:order] > came)
    of_others = int(day.pizzas[inside].sum())
    return Seen(inside.size, of_others, int(day.pizzas[order]), day.ways[order], opened + came, there - came)


def history(shop: Shop, seed: int, days: int, world: World = RIGHT) -> list[Seen]:
    """Return the orders of separate days, for the rules of others to learn from."""
    found: list[Seen] = []
    for number in range(days):
        day, opened = live_day(shop, seed, number, world=world), (number - days) * DAY_SECONDS
        found += [seen(day, order, opened) for order in np.flatnonzero(day.as_told).tolist()]
    return found


class Run:
    """The days of a shop, one after the other: what was measured goes on from one to the next."""

    def __init__(self, shop: Shop, seed: int, world: World = RIGHT) -> None:
        self.shop, self.seed, self.world = shop, seed, world
        self.measured, self.number = Measured(shop), 0

    def cases(self, number: int, slower: float = 1.0) -> list[Case]:
        """Return the next orders, from the next morning on."""
        return list(islice(self._days(slower), number))

    def _days(self, slower: float) -> Iterator[Case]:
        while True:
            label = f"{self.seed}:{self.number}"
            day = live_day(self.shop, self.seed, self.number, slower, self.world)
            opened = self.number * DAY_SECONDS
            self.measured.new_day(day, label, opened)
            self.number += 1
            yield from self._of_day(day, label, opened)

    def _of_day(self, day: Day, label: str, opened: float) -> Iterator[Case]:
        for order in range(day.arrivals.size):
            stations = self.measured.stations_at(float(day.arrivals[order]))
            if not day.as_told[order]:
                continue
            state = state_at(self.shop, day, order, label)
            as_set, as_measured = look_ahead_last(state), look_ahead_last(replace(state, stations=stations))
            assert as_set is not None and as_measured is not None
            facts, is_measured = vars(seen(day, order, opened)), self.measured.knows_all
            unnoticed = self.measured.unnoticed(self.shop.route(day.ways[order]))
            yield Case(**facts, as_set=as_set, as_measured=as_measured, is_measured=is_measured, unnoticed=unnoticed)
