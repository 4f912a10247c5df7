"""What is left of work that has gone on for longer than its distribution allows.

A pizza that is not out of a fixed oven of 450 s after an hour is not done now: nobody has come, or nobody has tapped.
What is left then comes from how late such works really were, where that was measured. Beyond what was seen it grows
with the delay: work that is an hour over can be expected to take another hour, work that is two seconds over three.

That is a Lomax distribution, the excess of a Pareto tail, whose mean excess grows linearly (the generalised Pareto
distribution of exceedances: Pickands, Statistical inference using extreme order statistics, 1975). Its index 2 makes
the slope 1.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

# Late works that have to be left to choose from (with fewer, the tail is assumed), and those that are kept.
FEWEST, MOST = 10, 25
FIRST_SECONDS = 1.0  # the mean of what is left at the very moment at which work should have been done
INDEX = 2.0

Array = NDArray[np.float64]


def left_of(shares: Array, over_seconds: float, lateness: tuple[float, ...] = ()) -> Array:
    """Return what is left of work that is `over_seconds` late, at these shares of the distribution.

    lateness: the seconds by which finished works were late, rising; those that were not are left out.
    """
    known = measured(lateness)
    if known.size and over_seconds < known[-FEWEST]:
        later = known[np.searchsorted(known, over_seconds, side="right") :] - over_seconds
        found: Array = later[(shares * later.size).astype(np.intp)]
        return found
    tail: Array = scale(over_seconds, known) * ((1 - shares) ** (-1 / INDEX) - 1)
    return tail


def mean_left(over_seconds: float, lateness: tuple[float, ...] = ()) -> float:
    """Return the mean of what is left of work that is `over_seconds` late."""
    known = measured(lateness)
    if known.size and over_seconds < known[-FEWEST]:
        return float(known[known > over_seconds].mean()) - over_seconds
    return scale(over_seconds, known) / (INDEX - 1)


def scale(over_seconds: float, known: Array) -> float:
    """Return the scale of the tail, which with this index is its mean; at its beginning it is the one measured."""
    if not known.size:
        return FIRST_SECONDS + over_seconds
    begins = float(known[-FEWEST])
    return max(FIRST_SECONDS, float(known[-FEWEST:].mean()) - begins) + over_seconds - begins


@lru_cache(maxsize=64)
def measured(lateness: tuple[float, ...]) -> Array:
    """Return the lateness as an array; empty if too few works were late."""
    return np.array(lateness if len(lateness) >= FEWEST else ())


def lateness_of(works: Sequence[tuple[float, float]]) -> tuple[float, ...]:
    """Return by how many seconds works were late, rising, from (seconds, the longest that was allowed).

    At most MOST of them, evenly spread, as they become part of many keys.
    """
    late = sorted(seconds - longest for seconds, longest in works if seconds > longest)
    if len(late) <= MOST:
        return tuple(late)
    return tuple(late[round(place)] for place in np.linspace(0, len(late) - 1, MOST))
