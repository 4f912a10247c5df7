"""Remove many rows a few at a time, so that nobody else waits for long, and for a limited time.

What is removed in one piece holds the kitchen's lock, or the turn of SQLite's writers, for some milliseconds. Between
two pieces the others have theirs: both are given in the order of arrival.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from django.db.models import Q, QuerySet

ROWS = 500
WINDOW = 1_000  # rows, among which old ones are searched for
ORDERS = 20  # whose events go together: about ten for each pizza
WHOLE_ORDERS = 5  # with all that hangs on them, behind the kitchen's lock


class Removed(NamedTuple):
    number: int
    is_all: bool  # False: there is more, but no time


def run(steps: Iterable[int], until: float) -> Removed:
    """Remove piece by piece until nothing is left, or until a moment on `time.monotonic`. Each step says how many."""
    number = 0
    for more in steps:
        number += more
        if time.monotonic() >= until:
            return Removed(number, False)
    return Removed(number, True)


def keys(rows: QuerySet[Any], most: int = ROWS, after: int = 0) -> Iterator[list[int]]:
    """Yield the keys of these rows, at most so many at once, the smallest first. Each piece is read when it is due."""
    while found := list(rows.filter(pk__gt=after).order_by("pk").values_list("pk", flat=True)[:most]):
        yield found
        after = found[-1]


def old_keys(rows: QuerySet[Any], is_old: Q, after: int = 0) -> Iterator[list[int]]:
    """Yield the keys of those of these rows that are old, at most ROWS at once, the smallest first.

    Keys follow age, so it stops where a whole window of rows has none that is old: the rest is younger. If a clock was
    set back in between, what lies behind such a window is found when the window is old, too.
    """
    everything = rows.model._default_manager.order_by("pk").values_list("pk", flat=True)
    while window := end_of_window(everything.filter(pk__gt=after)):
        if not everything.filter(is_old, pk__gt=after, pk__lte=window).exists():
            return  # asked before they are yielded: whoever gets them can remove them
        yield from keys(rows.filter(is_old, pk__lte=window), after=after)
        after = window


def end_of_window(keys: QuerySet[Any, int]) -> int | None:
    """Return the last key of the next WINDOW rows; None if there are none."""
    return next(iter(keys[WINDOW - 1 : WINDOW]), None) or keys.last()


def pieces(found: Sequence[int], most: int) -> Iterator[list[int]]:
    """Divide keys that were read together: a search among all rows for each piece could take longer than the piece."""
    for start in range(0, len(found), most):
        yield list(found[start : start + most])
