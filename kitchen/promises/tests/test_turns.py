"""The forecasts of a long line are renewed in turn: the front at each round, the others within a minute."""

from datetime import timedelta
from random import Random

import pytest

from home.models import FORECAST_FIELDS, Order, OrderItem
from kitchen import flow, stages
from kitchen.models import Shop
from kitchen.promises import forecast, front, turns
from kitchen.tests.clock import NOON, at
from simulation.pieces import Pieces

pytestmark = [pytest.mark.database, pytest.mark.django_db, pytest.mark.usefixtures("sent", "cooked")]

ORDERS, FRONT, PIECE = 24, 4, 3
AT_WORK = 17  # places at all stations: who is there comes first
ROUND = 2.0  # seconds between two rounds


@pytest.fixture(autouse=True)
def rounds(monkeypatch):
    """Return the monotonic clock, as a list of its time."""
    monotonic = [100.0]
    monkeypatch.setattr(turns, "monotonic", lambda: monotonic[0])
    monkeypatch.setattr(forecast, "FEW_ORDERS", 10)
    monkeypatch.setattr(forecast, "BATCH", 1000)
    monkeypatch.setattr(front, "FRONT", FRONT)
    monkeypatch.setattr(front, "BEYOND", 14)
    monkeypatch.setattr(turns, "PIECE", PIECE)
    monkeypatch.setattr(turns, "TURN_SECONDS", 26.0)
    monkeypatch.setattr(forecast.live, "announce_eta", lambda order: None)
    turns.turns.forget()
    forecast.learned.forget()
    yield monotonic
    turns.turns.forget()


@pytest.fixture
def line(place, margherita):
    """Let orders come, and pass through the kitchen for 20 minutes: some are at each station."""
    Shop.objects.update(speed=1)
    dice = Random(7)
    for number in range(ORDERS):
        place(at(number - 1200), [(margherita, dice.choice((1, 2, 2)))], way=dice.choice([*stages.ROUTES]))
    while (soonest := flow.soonest()) < NOON:
        flow.finish_due(1, clock=lambda moment=soonest: moment)
    orders = list(forecast.unfulfilled())
    return orders


def etas():
    return {pk: eta for pk, *eta in forecast.unfulfilled().values_list("pk", *FORECAST_FIELDS)}


def looked(now=NOON):
    return {pk: list(eta) for pk, eta in forecast.forecasts(forecast.read_state(now), now).items()}


def renew(rounds, number, now=NOON):
    """Return how many orders each of so many rounds has written."""
    written = []
    for _ in range(number):
        written.append(forecast.renew(now))
        rounds[0] += ROUND
    return written


def test_all_are_come_to_in_a_turn_with_the_times_of_one_look(line, rounds):
    written = renew(rounds, 16)
    assert etas() == looked()
    assert sum(written) == len(line) and written[0] == FRONT and max(written) <= AT_WORK
    assert renew(rounds, 16) == [0] * 16  # as expected: nothing to say


def test_the_front_is_renewed_at_each_round(line, rounds):
    renew(rounds, 16)
    reading, told = front.read_front(NOON)
    assert len(reading.state.orders) < len(line) and len(told) == FRONT
    late = at(600)  # nobody has tapped for ten minutes
    turns.turns.turn.at = late
    forecast.renew(late)
    now, all_of_them = etas(), looked(late)
    assert [now[pk] for pk in told] == [all_of_them[pk] for pk in told]


def test_the_front_knows_whose_pizza_is_ahead_of_an_order_before_it(line, monkeypatch):
    """An order's stage is that of its last pizza; its first one can hold a place in the oven."""
    monkeypatch.setattr(front, "BEYOND", 0)
    reading, told = front.read_front(NOON)
    everybody = forecast.read_state(NOON)
    at_work = [
        pk
        for pk, order in zip(everybody.pks, everybody.orders, strict=True)
        if any(item.elapsed_seconds is not None and not item.is_done for item in order.items)
    ]
    assert set(at_work) <= set(reading.state.pks) and set(at_work) - set(told)


def test_the_front_knows_of_pizzas_that_are_made_again_before_all_others(line, monkeypatch, bob):
    monkeypatch.setattr(front, "BEYOND", 0)
    pk = max(order.pk for order in line if not order.cooking)
    flow.remake(pk, bob, clock=NOON)
    for number in range(1, len(line)):
        monkeypatch.setattr(front, "FRONT", number)
        reading, told = front.read_front(NOON)
        orders = dict(zip(reading.state.pks, reading.state.orders, strict=True))
        behind = [other for other in told if any(waits(item) and item.station == 0 for item in orders[other].items)]
        assert pk in orders or not behind
    assert behind


def waits(item):
    return item.elapsed_seconds is None and not item.is_done


def test_an_order_whose_pizzas_were_sent_back_behind_all_others_is_not_in_front(line, monkeypatch, bob):
    monkeypatch.setattr(front, "BEYOND", 0)
    pk = min(order.pk for order in line if order.stage == "baking")
    flow.override(pk, "received", bob, clock=NOON)
    for number in range(1, len(line)):
        monkeypatch.setattr(front, "FRONT", number)
        assert pk not in front.read_front(NOON)[1]


def test_of_a_wide_oven_the_front_reads_nobody_and_tells_only_who_is_past_it(line, rounds, monkeypatch):
    monkeypatch.setattr(front, "FRONT", len(line))
    monkeypatch.setattr(front, "BEYOND", 0)
    everybody, told = front.read_front(NOON)
    past = [order.pk for order in line if not order.cooking]
    assert past and len(told) == len(line)
    at_work = OrderItem.objects.working().values("order").distinct().count()
    monkeypatch.setattr(front, "MOST_AT_WORK", at_work)
    assert front.read_front(NOON) == (everybody, told)
    monkeypatch.setattr(front, "MOST_AT_WORK", at_work - 1)
    monkeypatch.setattr(front, "FRONT", len(past))
    reading, told = front.read_front(NOON)
    assert sorted(told) == sorted(past) == sorted(reading.state.pks)
    forecast.renew(NOON)
    assert {pk: eta for pk, eta in etas().items() if pk in past} == {pk: looked()[pk] for pk in past}


def test_an_order_on_hold_is_in_no_line_and_has_no_forecast(line, rounds):
    renew(rounds, 16)
    order = max(line, key=lambda order: order.pk)
    flow.hold(order.pk, clock=NOON)
    Order.objects.filter(pk=order.pk).update(eta_low=NOON, eta_median=NOON, eta_high=NOON)
    renew(rounds, 16)
    assert etas()[order.pk] == [None] * 3


def test_an_order_in_front_whose_pizzas_are_all_on_hold_has_no_forecast_either(line, rounds, monkeypatch):
    monkeypatch.setattr(front, "FRONT", len(line))
    order = next(order for order in line if order.cooking)
    renew(rounds, 1)
    flow.hold(order.pk, clock=NOON)
    assert etas()[order.pk] != [None] * 3
    renew(rounds, 16)
    assert etas()[order.pk] == [None] * 3


def test_a_station_that_is_changed_begins_a_new_turn(line, rounds):
    renew(rounds, 4)
    begun = turns.turns.turn
    flow.change_station("baking", capacity=12, clock=NOON)
    assert renew(rounds, 1) and turns.turns.turn is not begun
    renew(rounds, 16)
    assert etas() == looked()


def test_an_order_that_goes_on_meanwhile_keeps_what_the_next_turn_says(line, rounds):
    forecast.renew(NOON)
    order = max(line, key=lambda order: order.pk)
    flow.rush(order.pk, clock=NOON)
    Order.objects.filter(pk=order.pk).update(eta_low=None, eta_median=None, eta_high=None)
    order = Order.objects.get(pk=order.pk)
    found = turns.Found(NOON, turns.turns.turn.reading, {order.pk: (1.0, 2.0, 3.0)})
    assert forecast.renew_some(found) == 0


def test_a_process_that_is_seldom_sent_a_round_does_more(line, rounds):
    renew(rounds, 2)
    rounds[0] += turns.TURN_SECONDS
    assert renew(rounds, 1)[0] == len(line) - FRONT


def test_an_old_turn_is_given_up(line, rounds):
    renew(rounds, 3)
    begun = turns.turns.turn
    late = NOON + timedelta(seconds=turns.OLDEST_SECONDS)
    forecast.renew(late)
    assert turns.turns.turn is not begun and turns.turns.turn.at == late


def test_a_turn_goes_on_to_the_last_order_however_long_it_takes(line, rounds, monkeypatch):
    monkeypatch.setattr(turns, "MOST", 1)
    told, apart_seconds = set(), 0.9 * turns.OLDEST_SECONDS
    for number in range(2 + len(line)):
        told |= {pk for found in turns.turns.next(at(number * apart_seconds)) for pk in found.intervals}
        rounds[0] += apart_seconds
    assert told == {order.pk for order in line}


def test_a_round_asks_a_few_statements_and_runs_a_few_orders(line, rounds, django_assert_max_num_queries, monkeypatch):
    renew(rounds, 16)
    ran, run_next = [], Pieces.run_next

    def noted(pieces, is_last=False):
        ran[-1] += pieces.left[0].end - pieces.left[0].first
        return run_next(pieces, is_last)

    monkeypatch.setattr(Pieces, "run_next", noted)
    turns.turns.forget()
    for _ in range(16):
        ran.append(0)
        with django_assert_max_num_queries(11):
            renew(rounds, 1)
    assert sum(ran) == len(line) and max(ran) <= AT_WORK
