"""Simulated customers: when they come and what they order.

Everything is in kitchen seconds. Arrivals, baskets and ways have a random stream each, so that the same seed brings
the same customers, whatever else is changed.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from kitchen.stages import CARRY_OUT, DELIVERY

# The share of a real day's orders that arrive in each hour, in per cent.
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
# The hours that a profile covers. They are spread over the minutes of the run, whose mean rate is the one asked for.
PROFILES = {"flat": range(12, 13), "lunch": range(11, 15), "friday": range(16, 23)}
# How many orders in a hundred have this number of pizzas; the last entry stands for "more".
PIZZAS = {1: 38, 2: 29, 3: 15, 4: 15, 5: 3}


@dataclass(frozen=True)
class Customer:
    at_seconds: float  # from the start of the run
    basket: dict[int, int]  # {pizza's pk: quantity}
    way: str = DELIVERY


def customers(
    menu: list[int], per_hour: float, minutes: float, profile: str, seed: str, carry_out: float = 0
) -> list[Customer]:
    """Return the customers who arrive within `minutes`, `per_hour` on average, in order of arrival.

    `carry_out` is the share of those who collect their order; a larger one adds some to those of a smaller one.
    """
    moments, baskets, ways = (Random(f"{seed}:{stream}") for stream in ("moments", "baskets", "ways"))
    return [
        Customer(at, basket(baskets, menu), draw_way(ways, carry_out))
        for at in arrivals(moments, per_hour, minutes, profile)
    ]


def arrivals(random: Random, per_hour: float, minutes: float, profile: str) -> Iterator[float]:
    """Yield the arrivals of a Poisson process whose rate is constant within each hour of the profile.

    It has no memory, so each hour starts afresh.
    """
    shares = [SHARES[hour] for hour in PROFILES[profile]]
    length_seconds = minutes * 60 / len(shares)
    for number, share in enumerate(shares):
        per_second = per_hour / 3600 * share * len(shares) / sum(shares)
        at = random.expovariate(per_second)
        while at < length_seconds:
            yield number * length_seconds + at
            at += random.expovariate(per_second)


def draw_way(random: Random, carry_out: float) -> str:
    return CARRY_OUT if random.random() < carry_out else DELIVERY


def basket(random: Random, menu: list[int]) -> dict[int, int]:
    (pizzas,) = random.choices(list(PIZZAS), weights=list(PIZZAS.values()))
    return dict(Counter(random.choices(menu, k=pizzas)))
