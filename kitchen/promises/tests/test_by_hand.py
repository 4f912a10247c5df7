"""A kitchen that is run by taps alone teaches its promises everything."""

import pytest

from kitchen.models import Outcome, Promise, Shop, Station
from kitchen.promises import forecast, ledger
from kitchen.promises.tests.by_hand import Shift
from kitchen.tests.clock import NOON

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sent", "cooked")]


@pytest.fixture
def shift(margherita, bob, monkeypatch):
    """People who take a quarter longer than the stations say, at a real shop's speed."""
    forecast.recent.forget()
    forecast.learned.forget()
    monkeypatch.setattr(forecast.live, "announce_kitchen", lambda: None)
    Shop.objects.update(speed=1, speed_since=NOON, hands_over=False)
    Station.objects.update(ends_by="hand")
    return Shift(margherita, bob, seed=6, slower=1.25, per_hour=15)


def test_the_next_promises_hold(shift):
    shift.run(120)
    assert Outcome.objects.filter(intervened=False, seconds__isnull=False).count() == 120
    assert sum(len(lessons) for lessons in ledger.lessons(1.0).values()) == 120
    for station in Station.objects.exclude(stage="ready"):
        assert station.as_measured and station.uses_measured
        assert station.measured_mean_seconds == pytest.approx(1.25 * station.mean_seconds, rel=0.15)
    last = Promise.objects.latest("pk").pk
    shift.run(100)
    rows = Outcome.objects.filter(promise__gt=last)
    assert rows.count() == 100
    assert 85 <= rows.filter(kept=True).count() <= 95
