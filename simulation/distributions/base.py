"""The interface of every service-time distribution."""

from collections.abc import Callable
from random import Random
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Generator = np.random.Generator


class Distribution(Protocol):
    """The time that one piece of work takes. All times are in seconds."""

    @property
    def mean(self) -> float: ...

    @property
    def variance(self) -> float: ...

    def one(self, random: Random) -> float:
        """Make one draw, for the live kitchen."""
        ...

    def many(self, random: Generator, shape: tuple[int, ...]) -> Array:
        """Make independent draws. A longer draw begins like a shorter one."""
        ...

    def remaining(self, random: Generator, elapsed: Array, rows: int) -> Array:
        """Draw the residual time of work that has gone on for `elapsed`, (orders,): (rows, orders) draws.

        Exactly the distribution given that it exceeds the elapsed time; 0 where it can't be any longer.
        """
        ...


class Impossible(ValueError):
    """Raised if no distribution has this value of `parameter`; the text is a sentence."""

    def __init__(self, parameter: str, sentence: str) -> None:
        super().__init__(sentence)
        self.parameter = parameter


def by_column(elapsed: Array, rows: int, draw: Callable[[float], Array]) -> Array:
    """Build (rows, orders) from a function that draws the `rows` values of one order."""
    columns = [draw(float(seconds)) for seconds in elapsed]
    return np.stack(columns, axis=1) if columns else np.empty((rows, 0))
