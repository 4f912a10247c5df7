"""The true kitchen: a day as it happens, in a loop of a few lines that knows nothing of the shop's own simulator."""

import heapq
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.promises.shops import (
    AT_THE_DOOR,
    BENCH,
    DRIVERS,
    HOUR_SECONDS,
    MAKE_LINE,
    OVEN,
    PIZZA_SHARES,
    PIZZAS,
    RIGHT,
    SHARES,
    TO_COLLECT,
    Shop,
    World,
)

BUSY_SHARE = 10.0  # per cent of a day's orders in an hour of the rush
OUTAGE_HOURS, OUTAGE_SECONDS = (6.0, 9.0), 1800.0  # when an outage begins, after opening, and for how long it lasts
LATEST_CANCEL_SECONDS = 1200.0

Array = NDArray[np.float64]
Ids = NDArray[np.intp]
Flags = NDArray[np.bool_]


class Outage(NamedTuple):
    begin: float
    end: float
    places: int  # that stand still


@dataclass
class Day:
    """A day's history. Seconds since opening."""

    arrivals: Array
    pizzas: Ids
    ways: list[str]
    rushed: Flags
    cancelled_at: Array  # inf: not at all
    # For each station, of pizzas at those of pizzas. An order that passes a station by starts and ends there at once.
    starts: list[Array]
    ends: list[Array]
    joined: Array  # when an order's last pizza was out of the oven

    @cached_property
    def firsts(self) -> Ids:
        """The first pizza of each order, in the row of all pizzas; behind the last, how many there are."""
        return np.concatenate([[0], np.cumsum(self.pizzas)])

    @property
    def fulfilled(self) -> Array:
        """When each order was at the door, or ready to collect."""
        return self.ends[-1]

    @cached_property
    def as_told(self) -> Flags:
        """Orders that went the way they were promised: neither cancelled nor rushed."""
        told: Flags = (self.cancelled_at > self.fulfilled) & ~self.rushed
        return told


def live_day(shop: Shop, seed: int, number: int, slower: float = 1.0, world: World = RIGHT) -> Day:
    """Simulate a day of the true kitchen, in which all work takes `slower` times as long as the shop believes."""
    random, trouble = (np.random.default_rng(row) for row in ([seed, number], [seed, number, 1]))
    arrivals = np.concatenate(
        [
            np.sort(hour + random.random(random.poisson(shop.orders_a_day * share / sum(SHARES)))) * HOUR_SECONDS
            for hour, share in enumerate(SHARES)
        ]
    )
    orders = arrivals.size
    pizzas = random.choice(PIZZAS, size=orders, p=PIZZA_SHARES).astype(np.intp)
    collect = random.random(orders) < shop.to_collect
    ways = [TO_COLLECT if it_is else AT_THE_DOOR for it_is in collect]
    factors = factors_of(world, arrivals, pizzas, trouble)
    rushed = trouble.random(orders) < world.rushed
    cancelled = trouble.random(orders) < world.cancelled
    cancelled_at = np.where(cancelled, arrivals + LATEST_CANCEL_SECONDS * trouble.random(orders), np.inf)
    outage = outage_of(world, shop, trouble)
    day = Day(arrivals, pizzas, ways, rushed, cancelled_at, [], [], arrivals)
    came, whose = np.repeat(arrivals, pizzas), np.repeat(np.arange(orders), pizzas)
    for place, station in enumerate(shop.stations):
        if place == shop.item_stations:
            came, whose = np.maximum.reduceat(came, day.firsts[:-1]), np.arange(orders)
            day.joined = came
        services = slower * factors[place] * station.service.drawn.many(random, came.shape)
        visits = ~collect if place == DRIVERS else np.ones(came.size, dtype=bool)
        starts, ends = came.copy(), came.copy()
        is_rushed, gone_at = rushed[whose][visits], cancelled_at[whose][visits]
        broken = outage if place == OVEN else None
        starts[visits], ends[visits] = serve(
            came[visits], services[visits], station.capacity, is_rushed, gone_at, broken
        )
        day.starts.append(starts)
        day.ends.append(ends)
        came = ends
    return day


def factors_of(world: World, arrivals: Array, pizzas: Ids, random: np.random.Generator) -> dict[int, Array | float]:
    """Return how many times as long as believed each pizza or order takes at each station."""
    shares, times = zip(*(world.kinds or ((1.0, 1.0),)), strict=True)
    of_pizza = random.choice(times, size=int(pizzas.sum()), p=shares)
    of_order = around_one(random, world.difficulty_cv, arrivals.size)
    busy = np.array(SHARES)[np.minimum(arrivals // HOUR_SECONDS, len(SHARES) - 1).astype(np.intp)] >= BUSY_SHARE
    of_order = of_order * np.where(busy, world.rush_slower, 1.0)
    ways = world.ways_longer * float(around_one(random, world.weather_cv, 1)[0])
    return {MAKE_LINE: of_pizza * np.repeat(of_order, pizzas), OVEN: 1.0, BENCH: of_order, DRIVERS: ways}


def around_one(random: np.random.Generator, cv: float, number: int) -> Array:
    """Draw lognormal factors with mean 1."""
    sigma_squared = np.log1p(cv**2)
    drawn: Array = np.exp(np.sqrt(sigma_squared) * random.standard_normal(number) - sigma_squared / 2)
    return drawn


def outage_of(world: World, shop: Shop, random: np.random.Generator) -> Outage | None:
    begin = HOUR_SECONDS * random.uniform(*OUTAGE_HOURS)
    happens = random.random() < world.outages
    return Outage(begin, begin + OUTAGE_SECONDS, shop.stations[OVEN].capacity // 2) if happens else None


def serve(
    came: Array,
    services: Array,
    capacity: int,
    rushed: Flags | None = None,
    gone_at: Array | None = None,
    outage: Outage | None = None,
) -> tuple[Array, Array]:
    """Return when each begins and ends: the rushed first, then who came first; of equals, the first in the row.

    One that is gone while it waits begins and ends at that moment, and one at work ends at it. In an outage places
    stand still from when they are free.
    """
    first = np.zeros(came.size, dtype=bool) if rushed is None else rushed
    gone = np.full(came.size, np.inf) if gone_at is None else gone_at
    starts, ends = np.empty_like(came), np.empty_like(came)
    free_at, waiting, coming = (
        [0.0] * capacity,
        list[tuple[bool, float, int]](),
        np.argsort(came, kind="stable").tolist(),
    )
    coming.reverse()
    now, still = 0.0, outage.places if outage else 0
    while coming or waiting:
        now = max(now, free_at[0], 0.0 if waiting else came[coming[-1]])
        if outage and still and outage.begin <= now < outage.end:
            heapq.heapreplace(free_at, outage.end)
            still -= 1
            continue
        while coming and came[coming[-1]] <= now:
            number = coming.pop()
            heapq.heappush(waiting, (not first[number], float(came[number]), number))
        *_, number = heapq.heappop(waiting)
        if gone[number] <= now:
            starts[number] = ends[number] = max(came[number], gone[number])
            continue
        starts[number], ends[number] = now, min(now + services[number], gone[number])
        heapq.heapreplace(free_at, float(ends[number]))
    return starts, ends
