"""Whether the database is away, or only busy, or not asked for long enough."""

from collections.abc import Callable

import psycopg
import pytest

from pizzaProj import waits
from pizzaProj.postgresql import outage

Sleep = Callable[[float], None]


@pytest.fixture
def sleep(monkeypatch: pytest.MonkeyPatch) -> Sleep:
    """Return a function that lets time pass. The database has just answered."""
    now = [1000.0]
    monkeypatch.setattr(outage, "_ends_at", 0.0)
    monkeypatch.setattr(outage, "monotonic", lambda: now[0])
    outage.note_answer()

    def sleep(seconds: float) -> None:
        now[0] += seconds

    return sleep


def is_away() -> bool:
    try:
        outage.refuse()
    except psycopg.OperationalError:
        return True
    return False


def test_after_a_wait_in_vain_nobody_waits_for_a_moment(sleep: Sleep) -> None:
    sleep(3.0)
    outage.note_silence(2.9)
    assert is_away()
    sleep(waits.OUTAGE_SECONDS)
    assert not is_away()


def test_an_answer_ends_it(sleep: Sleep) -> None:
    sleep(3.0)
    outage.note_silence(2.9)
    outage.note_answer()
    assert not is_away()


def test_it_is_a_rush_if_somebody_was_answered_meanwhile(sleep: Sleep) -> None:
    sleep(2.0)
    outage.note_silence(2.1)
    assert not is_away()


def test_a_patience_at_its_end_says_nothing_of_the_database(sleep: Sleep) -> None:
    sleep(60.0)
    outage.note_silence(0.1)
    assert not is_away()


@pytest.mark.parametrize(("quiet_seconds", "away"), [(0.5, False), (5.0, True)])
def test_a_connection_too_many_is_no_outage(sleep: Sleep, quiet_seconds: float, away: bool) -> None:
    sleep(quiet_seconds)
    outage.note_refusal()
    assert is_away() is away
