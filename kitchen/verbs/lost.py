"""Say and count what the recovery sweep has found: one line for all of it, and none where it found nothing.

A sweep that comes every two seconds finds lost work two to four seconds after it was due, and eight seconds later
where workers gather links: for so long it leaves the work to them, who find it within a second. What is overdue for
longer says that nobody swept: a restart, or an outage that has just ended. That is normal then, and counted
separately.
"""

import logging
from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db import transaction

from kitchen.locks import NEVER, Work
from kitchen.transitions import order_of
from telemetry import sweeps

logger = logging.getLogger(__name__)

STANDSTILL_SECONDS = 10.0  # of lateness, at which there was no sweep in between
NAMED_ORDERS = 5

LINKS = "The recovery sweep sent lost links again: %d, the oldest %.1f s late (order %s)"
STANDSTILL = "The recovery sweep is back: works that were overdue go on: %d, the oldest by %.1f s (order %s)"
PLACES = "The recovery sweep found free places beside a line: works that begin now: %d (order %s)"


def tell_of_links(works: Sequence[Work], now: datetime, lag_seconds: float) -> None:
    """Tell, after the commit, which works were overdue. They were left alone for `lag_seconds` more than usual."""
    if not works:
        return
    late_seconds = max(lateness_seconds(work, now) for work in works)
    is_standstill = late_seconds > STANDSTILL_SECONDS + lag_seconds
    what, words = ("standstill", STANDSTILL) if is_standstill else ("lost_link", LINKS)
    tell(what, words, len(works), late_seconds, numbers(works))


def tell_of_places(works: Sequence[Work]) -> None:
    """Tell, after the commit, which works were waiting beside a free place."""
    if works:
        tell("empty_place", PLACES, len(works), numbers(works))


def lateness_seconds(work: Work, now: datetime) -> float:
    """Return how long a work has waited for its link, which is the newest that it got."""
    assert work.due_at is not None, "only work that has begun can be overdue"
    since = max(work.due_at, work.recovered_at or work.due_at)
    return max(0.0, (now - since).total_seconds())


def numbers(works: Iterable[Work]) -> str:
    """Return the numbers of a few orders, the longest overdue first. Their ids are secrets."""
    by_age = sorted((work.due_at or NEVER, order_of(work).pk) for work in works)
    pks = list(dict.fromkeys(pk for _, pk in by_age))
    return ", ".join(map(str, pks[:NAMED_ORDERS])) + (", …" if len(pks) > NAMED_ORDERS else "")


def tell(what: str, words: str, count: int, *details: object) -> None:
    def tell_now() -> None:
        logger.warning(words, count, *details)
        sweeps.note(what, count)

    transaction.on_commit(tell_now, robust=True)
