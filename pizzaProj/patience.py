"""Bound how long one request waits for the database, in all its statements together.

Each statement has a limit of its own, but a request of twenty statements would wait twenty times as long. What it
computes itself is not counted: a slow machine is no reason to refuse anybody.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

WORK_SECONDS = 0.02  # a statement that takes no longer is work and not a wait; an admin's action has thousands of them


class Patience:
    """How many seconds are left to wait."""

    __slots__ = ("left_seconds",)

    def __init__(self, seconds: float) -> None:
        self.left_seconds = seconds

    def spend(self, seconds: float) -> None:
        """Count a wait."""
        if seconds > WORK_SECONDS:
            self.left_seconds -= seconds - WORK_SECONDS


# Threads that a request starts with sync_to_async have its context, and so the same patience.
_patience: ContextVar[Patience | None] = ContextVar("patience", default=None)


def present() -> Patience | None:
    """Return the patience of whoever waits here; None outside requests."""
    return _patience.get()


def begin(seconds: float) -> None:
    """Give this task, and all that it starts, a patience of its own."""
    _patience.set(Patience(seconds))


def seconds_left(at_most: float) -> float:
    """Return how long somebody here waits who would otherwise wait for `at_most`."""
    patience = _patience.get()
    return at_most if patience is None else min(at_most, patience.left_seconds)


@contextmanager
def limited(seconds: float) -> Iterator[Patience]:
    """Let everything inside wait for at most so long in all, and no longer than what surrounds it would."""
    outer = _patience.get()
    inner = Patience(seconds_left(seconds))
    begun_with = inner.left_seconds
    token = _patience.set(inner)
    try:
        yield inner
    finally:
        _patience.reset(token)
        if outer is not None:
            outer.left_seconds -= begun_with - inner.left_seconds
