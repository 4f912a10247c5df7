"""Service times as looking ahead needs them: draws that belong to an order or an item, and what is left of work.

Pizzas of one order share what makes it hard. Where `shared` of a service time's spread is common to an order, the work
on n of its pizzas has the variance n·own² + n²·shared², with own² + shared² = spread²: each pizza alone has the
distribution as it is, and the normal scores of two have the correlation shared² / spread² (a Gaussian copula: Li, On
default correlation, 2000). Without it, pizzas are independent.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from hashlib import blake2b
from math import sqrt
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from simulation.distributions import Distribution, Lognormal, build, normal_quantile, remaining_of_sum
from simulation.works import overdue
from simulation.works.remembered import remembered

PATHS = 199
QUANTILES = 20_000
FAR = 0.99
SIDES: tuple[Literal["left"], Literal["right"]] = ("left", "right")
# Bounds of what is remembered: as much as a thousand open orders of two or three items need, 27 MB in a process.
KEPT_ORDERS, KEPT_ITEMS = 1024, 4096
KEPT_QUANTILES = 32

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ServiceTime:
    """A service time: one of simulation.distributions, with its mean and spread in kitchen seconds."""

    distribution: str  # its code
    mean: float
    spread: float
    per_pizza: bool
    parameters: tuple[tuple[str, Any], ...] = ()  # its own ones, (name, value)
    shared: float = 0.0  # the part of the spread, in kitchen seconds, that the pizzas of an order have in common
    lateness: tuple[float, ...] = ()  # by how many seconds finished works exceeded the longest time, rising

    @cached_property
    def drawn(self) -> Distribution:
        return build(self.distribution, self.mean, self.spread, dict(self.parameters))

    def pieces(self, pizzas: int) -> int:
        return pizzas if self.per_pizza else 1

    @cached_property
    def likeness(self) -> float:
        """The correlation of two pizzas of one order, from 0 to 1."""
        return min(1.0, (self.shared / self.spread) ** 2) if self.shared > 0 and self.spread > 0 else 0.0


@remembered(most=KEPT_ORDERS)
def service_times_of(key: str, pizzas: int, services: tuple[ServiceTime, ...]) -> Array:
    """Draw an order's service times at each station on each path: (stations, PATHS).

    They are always the same: with new draws every two seconds the interval would flicker.
    """
    random, drawn = chances(key, "work"), np.empty((len(services), PATHS))
    for number, service in enumerate(services):
        drawn[number] = sums(service, random, service.pieces(pizzas), PATHS)
    return drawn


def sums(service: ServiceTime, random: np.random.Generator, pieces: int, count: int) -> Array:
    """Draw the work on this many pizzas of one order `count` times."""
    if pieces == 1:
        return service.drawn.many(random, (count,))
    if not service.likeness:
        each = service.drawn.many(random, (pieces, count))
    else:
        shared = random.standard_normal(count)
        each = _at_scores(service, _mixed(service.likeness, shared, random.standard_normal((pieces, count))))
    total: Array = each.sum(axis=0)
    return total


@remembered(most=KEPT_ITEMS)
def item_times_of(key: str, services: tuple[ServiceTime, ...], order_key: str = "") -> Array:
    """Draw an item's service times at each station of items on each path: (stations, PATHS)."""
    random, drawn = chances(key, "work"), np.empty((len(services), PATHS))
    for number, service in enumerate(services):
        drawn[number] = _item_times(service, random, order_key, number)
    return drawn


def _item_times(service: ServiceTime, random: np.random.Generator, order_key: str, number: int) -> Array:
    if not service.likeness:
        return service.drawn.many(random, (PATHS,))
    shared = shared_scores(order_key, number)
    return _at_scores(service, _mixed(service.likeness, shared, random.standard_normal(PATHS)))


@remembered(most=2 * KEPT_ORDERS)
def shared_scores(order_key: str, station: int) -> Array:
    """Return what all items of an order have in common at a station on each path, as normal scores."""
    return chances(order_key, "shared", str(station)).standard_normal(PATHS)


def _mixed(likeness: float, shared: Array, own: Array) -> Array:
    mixed: Array = sqrt(likeness) * shared + sqrt(1 - likeness) * own
    return mixed


def _at_scores(service: ServiceTime, scores: Array) -> Array:
    found: Array = quantiles(service, 1)[np.searchsorted(_marks(QUANTILES), scores)]
    return found


@lru_cache(maxsize=1)
def _marks(number: int) -> Array:
    """Return the normal scores that part this many equally likely ranks: looked up, for want of a fast normal cdf."""
    return normal_quantile(np.arange(1, number) / number)


def ranks_of(key: str, drawn: Array, service: ServiceTime) -> Array:
    """Rank an item's drawn times among all, from 0 to 1: under way it stays as slow as its siblings are."""
    first, last = (np.searchsorted(quantiles(service, 1), drawn, side=side) for side in SIDES)
    ranks: Array = (first + (last - first) * shares(key)) / QUANTILES
    return ranks


def residual(key: str, elapsed_seconds: float, pieces: int, service: ServiceTime, ranks: Array | None = None) -> Array:
    """Return the residual time on each path: the distribution given that it exceeds the elapsed time.

    Work that has lasted for longer than any draw is overdue, however the distribution goes on from there. `ranks` says
    which of the longer times it is on each path, from 0 to 1.
    """
    times = quantiles(service, pieces)
    if ranks is None:
        ranks = shares(key)
    outlasted = int(np.searchsorted(times, elapsed_seconds, side="right"))
    if outlasted <= FAR * QUANTILES:
        places = outlasted + (QUANTILES - outlasted) * ranks
        left: Array = times[places.astype(np.intp)] - elapsed_seconds
        return left
    far = remaining_far(chances(key, "far"), service, pieces, elapsed_seconds)  # too few are left to choose from
    over = elapsed_seconds - times[-1]
    if over < 0:
        return far
    sorted_alike = np.sort(far)[np.argsort(np.argsort(ranks))]
    return np.maximum(sorted_alike, overdue.left_of(ranks, over, service.lateness))


def remaining_far(random: np.random.Generator, service: ServiceTime, pieces: int, elapsed_seconds: float) -> Array:
    """Draw the residual time of work that has outlasted nearly all draws."""
    if pieces == 1 or not service.likeness:
        return remaining_of_sum(random, service.drawn, pieces, elapsed_seconds, PATHS)
    like = service.likeness
    total = Lognormal(pieces * service.mean, sqrt(pieces * (1 - like) + pieces**2 * like) * service.spread)
    return total.remaining(random, np.array([elapsed_seconds]), PATHS)[:, 0]


def on_belt(key: str, elapsed_seconds: float, service: ServiceTime) -> Array:
    """Return what is left of the way along a belt on each path: what is not out by its end is stuck."""
    left = service.mean - elapsed_seconds
    return np.full(PATHS, left) if left > 0 else overdue.left_of(shares(key), -left, service.lateness)


@remembered(most=KEPT_QUANTILES)
def quantiles(service: ServiceTime, pieces: int) -> Array:
    """Return QUANTILES service times, rising: looked up, not computed, for each order under way."""
    return np.sort(sums(service, chances("quantiles"), pieces, QUANTILES))


def longest(service: ServiceTime, pieces: int) -> float:
    """Return the time that nothing exceeds, or hardly anything where the distribution has no end."""
    return pieces * service.mean if service.distribution == "fixed" else float(quantiles(service, pieces)[-1])


def mean_remaining(service: ServiceTime, pizzas: int, elapsed_seconds: float) -> float:
    """Return the mean of the residual time, in kitchen seconds."""
    pieces = service.pieces(pizzas)
    if elapsed_seconds <= 0:
        return pieces * service.mean
    over = elapsed_seconds - longest(service, pieces)
    late = overdue.mean_left(over, service.lateness) if over >= 0 else 0.0
    if service.distribution == "fixed":
        return max(-over, late)
    times = quantiles(service, pieces)
    outlasted = int(np.searchsorted(times, elapsed_seconds, side="right"))
    if outlasted > FAR * QUANTILES:
        return max(far_mean(service, pieces, float(f"{elapsed_seconds:.2g}")), late)
    return float(above(service, pieces)[outlasted] / (QUANTILES - outlasted)) - elapsed_seconds


def mean_at_first(service: ServiceTime, pizzas: int) -> tuple[float, float]:
    """Return the shortest of all times and the mean. Before the one has passed, the other is what to expect."""
    pieces = service.pieces(pizzas)
    if service.distribution == "fixed":
        return pieces * service.mean, pieces * service.mean
    return float(quantiles(service, pieces)[0]), float(above(service, pieces)[0] / QUANTILES)


@lru_cache(maxsize=KEPT_ORDERS)
def far_mean(service: ServiceTime, pieces: int, elapsed_seconds: float) -> float:
    """Return the mean of the residual time where few times are left to choose from: drawn, which takes long."""
    left = remaining_far(chances("mean", "far"), service, pieces, elapsed_seconds)
    return max(0.0, float(left.mean()))


@remembered(most=KEPT_QUANTILES)
def above(service: ServiceTime, pieces: int) -> Array:
    """Return, for each rank, the sum of the service times of this rank and of all higher ones."""
    summed: Array = np.cumsum(quantiles(service, pieces)[::-1])[::-1]
    return summed


@remembered(most=KEPT_ORDERS)
def shares(key: str) -> Array:
    """Rank an order's work on each path among all service times that exceed its elapsed time; it keeps its rank."""
    return chances(key, "work under way").random(PATHS)


def chances(*words: str) -> np.random.Generator:
    """Return a generator seeded by these words, the same in every process."""
    seed = blake2b(":".join(words).encode(), digest_size=8).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(seed)))
