"""Remember for a moment that the database did not answer, so that not everybody waits for it in turn.

Sockets share a few threads: if each of a hundred waited for its own limit, the last one would wait for minutes.
"""

import math
from time import monotonic

from psycopg import OperationalError

from pizzaProj import waits

LONG_SECONDS = 1.0  # a shorter wait in vain says that somebody's patience was at its end, and no more

_answered_at = -math.inf
_ends_at = -math.inf


def note_answer() -> None:
    """Note that the database has just answered. Whatever was the matter is over."""
    global _answered_at, _ends_at
    _answered_at = monotonic()
    _ends_at = -math.inf


def note_silence(waited_seconds: float) -> None:
    """Note that somebody waited in vain. If others were answered meanwhile, that is a rush and no outage."""
    if waited_seconds >= LONG_SECONDS:
        _begin_unless_answered_within(waited_seconds)


def note_refusal() -> None:
    """Note that no connection could be made. If others are answered, there are only too many of them."""
    _begin_unless_answered_within(LONG_SECONDS)


def _begin_unless_answered_within(seconds: float) -> None:
    global _ends_at
    now = monotonic()
    if _answered_at < now - seconds:
        _ends_at = now + waits.OUTAGE_SECONDS


def refuse() -> None:
    """Raise OperationalError during an outage."""
    if monotonic() < _ends_at:
        raise OperationalError("the database did not answer a moment ago")
