"""What clients do wrong is counted, not logged."""

import logging

import pytest

from pizzaProj.logs import refusals
from pizzaProj.waits import LOG_SECONDS


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(refusals, "monotonic", clock)
    monkeypatch.setattr(refusals, "tally", refusals.Tally())
    return clock


@pytest.fixture
def written():
    """Yield what reaches the log. (pytest's own fixture also hears loggers that keep their entries to themselves.)"""
    records = []

    class Lines(logging.Handler):
        def emit(self, record):
            records.append(record)

    lines = Lines()
    logging.getLogger().addHandler(lines)
    yield records
    logging.getLogger().removeHandler(lines)


def test_a_minute_of_refusals_is_one_line(client, clock, written):
    def ask_for_nothing():
        for _ in range(3):
            client.get("/nowhere/")
        client.delete("/log-in/")
        client.get("/", headers={"host": "evil.example"})

    ask_for_nothing()
    assert written == []
    clock.now += LOG_SECONDS
    ask_for_nothing()
    (record,) = written
    told = "Requests refused since the last such line: 400 1 times, 404 4 times, 405 1 times"
    assert (record.levelname, record.getMessage()) == ("INFO", told)


def test_our_own_errors_are_logged_as_before(client, clock, written, monkeypatch):
    client.raise_request_exception = False
    monkeypatch.setattr("home.api.views.Pizza", None)
    assert client.get("/api/menu/").status_code == 500
    (record,) = written
    assert record.exc_info and record.getMessage() == "Internal Server Error: /api/menu/"
