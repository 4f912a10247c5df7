"""The service-time laws and their sampling. Imports nothing of ours: both clocks use it.

A law has a mean and a spread (standard deviation), both in kitchen seconds. A new law is one function here.
"""

import math
from collections.abc import Callable
from random import Random

Law = Callable[[Random, float, float], float]


def fixed(random: Random, mean_seconds: float, spread_seconds: float) -> float:
    """Always the mean: a belt or a timer."""
    return mean_seconds


def exponential(random: Random, mean_seconds: float, spread_seconds: float) -> float:
    """Memoryless; its spread is its mean, whatever is set."""
    return random.expovariate(1 / mean_seconds)


def lognormal(random: Random, mean_seconds: float, spread_seconds: float) -> float:
    """Work by hand: never below zero, now and then long.

    With cv = spread / mean: sigma² = ln(1 + cv²), mu = ln(mean) - sigma² / 2 (the moments of exp(N(mu, sigma²))).
    """
    sigma_squared = math.log1p((spread_seconds / mean_seconds) ** 2)
    return random.lognormvariate(math.log(mean_seconds) - sigma_squared / 2, math.sqrt(sigma_squared))


LAWS: dict[str, Law] = {law.__name__: law for law in (fixed, exponential, lognormal)}
CHOICES = [(name, name.capitalize()) for name in LAWS]


def draw(law: str, mean_seconds: float, spread_seconds: float, *, order_id: str, stage: str, pizzas: int = 1) -> float:
    """The service time of one order at one stage, in kitchen seconds: the sum over its `pizzas`.

    The seed is the order and the stage, so the same question always has the same answer: a link of a
    Celery chain, a new chain after a crash and a replay all see one service time.
    """
    random = Random(f"{order_id}:{stage}")
    return sum(LAWS[law](random, mean_seconds, spread_seconds) for _ in range(pizzas))
