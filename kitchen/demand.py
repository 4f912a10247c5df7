"""Simulated customers: when they come and what they order.

Everything is in kitchen seconds. One stream of chance for the moments and one for the baskets, so that the same
seed brings the same customers, whatever else is changed.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

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
    """A Poisson stream, its rate constant within each hour. It has no memory, so each hour starts afresh."""
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
