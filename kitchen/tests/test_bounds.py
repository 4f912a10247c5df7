"""What is known of a station without counting never lets in more than there are places for, and is seldom far off."""

from random import Random

import pytest

from home.models import Order, OrderItem
from kitchen import bounds, flow, locks
from kitchen.locks import lock_kitchen
from kitchen.models import Shop, Station
from kitchen.tests.clock import at

pytestmark = [pytest.mark.database, pytest.mark.django_db, pytest.mark.usefixtures("sent", "cooked")]

CAPACITY, SPARE = 14, 6


@pytest.fixture
def wide(monkeypatch):
    """Make a kitchen whose stations have room for a few more than one verb needs."""
    monkeypatch.setattr(locks, "_BEHIND_LOCK", locks._BEHIND_LOCK.replace(f" + {bounds.SPARE}", f" + {SPARE}"))
    monkeypatch.setattr(bounds, "SPARE", SPARE)
    monkeypatch.setattr(bounds, "COUNTED_SECONDS", 3600)
    bounds.bounds.forget()
    Shop.objects.update(speed=1)
    Station.objects.update(capacity=CAPACITY, distribution="fixed", mean_seconds=10, per_pizza=False)
    yield
    bounds.bounds.forget()


def read():
    """Return what a verb finds: how many places are taken at each station, at most."""
    with lock_kitchen() as kitchen:
        kitchen.read()
        return {station.stage: station.taken for station in kitchen.stations.values()}


def under_way():
    found = dict.fromkeys(Station.objects.values_list("stage", flat=True), 0)
    for works in (Order.objects.working(), OrderItem.objects.working()):
        for stage in works.values_list("stage", flat=True):
            found[stage] += 1
    return found


def test_a_bound_is_never_below_what_is_under_way(wide, place, margherita, bob):
    random, tight = Random(1), 0
    for second in range(80):
        act(random, place, margherita, bob, second)
        found, true = read(), under_way()
        assert all(true[stage] <= min(found[stage], CAPACITY) for stage in true), (second, found, true)
        tight += found != true
    assert tight > 20  # or nothing was ever left uncounted


def act(random, place, pizza, by, second):
    """Do something that happens in a shop."""
    orders = list(Order.objects.open().values_list("pk", flat=True))
    match random.randrange(10):
        case 0 | 1 | 2 | 3 | 4:
            place(at(second), [(pizza, random.randint(1, 3))])
        case 5 if orders:
            Order.objects.get(pk=random.choice(orders)).delete()
        case 6 if orders:
            flow.cancel(random.choice(orders), by, clock=at(second))
        case _:
            flow.finish_due(5, clock=at(second))


def test_a_log_without_its_newest_events_is_no_bound(wide, place, margherita):
    for second in range(3):
        place(at(second), [(margherita, 2)])
    read()
    Order.objects.latest("pk").delete()
    assert read()["received"] == 4  # counted


def test_what_left_no_event_is_found_out_soon(wide, place, margherita, monkeypatch):
    order = place(at(0), [(margherita, 2)])
    read()
    OrderItem.objects.filter(order=order).delete()
    assert read()["received"] == 2
    monkeypatch.setattr(bounds, "COUNTED_SECONDS", -1)
    assert read()["received"] == 0


@pytest.mark.parametrize("by_hand", [False, True])
def test_places_that_come_back_are_not_given_away_twice(wide, place, by_hand):
    """PostgreSQL counts no further than leaves no room; with more places there could be some."""
    Station.objects.filter(stage="received").update(capacity=60)
    for _ in range(30):
        place(at(0))
    flow.change_station("received", capacity=3, clock=at(1))
    for _ in range(10):
        place(at(1))
    assert under_way()["received"] == 30
    if by_hand:
        Station.objects.filter(stage="received").update(capacity=32)
        flow.seat_all(clock=at(2))
    else:
        flow.change_station("received", capacity=32, clock=at(2))
    assert under_way()["received"] == 32
