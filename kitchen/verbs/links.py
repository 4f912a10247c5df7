"""What a link does when it comes: it ends the work of a stage if that is due, or loads a belt.

`kitchen.flow` has the verbs for one link, `kitchen.verbs.many` those for many in one transaction.
"""

from datetime import datetime
from typing import TypeVar

from home.models import Order, OrderItem
from kitchen import counted
from kitchen.locks import Kitchen, Work
from kitchen.transitions import move, seat
from kitchen.verbs.hands import is_left_to_people
from kitchen.verbs.transaction import TooEarly

EARLY_SECONDS = 0.02  # a link can be this early: clocks of two machines, rounding

W = TypeVar("W", Order, OrderItem)


def is_over(kitchen: Kitchen, work: Work, epoch: int, stage: str) -> bool:
    """Return whether a chain ends here: it is out of date, or a tap ends the work. TooEarly if that is not due yet."""
    if work.epoch != epoch or work.stage != stage or work.due_at is None:
        return True
    wait_seconds = (work.due_at - kitchen.now).total_seconds()
    if wait_seconds > EARLY_SECONDS:
        raise TooEarly(wait_seconds)
    kitchen.late_seconds = max(0.0, -wait_seconds)
    if is_left_to_people(kitchen, work):
        return True
    counted.after_commit(counted.ended_late, stage, -wait_seconds)
    return False


def go_on(kitchen: Kitchen, work: W, target: str) -> W | None:
    """Move a work on; return it if its next work has begun."""
    move(kitchen, work, target)
    if work not in kitchen.begun:
        return None
    kitchen.begun.remove(work)
    return work


def load_belt(kitchen: Kitchen, stage: str, busy_until: datetime) -> None:
    """Load a belt that can take something again, unless it has been loaded since. TooEarly before then."""
    station = kitchen.stations[stage]
    if not station.is_belt or station.busy_until != busy_until:
        return
    wait_seconds = (busy_until - kitchen.now).total_seconds()
    if wait_seconds > EARLY_SECONDS:
        raise TooEarly(wait_seconds)
    kitchen.now = max(kitchen.now, busy_until)  # the log keeps the headway
    seat(kitchen, station)
