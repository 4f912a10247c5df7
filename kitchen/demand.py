"""Simulated customers: when they come, what they order, and those whom the board's switch brings.

Everything is in kitchen seconds. One stream of chance for the moments and one for the baskets, so that the same
seed brings the same customers, whatever else is changed.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from home.models import Order, Pizza
from kitchen import flow
from kitchen.models import Shop
from kitchen.promises import forecast

# Of a real day's orders, in per cent, by the hour in which they come.
SHARES = {
    11: 5.8,
    12: 11.8,
    13: 11.5,
    14: 6.9,
    15: 6.9,
    16: 9.0,
    17: 10.9,
    18: 11.2,
    19: 9.4,
    20: 7.7,
    21: 5.6,
    22: 3.1,
}
# Which hours a profile passes through. They are spread over the minutes of the run, whose mean rate is what was asked.
PROFILES = {"flat": range(12, 13), "lunch": range(11, 15), "friday": range(16, 23)}
# How many orders in a hundred have so many pizzas; the last stands for "more".
PIZZAS = {1: 38, 2: 29, 3: 15, 4: 15, 5: 3}

CATCH_UP_SECONDS = 60.0  # wall: what a pause longer than this would have brought is gone
MOST_AT_ONCE = 100  # customers of one run of the job; more would keep the worker from the kitchen's own work


@dataclass(frozen=True)
class Customer:
    at_seconds: float  # after the first moment of the run
    basket: dict[int, int]  # {pizza's pk: quantity}


def customers(menu: list[int], per_hour: float, minutes: float, profile: str, seed: str) -> list[Customer]:
    """All who come in so many minutes, `per_hour` on average, in the order of their coming."""
    baskets = Random(f"{seed}:baskets")
    return [
        Customer(at, basket(baskets, menu)) for at in arrivals(Random(f"{seed}:moments"), per_hour, minutes, profile)
    ]


def arrivals(random: Random, per_hour: float, minutes: float, profile: str) -> Iterator[float]:
    """A Poisson stream, its rate constant within each hour of the profile. It has no memory: each hour begins anew."""
    shares = [SHARES[hour] for hour in PROFILES[profile]]
    length_seconds = minutes * 60 / len(shares)
    for number, share in enumerate(shares):
        per_second = per_hour / 3600 * share * len(shares) / sum(shares)
        at = random.expovariate(per_second)
        while at < length_seconds:
            yield number * length_seconds + at
            at += random.expovariate(per_second)


def basket(random: Random, menu: list[int]) -> dict[int, int]:
    (pizzas,) = random.choices(list(PIZZAS), weights=list(PIZZAS.values()))
    return dict(Counter(random.choices(menu, k=pizzas)))


# The board's switch


def come_in(now: datetime, random: Random) -> Iterator[list[Order]]:
    """Place the orders of all who have come since the last run; for each, the orders whose work has just begun."""
    expected = claim(now)
    if not expected:
        return
    menu = {pizza.pk: pizza for pizza in Pizza.objects.filter(on_menu=True)}
    for _ in range(how_many(random, expected) if menu else 0):
        items = [(menu[pk], quantity) for pk, quantity in basket(random, list(menu)).items()]
        try:
            promise = forecast.promise(sum(quantity for _, quantity in items), now)
            yield flow.place(items, now, simulated=True, promise=promise)[1]
        except flow.Refused:  # closed a moment ago
            return


def claim(now: datetime) -> float:
    """How many customers to expect for the time since the last run, which nobody else gets: two runs at once are one.

    Compared and set in one statement, with no lock held: `flow` locks the stations before the shop.
    """
    shop = Shop.objects.get()
    wanted = shop.demand_per_hour if shop.is_open else 0
    moment = max(now, shop.demand_at or now) if wanted else None  # two clocks: never back
    if moment == shop.demand_at or not Shop.objects.filter(demand_at=shop.demand_at).update(demand_at=moment):
        return 0
    if moment is None or shop.demand_at is None:  # just switched off, or on
        return 0
    since_seconds = (moment - shop.demand_at) / timedelta(seconds=1)
    return wanted / 3600 * shop.speed * min(since_seconds, CATCH_UP_SECONDS)


def how_many(random: Random, expected: float) -> int:
    """Poisson: how many steps of mean 1 fit into it; at most MOST_AT_ONCE."""
    number, reached = 0, random.expovariate(1)
    while reached < expected and number < MOST_AT_ONCE:
        number += 1
        reached += random.expovariate(1)
    return number
