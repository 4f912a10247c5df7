"""Let all links come that are due, each batch at its time."""

from datetime import datetime

from kitchen import flow
from kitchen.locks import Clock

AT_ONCE = 50  # links


def cook(until: datetime) -> None:
    while (soonest := flow.soonest()) is not None and soonest <= until:
        flow.finish_due(AT_ONCE, clock=at(soonest))


def at(moment: datetime) -> Clock:
    return lambda: moment
