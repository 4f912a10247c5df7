"""Sums of several draws: the pizzas of one order."""

import math

import numpy as np

from simulation.distributions.base import Array, Distribution, Generator
from simulation.distributions.exponential import Exponential
from simulation.distributions.fixed import Fixed
from simulation.distributions.gamma import Gamma

ROUNDS = 8
CANDIDATES = 4  # for each that is wanted
ENOUGH = 20  # to stand for all


def remaining_of_sum(
    random: Generator, distribution: Distribution, number: int, elapsed_seconds: float, count: int
) -> Array:
    """Draw what is left of work that is the sum of `number` draws (an order's pizzas), `elapsed_seconds` in."""
    if number == 1:
        return distribution.remaining(random, np.array([elapsed_seconds]), count)[:, 0]
    if isinstance(distribution, Fixed):
        return np.full(count, max(number * distribution.mean - elapsed_seconds, 0.0))
    if isinstance(distribution, Exponential | Gamma):  # the sum of gamma times is gamma distributed, too
        spread = distribution.spread if isinstance(distribution, Gamma) else distribution.mean
        total = Gamma(number * distribution.mean, math.sqrt(number) * spread)
        return total.remaining(random, np.array([elapsed_seconds]), count)[:, 0]
    return _sum_beyond(random, distribution, number, elapsed_seconds, count)


def _sum_beyond(
    random: Generator, distribution: Distribution, number: int, elapsed_seconds: float, count: int
) -> Array:
    """Draw by rejection, which is exact. Work that has outlasted nearly all sums is too rare to find that way.

    In that case the sums that were found stand for the rest, too; if they are too few, sums of one long piece and
    usual others fill the gap.
    """
    found: list[Array] = []
    for _ in range(ROUNDS):
        sums = distribution.many(random, (CANDIDATES * count, number)).sum(axis=1)
        found.append(sums[sums > elapsed_seconds] - elapsed_seconds)
        if sum(part.size for part in found) >= count:
            return np.concatenate(found)[:count]
    kept = np.concatenate(found)
    if kept.size >= ENOUGH:
        return random.choice(kept, count)
    others = distribution.many(random, (count - kept.size, number - 1)).sum(axis=1)
    beyond = [
        distribution.remaining(random, np.array([max(elapsed_seconds - other, 0.0)]), 1)[0, 0] for other in others
    ]
    return np.concatenate([kept, np.array(beyond)])
