"""What every verb of `flow` is: one transaction behind the kitchen's lock, and what it sends at its end."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import wraps
from typing import ParamSpec, TypeVar

from django.db import OperationalError, connection
from django.dispatch import Signal

from home.models import Order
from kitchen.locks import Clock, Kitchen, lock_kitchen
from kitchen.models import Station
from kitchen.transitions import seat_each
from kitchen.verbs.set_back import pull_back
from pizzaProj.postgresql.plans import StalePlan

P = ParamSpec("P")
V = TypeVar("V")

# Sent inside the transaction.
work_begun = Signal()  # order, item (None: the order itself): needs a chain for the stages that are left
loading_awaited = Signal()  # station (a belt), due_monotonic: somebody waits for its next loading


class TooEarly(Exception):
    """The work is not done yet: come back in `seconds` (wall)."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"Not due for another {seconds:.3f} s")
        self.seconds = seconds


@contextmanager
def locked(clock: Clock | None) -> Iterator[Kitchen]:
    """Open the transaction of a verb; at its end, write what it noted and send what it began."""
    with lock_kitchen(clock, pull_back_first) as kitchen:
        yield kitchen
        end(kitchen)


def end(kitchen: Kitchen) -> None:
    seat_each(kitchen, kitchen.unseated.values())
    kitchen.write()
    for work in kitchen.begun:
        order, item = (work, None) if isinstance(work, Order) else (work.order, work)
        work_begun.send(Order, order=order, item=item)
    for station, busy_until in loadings(kitchen):
        loading_awaited.send(Order, station=station, due_monotonic=kitchen.monotonic(busy_until))


def loadings(kitchen: Kitchen) -> list[tuple[Station, datetime]]:
    """Return the belts whose next loading somebody has to bring, each with the moment of that loading."""
    awaited = [(station, station.busy_until) for station in kitchen.awaited.values()]
    return [(station, moment) for station, moment in awaited if moment is not None and moment > kitchen.now]


def forget_noted(kitchen: Kitchen) -> None:
    """Forget what was to be sent and seated: it has been."""
    for noted in (kitchen.begun, kitchen.unseated, kitchen.awaited):
        noted.clear()


def pull_back_first(kitchen: Kitchen, by: timedelta) -> None:
    """Pull everything back as a verb of its own, in the transaction of the one that found the clock set back."""
    pull_back(kitchen, by)
    end(kitchen)
    forget_noted(kitchen)


def repeatable(verb: Callable[P, V]) -> Callable[P, V]:
    """Run a verb once more if a table was altered under its transaction, of which nothing was kept."""

    @wraps(verb)
    def run(*args: P.args, **kwargs: P.kwargs) -> V:
        try:
            return verb(*args, **kwargs)
        except OperationalError as error:
            if connection.in_atomic_block or not isinstance(error.__cause__, StalePlan):
                raise
        return verb(*args, **kwargs)

    return run
