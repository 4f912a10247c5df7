"""The kitchen and its twin: the same orders through `flow` and through a plain recursion end alike."""

import heapq
from datetime import timedelta
from random import Random

import pytest

from home import models
from home.models import Order, OrderEvent
from kitchen import flow, stages
from kitchen.locks import read_stations
from kitchen.models import Station
from kitchen.tests.clock import NOON, begins

pytestmark = [
    pytest.mark.database,
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.django_db,
    pytest.mark.usefixtures("sent", "cooked"),
]

ORDERS = 1000
SEED = 20261120
GAP_SECONDS = 2.1  # at speed 60: a customer every 126 kitchen seconds keeps all four stations busy
PLACES = {"received": 2, "baking": 4, "baked": 1, "out_for_delivery": 10}


@pytest.fixture
def busy_kitchen(monkeypatch):
    random = Random(SEED)
    # The ids are the seeds of the service times.
    monkeypatch.setattr(models, "new_order_id", lambda: f"{random.getrandbits(64):020d}")
    for station in Station.objects.all():
        station.capacity, station.distribution = PLACES[station.stage], "lognormal"
        station.spread_seconds = station.mean_seconds * 0.4
        station.save()


def customers():
    """Yield (when, pizzas), on whole tenths of a second, so that some come at the same moment."""
    random, seconds = Random(SEED), 0.0
    for _ in range(ORDERS):
        seconds += random.expovariate(1 / GAP_SECONDS)
        yield NOON + timedelta(seconds=round(seconds, 1)), random.choice((1, 2, 3))


def through_flow(pizza):
    """Return the orders by pk. The next due link comes first; ties: completions before arrivals, then order id."""
    due = []
    for arrival, pizzas in customers():
        run_until(due, arrival)
        wake(due, begins(flow.place, [(pizza, pizzas)], clock=arrival))
    run_until(due)
    return {order.pk: order for order in Order.objects.all()}


def wake(due, begun):
    for order in begun:
        heapq.heappush(due, (order.due_at, order.pk, order.epoch, order.stage))


def run_until(due, moment=None):
    while due and (moment is None or due[0][0] <= moment):
        now, pk, epoch, stage = heapq.heappop(due)
        wake(due, begins(flow.finish, pk, epoch, stage, clock=now))


def through_queueing_theory(orders):
    """Return {(pk, stage): (start, end)}: c servers, first come, first served, by the one that is free first."""
    stations = read_stations(*stages.WORKED)
    arrivals = sorted((order.created_at, pk) for pk, order in orders.items())
    times = {}
    for stage in stages.WORKED:
        station = stations[stage]
        free_at, ends = [NOON] * station.capacity, []
        for arrival, pk in arrivals:
            start = max(arrival, heapq.heappop(free_at))
            end = start + timedelta(seconds=station.wall_seconds(orders[pk].order_id, orders[pk].pizzas))
            heapq.heappush(free_at, end)
            times[pk, stage] = (start, end)
            ends.append((end, pk))
        arrivals = sorted(ends)
    return times


def told_by_events():
    """Return the same, as the event log tells it."""
    left, times = {}, {}
    for pk, stage, at, event in OrderEvent.objects.order_by("order", "-seq").values_list(
        "order", "stage", "at", "event"
    ):
        if event == "started":
            times[pk, stage] = (at, left[pk])  # the next event, whatever it is, ends the work
        left[pk] = at
    return times


def test_flow_and_a_plain_recursion_agree_to_the_microsecond(busy_kitchen, margherita):
    orders = through_flow(margherita)
    told, expected = told_by_events(), through_queueing_theory(orders)
    waited = sum(start > orders[pk].created_at for (pk, stage), (start, _) in told.items() if stage == stages.FIRST)

    assert waited > ORDERS / 2  # otherwise there was nothing to agree on
    assert len(told) == ORDERS * len(stages.WORKED)
    assert told == expected
