"""A clock that the test holds in its hand, and whose work a verb begins."""

from datetime import UTC, datetime, timedelta

from kitchen.flow import work_begun


class Moment(datetime):
    """A moment, and at the same time a clock that stands still at it."""

    def __call__(self):
        return self


NOON = Moment(2026, 11, 20, 12, tzinfo=UTC)


def at(seconds):
    return NOON + timedelta(seconds=seconds)


def begins(verb, *args, **kwargs):
    """The orders whose work begins through a verb: of `finish` also the one that goes on in its own chain."""
    begun = []

    def note(order, **kwargs):
        begun.append(order)

    work_begun.connect(note)
    try:
        own = verb(*args, **kwargs)
    finally:
        work_begun.disconnect(note)
    return [own, *begun] if verb.__name__ == "finish" and own else begun
