"""Work that goes on for longer than its times allow is not done now: nobody has tapped, or a link was lost."""

from datetime import UTC, timedelta

import pytest

from home.models import Order
from kitchen import flow, outlook
from kitchen.models import Shop, Station
from kitchen.promises import forecast
from kitchen.tests.clock import Moment, begins, finish, link_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("small_kitchen", "sent", "cooked")]

HOUR = timedelta(hours=1)
OVEN_SECONDS = 450


@pytest.fixture(params=["hand", "clock"])
def forgotten(request, place):
    """Three orders; the first is in the oven for an hour, and nobody has tapped, or its link was lost."""
    Station.objects.filter(stage="baking").update(mean_seconds=OVEN_SECONDS, ends_by=request.param)
    now = Moment.now(UTC)
    orders = [place(now - HOUR - timedelta(seconds=10)) for _ in range(3)]
    finish(orders[0], now - HOUR)
    if request.param == "hand":
        item = Order.objects.get(pk=orders[0].pk).item(1)
        begins(*link_of(item), clock=lambda: item.due_at)  # it marks the work as overdue, and ends
    return now, orders


def intervals(now):
    """Return (low, median, high) by order, in minutes from now."""
    found = forecast.forecasts(forecast.read_state(now), now)
    return {pk: [(moment - now) / timedelta(minutes=1) for moment in moments] for pk, moments in found.items()}


@pytest.mark.database
def test_the_forecast_is_wide_and_honest_also_for_those_behind(forgotten):
    now, orders = forgotten
    first, second, third = (intervals(now)[order.pk] for order in orders)
    for low, median, high in (first, second, third):
        assert 1 < low < median < high
        assert high - low > 30
    assert first[1] + OVEN_SECONDS / 60 - 1 < second[1] < third[1]
    later = intervals(now + HOUR)[orders[0].pk]
    assert later[2] - later[0] > first[2] - first[0]


@pytest.mark.database
def test_what_everyone_sees_lies_ahead_and_moves(forgotten, monkeypatch):
    now, orders = forgotten
    outlook.stations.forget()
    seen = []
    for later in (timedelta(), timedelta(minutes=10), timedelta(minutes=20)):
        monkeypatch.setattr(outlook.clock, "now", lambda moment=now + later: moment)
        due_at = outlook.expected_end(Order.objects.get(pk=orders[0].pk).item(1))
        assert due_at > now + later + timedelta(minutes=30)
        seen.append(due_at)
    assert seen == sorted(set(seen))


@pytest.mark.database
def test_how_late_such_works_were_says_what_is_left(forgotten):
    now, orders = forgotten
    before = intervals(now)[orders[0].pk]
    Station.objects.filter(stage="baking").update(measured_late_seconds=[60.0 * minutes for minutes in range(50, 64)])
    low, median, high = intervals(now)[orders[0].pk]
    assert 0 < low < median < high < 14
    assert high - low < (before[2] - before[0]) / 10


def test_a_promise_behind_it_is_as_wide(forgotten):
    now, orders = forgotten
    forecast.recent.forget()
    low, median, high = forecast.ask(1, now).model
    assert high - low > 30 * 60 and median > intervals(now)[orders[2].pk][1] * 60


def test_the_real_shop_says_so_at_its_own_speed(forgotten):
    now, orders = forgotten
    assert Shop.objects.get().speed == 1
    flow.set_speed(2, clock=now)
    first = intervals(now)[orders[0].pk]
    assert first[2] - first[0] > 15
