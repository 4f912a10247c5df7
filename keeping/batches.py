"""Remove many rows a few at a time, so that nobody else waits for long, and for a limited time.

What is removed in one piece holds the kitchen's lock, or the turn of SQLite's writers, for some milliseconds. Between
two pieces the others have theirs: both are given in the order of arrival.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from django.db.models import QuerySet

ROWS = 500
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


def pieces(found: Sequence[int], most: int) -> Iterator[list[int]]:
    """Divide keys that were read together: a search among all rows for each piece could take longer than the piece."""
    for start in range(0, len(found), most):
        yield list(found[start : start + most])
