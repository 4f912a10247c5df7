"""A virtual clock for tests, and the orders whose work a verb begins."""

from datetime import UTC, datetime, timedelta

from kitchen.flow import work_begun


class Moment(datetime):
    """A moment that is also a clock standing still at it."""

    def __call__(self):
        return self


NOON = Moment(2026, 11, 20, 12, tzinfo=UTC)


def at(seconds):
    return NOON + timedelta(seconds=seconds)


def begins(verb, *args, **kwargs):
    """Return the orders whose work a verb begins; for `finish` also the one that goes on in its own chain."""
    begun = []

    def note(order, **kwargs):
        begun.append(order)

    work_begun.connect(note)
    try:
        own = verb(*args, **kwargs)
    finally:
        work_begun.disconnect(note)
    return [own, *begun] if verb.__name__ == "finish" and own else begun
