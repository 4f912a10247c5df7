"""What fails a thousand times is written once, with a count."""

import logging

import pytest

from pizzaProj.limits import LOGGED_WARNINGS
from pizzaProj.logs import repeated
from pizzaProj.logs.repeated import Repeated
from pizzaProj.waits import LOG_SECONDS


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(repeated, "monotonic", clock)
    return clock


@pytest.fixture
def shop(clock):
    """A logger, and the list of what it writes."""
    logger = logging.Logger("shop")
    written = []

    class Lines(logging.Handler):
        def emit(self, record):
            written.append(record.getMessage())

    handler = Lines()
    handler.addFilter(Repeated())
    logger.addHandler(handler)
    logger.written = written
    return logger


def fail(shop, kind):
    try:
        raise kind
    except kind:
        shop.exception("It failed")


def test_a_traceback_is_written_once_a_minute(shop, clock):
    for _ in range(3):
        fail(shop, ValueError)
    clock.now += LOG_SECONDS
    for _ in range(2):
        fail(shop, ValueError)
    clock.now += 2 * LOG_SECONDS
    fail(shop, ValueError)
    assert shop.written == ["It failed", "It failed (2 more like it)", "It failed (1 more like it)"]


def test_another_one_is_written_in_full(shop):
    for kind in (ValueError, KeyError, ValueError):
        fail(shop, kind)
    assert len(shop.written) == 2


def test_daphnes_tracebacks_count_as_such(shop):
    for _ in range(3):
        for words in ("ValueError: no", "KeyError: 1"):
            shop.error("Traceback (most recent call last):\n  somewhere\n%s\n", words)
    assert len(shop.written) == 2


def test_a_warning_is_written_a_few_times(shop):
    for number in range(50):
        shop.warning("Room %d was not read", number)
    shop.warning("Another one")
    assert shop.written == [f"Room {number} was not read" for number in range(LOGGED_WARNINGS)] + ["Another one"]


def test_news_are_not_counted(shop):
    for _ in range(50):
        shop.info("An order")
    assert len(shop.written) == 50


def test_kinds_are_not_remembered_without_bound(shop, monkeypatch):
    monkeypatch.setattr(repeated, "MOST_KINDS", 3)
    for name in "abcdefg":
        shop.error("Traceback (most recent call last):\n%s", name)
    (filtering,) = shop.handlers[0].filters
    assert len(filtering.kinds) <= 3
