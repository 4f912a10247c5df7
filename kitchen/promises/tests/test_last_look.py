"""A promise is made for the kitchen as it is at that moment, with the orders of the last second in it."""

from dataclasses import replace
from random import Random

import pytest

from home.models import FORECAST_FIELDS, Order
from kitchen import flow, stages
from kitchen.models import Promise, Shop, Station
from kitchen.promises import forecast, last_look
from kitchen.promises.state import newcomer
from kitchen.tests.clock import NOON, at, finish
from simulation.lookahead import look_ahead_last

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sent", "cooked")]


@pytest.fixture(autouse=True)
def one_look(monkeypatch):
    """Let one look ahead last for an hour, unless something was changed: all who come then are added to it."""
    forecast.recent.forget()
    forecast.learned.forget()
    looks, look = [], last_look.look

    def patient(now):
        looks.append(now)
        made = look(now)
        made.until = at(3600)
        return made

    monkeypatch.setattr(last_look, "look", patient)
    return looks


def looked_again(pizzas, now, way=stages.DELIVERY):
    """Return what looking ahead for all says."""
    state = forecast.read_state(now)
    newest = Order.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    return look_ahead_last(replace(state, orders=(*state.orders, newcomer(state, newest + 1, pizzas, way))))


@pytest.mark.database
def test_sixty_in_a_row_get_a_promise_each_that_holds_a_moment_later(place, margherita, one_look, monkeypatch):
    monkeypatch.setattr(forecast.live, "announce_eta", lambda order: None)
    Shop.objects.update(speed=60)
    dice = Random(5)
    for number in range(60):
        now, way = at(number / 50), dice.choice([*stages.ROUTES])
        pizzas = dice.choice((1, 1, 2, 3))
        place(now, [(margherita, pizzas)], way=way, promise=forecast.promise(pizzas, now, way))
    assert one_look == [NOON]
    promises = Promise.objects.order_by("pk")
    assert [row.open_orders for row in promises] == list(range(60))
    assert len({row.model for row in promises}) == 60
    forecast.renew(at(1.2))
    for order in Order.objects.all():
        eta = [getattr(order, name) for name in FORECAST_FIELDS]
        assert order.promised_low < eta[1] < order.promised_high
        assert abs(eta[1] - order.promised_median) < (order.promised_high - order.promised_low) / 4


def test_who_was_added_counts_as_if_all_were_looked_ahead_for(small_kitchen, place, one_look):
    for number in range(5):
        place(at(number), promise=forecast.promise(1, at(number)))
    assert forecast.ask(2, at(6)).model == looked_again(2, at(6))
    assert forecast.ask(2, at(6), "carry_out").model == looked_again(2, at(6), "carry_out")
    assert one_look == [NOON]


@pytest.mark.database
@pytest.mark.parametrize("what", ["hold", "cancel", "rush", "station", "closed", "speed", "measured"])
def test_what_people_change_counts_at_once(small_kitchen, place, what, one_look):
    orders = [place(at(number)) for number in range(3)]
    forecast.promise(1, at(4))
    if what == "station":
        flow.change_station("received", capacity=2, clock=at(5))
    elif what == "closed":
        flow.change_station("baking", is_open=False, clock=at(5))
    elif what == "speed":
        flow.set_speed(2, clock=at(5))
    elif what == "measured":
        Station.objects.filter(stage="baking").update(
            as_measured=True, measured_distribution="fixed", measured_mean_seconds=50, measured_spread_seconds=0
        )
    else:
        getattr(flow, what)(orders[1].pk, clock=at(5))
    assert forecast.ask(1, at(6)).model == looked_again(1, at(6))
    assert len(one_look) == 2


def test_what_the_kitchen_does_by_itself_was_expected(small_kitchen, place, one_look):
    order = place(NOON)
    forecast.promise(1, at(1))
    finish(order, at(10))
    assert forecast.ask(1, at(12)).model == looked_again(1, at(12))
    assert one_look == [at(1)]


def test_it_lasts_for_ten_times_as_long_as_it_took(small_kitchen, place, monkeypatch):
    monkeypatch.undo()
    place(NOON)
    look = last_look.look(NOON)
    took = (look.until - NOON) / last_look.USED_TIMES
    stations = list(last_look.locks.read_stations(*last_look.STATIONS).values())
    assert [look.is_of(stations, moment) for moment in (NOON - took, NOON, NOON + 9 * took, look.until)] == [
        False, True, True, False
    ]  # fmt: skip


def test_those_who_waited_out_of_turn_use_the_same(small_kitchen, place, one_look):
    place(NOON)
    for second in (9, 8, 7):
        forecast.promise(1, at(second))
    assert one_look == [at(9)]


def test_it_never_lasts_for_long(small_kitchen, place, monkeypatch):
    monkeypatch.undo()
    seconds = iter((0.0, 100.0))
    monkeypatch.setattr(last_look, "monotonic", lambda: next(seconds))
    assert last_look.look(NOON).until == at(last_look.MOST_SECONDS)


def test_who_has_to_wait_for_others_for_too_long_gets_no_promise(small_kitchen, monkeypatch):
    monkeypatch.setattr(last_look, "WAIT_SECONDS", 0.01)
    with forecast.last_look.looked(NOON):
        assert forecast.promise(1, NOON) is None
    assert forecast.promise(1, NOON) is not None


def test_after_a_failure_it_begins_again(small_kitchen, place, one_look, monkeypatch):
    forecast.promise(1, NOON)
    place(at(1))
    with monkeypatch.context() as broken:
        broken.setattr(last_look, "newcomer", lambda *args: 1 / 0)
        assert forecast.promise(1, at(2)) is None
    assert forecast.ask(1, at(3)).model == looked_again(1, at(3))
