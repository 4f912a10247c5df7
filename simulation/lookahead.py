"""When each order will be there: the kitchen, run forward from a moment. Plain numbers, no database.

The simulator takes the orders forward on PATHS paths (simulation.opening), and the 10th, 100th and 190th of 199 ends
are a 90 % interval and its middle: of 200 equally likely places for the true end 180 lie between them, if the laws are
right.

Nobody peeks: the kitchen knows when each work will be done (`due_at`), but a real one would not, so all that counts is
how long the work has lasted already. Those who will order later are left out: they can overtake nobody. A rushed
order is first in the line where it stands; that it will be first in the next ones, too, is left out as well.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulation.calibration import Interval
from simulation.distributions import Distribution, build, remaining_of_sum
from simulation.engine import Ids
from simulation.opening import ends_of_present
from simulation.spec import Present, Spec, Station, Times

PATHS = 199
RANKS = (9, 99, 189)  # from zero: the 10th, the 100th and the 190th
QUANTILES = 20_000
FAR = 0.99
# Bounds of the caches: as much as a busy kitchen needs at a time, 13 MB in a process. Measured means and spreads are
# part of the keys and drift, so older entries are never asked for again.
KEPT_ORDERS = 1024
KEPT_QUANTILES = 32

NOBODY = Times(())  # comes later

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Law:
    """How long a station needs: of simulation.distributions, with its mean and spread in kitchen seconds."""

    name: str
    mean: float
    spread: float
    per_pizza: bool
    parameters: tuple[tuple[str, Any], ...] = ()  # its own ones, (name, value)

    @property
    def drawn(self) -> Distribution:
        return build(self.name, self.mean, self.spread, dict(self.parameters))

    def pieces(self, pizzas: int) -> int:
        return pizzas if self.per_pizza else 1


@dataclass(frozen=True)
class Workplace:
    """A station, as far as looking ahead goes."""

    name: str
    places: int
    is_open: bool
    law: Law

    @property
    def station(self) -> Station:
        return Station(self.name, self.places, self.law.drawn, self.law.per_pizza)


@dataclass(frozen=True)
class Standing:
    """Where an order stands: at which station, and how long its work there has lasted (None: it waits)."""

    key: str  # what its chances are drawn from: the same order has the same ones each time
    station: int
    elapsed_seconds: float | None
    pizzas: int


@dataclass(frozen=True)
class State:
    """The kitchen at one moment. Orders in the order of the lines; those on hold are in none."""

    stations: tuple[Workplace, ...]
    orders: tuple[Standing, ...]
    speed: float
    shop_is_open: bool
    pks: tuple[int, ...] = ()  # of the orders, where they come from the database

    def blocked_by(self, order: Standing) -> Workplace | None:
        """The closed station that an order has to wait for, if any: it may open in a minute, or never."""
        first = order.station + (order.elapsed_seconds is not None)
        return next((station for station in self.stations[first:] if not station.is_open), None)


def look_ahead(state: State) -> list[Interval | None]:
    """For each order (low, median, high) in kitchen seconds from now. None for one that waits for a closed station.

    The others are taken forward without those: they will not meet them, whatever happens.
    """
    moving = [index for index, order in enumerate(state.orders) if state.blocked_by(order) is None]
    answers: list[Interval | None] = [None] * len(state.orders)
    if moving:
        ends = paths(state.stations, [state.orders[index] for index in moving])
        ranked = np.partition(ends.T, RANKS, axis=1)[:, RANKS]
        for index, (low, median, high) in zip(moving, ranked.tolist(), strict=True):
            answers[index] = (low, median, high)
    return answers


def look_ahead_last(state: State) -> Interval | None:
    """The same for the last order alone, which costs less."""
    moving = [order for order in state.orders if state.blocked_by(order) is None]
    if not moving or moving[-1] is not state.orders[-1]:
        return None
    low, median, high = np.partition(paths(state.stations, moving)[:, -1], RANKS)[list(RANKS)].tolist()
    return low, median, high


def paths(stations: Sequence[Workplace], orders: Sequence[Standing]) -> Array:
    """When each order leaves the kitchen on each path, in kitchen seconds from now: (PATHS, orders)."""
    state = tuple(Present(order.station, order.elapsed_seconds, order.pizzas) for order in orders)
    spec = Spec(tuple(station.station for station in stations), NOBODY, 0, state=state)
    return ends_of_present(spec, PATHS, KeptDraws(stations, orders))


class KeptDraws:
    """The draws of an order are its own, whatever else is in the kitchen; see `service_times_of`."""

    def __init__(self, stations: Sequence[Workplace], orders: Sequence[Standing]) -> None:
        self.laws, self.orders = tuple(station.law for station in stations), orders
        self.services = np.array([service_times_of(order.key, order.pizzas, self.laws) for order in orders])

    def present(self, number: int) -> Array:
        return self.services[:, number].T

    def remaining(self, number: int, columns: Ids) -> Array:
        return np.stack([residual(self.orders[column], self.laws[number]) for column in columns], axis=1)


@lru_cache(maxsize=KEPT_ORDERS)
def service_times_of(key: str, pizzas: int, laws: tuple[Law, ...]) -> Array:
    """An order's service times at each station on each path: (stations, PATHS).

    Always the same ones: an interval whose chances are drawn anew every two seconds would tremble.
    """
    random = chances(key, "work")
    drawn = [law.drawn.many(random, (law.pieces(pizzas), PATHS)).sum(axis=0) for law in laws]
    return np.stack(drawn)


def residual(order: Standing, law: Law) -> Array:
    """The work that is left, on each path: the law, given that it is longer than the work has lasted."""
    assert order.elapsed_seconds is not None
    pieces = law.pieces(order.pizzas)
    times = quantiles(law, pieces)
    outlasted = int(np.searchsorted(times, order.elapsed_seconds, side="right"))
    if outlasted > FAR * QUANTILES:  # too few are left to choose from
        random = chances(order.key, "far")
        return remaining_of_sum(random, law.drawn, pieces, order.elapsed_seconds, PATHS)
    ranks = outlasted + (QUANTILES - outlasted) * shares(order.key)
    left: Array = times[ranks.astype(np.intp)] - order.elapsed_seconds
    return left


@lru_cache(maxsize=KEPT_QUANTILES)
def quantiles(law: Law, pieces: int) -> Array:
    """So many times that the work may take, rising: looked up, not worked out, for each order under way."""
    return np.sort(law.drawn.many(chances("quantiles"), (pieces, QUANTILES)).sum(axis=0))


@lru_cache(maxsize=KEPT_ORDERS)
def shares(key: str) -> Array:
    """Where on each path an order's work lies among all that are longer than it has lasted; the same as it goes on."""
    return chances(key, "work under way").random(PATHS)


def chances(*words: str) -> np.random.Generator:
    """The same words, the same chances, in every process."""
    seed = blake2b(":".join(words).encode(), digest_size=8).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(seed)))
