"""Forecasts: the kitchen run forward, from the promise to the delivery."""

from dataclasses import astuple, replace
from datetime import datetime, timedelta

import numpy as np
import pytest
from django.utils import timezone

from home.models import FORECAST_FIELDS, Order, OrderItem
from kitchen import flow, stages
from kitchen.models import Outcome, Promise, Shop, Station
from kitchen.promises import forecast, last_look, ledger, tasks
from kitchen.tests.clock import NOON, at, begins, finish, finish_item, link_of
from kitchen.tests.test_flow import fresh
from simulation.lookahead import (
    PATHS,
    ItemStanding,
    ServiceTime,
    Standing,
    State,
    Workplace,
    look_ahead,
    look_ahead_last,
    paths,
)


@pytest.fixture(autouse=True)
def nothing_remembered():
    forecast.recent.forget()
    forecast.learned.forget()


def station(name, capacity, distribution, mean, spread=0.0, per_pizza=False, is_open=True):
    return Workplace(name, capacity, is_open, ServiceTime(distribution, mean, spread, per_pizza))


def state(*orders, stations=None, **more):
    stations = stations or tuple(station(str(seconds), 1, "fixed", seconds) for seconds in (10, 20, 5, 30))
    return State(stations, orders, 1.0, True, **more)


def order(key, place=0, elapsed=None, pizzas=1):
    return Standing(str(key), place, elapsed, pizzas)


def medians(answers):
    return [answer and answer[1] for answer in answers]


# Looking ahead: plain numbers


def test_a_fixed_kitchen_ends_as_it_does_by_hand():
    answers = look_ahead(state(order(1, 3, 12.0), order(2, 0, 4.0), order(3), order(4)))
    # 1: 18 left on the way. 2: 6 + 20 + 5, then 30 with the driver. 3 waits for 2 at the oven and at the driver.
    assert answers == [(18.0,) * 3, (61.0,) * 3, (91.0,) * 3, (121.0,) * 3]


def test_two_places_and_more_in_work_than_places():
    stations = (station("oven", 2, "fixed", 10),)
    answers = look_ahead(state(order(1, 0, 9.0), order(2, 0, 5.0), order(3, 0, 1.0), order(4), stations=stations))
    assert medians(answers) == [1.0, 5.0, 9.0, 15.0]  # three are in two places: the fourth waits for two of them


def test_each_pizza_takes_its_time():
    stations = (station("make", 1, "fixed", 10, per_pizza=True),)
    assert medians(look_ahead(state(order(1, 0, 4.0, 3), order(2, pizzas=2), stations=stations))) == [26.0, 46.0]


def test_overdue_work_is_not_done_now_and_the_later_the_less_is_known():
    soon, late = (look_ahead(state(order(1, 3, elapsed)))[0] for elapsed in (31.0, 630.0))
    assert 0 < soon[0] < soon[1] < soon[2] < late[1]
    assert late[2] - late[0] > 600


def test_the_interval_is_nine_tenths_of_the_distribution():
    stations = (station("drivers", 1, "lognormal", 1200.0, 420.0),)
    inside = []
    truth = stations[0].service.drawn.many(np.random.default_rng(1), (2000,))
    for number, seconds in enumerate(truth):
        low, _, high = look_ahead_last(state(order(number), stations=stations))
        inside.append(low <= seconds <= high)
    assert np.mean(inside) == pytest.approx(0.9, abs=4 * 0.0067)


@pytest.mark.parametrize("distribution", ["lognormal", "gamma", "exponential"])
@pytest.mark.parametrize("elapsed", [600.0, 2400.0, 3000.0])
def test_the_residual_time_is_the_distribution_given_the_elapsed_time(distribution, elapsed):
    spread = 1200.0 if distribution == "exponential" else 420.0
    stations = (station("drivers", 1, distribution, 1200.0, spread),)
    left = paths(stations, [order(number, 0, elapsed) for number in range(40)])
    if distribution == "exponential":
        expected = 1200.0  # it has no memory
    else:
        service = stations[0].service.drawn
        expected = service.remaining(np.random.default_rng(2), np.array([elapsed]), 200_000).mean()
    one = left[:, 0] if elapsed else left
    assert left.shape == (PATHS, 40) and (left >= 0).all() and len(np.unique(one)) > PATHS / 3
    # forty orders in a line of one place would wait for each other; these are all in work, so none does
    assert left.mean() == pytest.approx(expected, rel=0.1)


def test_the_same_kitchen_gives_the_same_answer_and_the_interval_does_not_tremble():
    stations = (station("make", 2, "lognormal", 120.0, 48.0, True), station("drivers", 3, "lognormal", 1200.0, 420.0))

    def answers_after(seconds):
        return look_ahead(
            state(order(1, 1, 300.0 + seconds), order(2, 0, 60.0 + seconds), order(3), stations=stations)
        )

    assert answers_after(0) == answers_after(0)
    for before, after in zip(answers_after(0), answers_after(2), strict=True):
        assert np.abs(np.subtract(before, after)).max() < 10  # with new draws it would be minutes


def test_orders_before_a_closed_station_get_no_answer_and_the_others_theirs():
    stations = tuple(replace(place, is_open=place.name != "20") for place in state().stations)
    standing = (order(1, 3), order(2, 1, 5.0), order(3, 1), order(4, 0, 2.0), order(5))
    assert medians(look_ahead(state(*standing, stations=stations))) == [30.0, 60.0, None, None, None]
    assert look_ahead_last(state(*standing, stations=stations)) is None


# Pizzas by themselves, and two ways out


def kitchen_of_pizzas(**closed):
    units = (("make", 1, 10, "item"), ("oven", 2, 20, "item"), ("bench", 1, 5, "order"), ("drivers", 1, 30, "order"))
    return tuple(
        replace(station(name, places, "fixed", seconds), unit=unit, is_open=name not in closed)
        for name, places, seconds, unit in units
    )


def ahead(*orders, **closed):
    """Return the medians, and that of the last order alone."""
    there = State(kitchen_of_pizzas(**closed), orders, 1.0, True)
    last = look_ahead_last(there)
    return medians(look_ahead(there)), last and last[1]


COLLECT = (0, 1, 2)
THREE = Standing(
    "three", 0, None, 3, None, (ItemStanding(1, 5.0), ItemStanding(0, 4.0), ItemStanding(0, None))
)  # fmt: skip
LATER, TO_COLLECT = (Standing(key, 0, None, 1, route, (ItemStanding(0, None, turn=1),)) for key, route in (
    ("later", None), ("to collect", COLLECT),
))  # fmt: skip


def test_pizzas_part_and_come_together_as_by_hand():
    # Three: made until 6 and 16, out of the oven at 15, 26 and 36. The next are made until 26 and 36.
    assert ahead(THREE, LATER, TO_COLLECT) == ([71, 101, 61], 61)


def test_behind_a_closed_station_a_delivery_still_takes_places_of_others():
    assert ahead(THREE, LATER, TO_COLLECT, drivers="closed") == ([None, None, 61], 61)
    assert ahead(TO_COLLECT, drivers="closed") == ([35], 35)


@pytest.mark.parametrize("name", ["make", "oven", "bench"])
def test_before_a_closed_station_of_all_nobody_gets_an_answer(name):
    assert ahead(THREE, LATER, TO_COLLECT, **{name: "closed"}) == ([None] * 3, None)


def test_a_pizza_that_waits_for_a_closed_station_keeps_its_order_but_not_its_sibling():
    parted = Standing("parted", 0, None, 2, None, (ItemStanding(0, None), ItemStanding(1, None, turn=1)))
    baking = [Standing(key, 1, None, 1, COLLECT, (ItemStanding(1, 1.0),)) for key in ("a", "b")]
    waits = Standing("waits", 1, None, 1, COLLECT, (ItemStanding(1, None, turn=2),))
    made = Standing("made", 1, None, 1, COLLECT, (ItemStanding(1, None, turn=3),))
    assert ahead(parted, *baking, waits, made, make="closed") == ([None, 24, 29, 44, 64], 64)


def test_a_pizza_on_hold_keeps_its_order_but_not_its_siblings():
    held = Standing("held", 0, None, 2, None, (ItemStanding(0, None, True), ItemStanding(0, 0.0)), is_held=True)
    assert ahead(held, TO_COLLECT) == ([None, 45], 45)
    assert ahead(TO_COLLECT, held) == ([45, None], None)
    assert ahead(replace(held, items=(ItemStanding(0, None, True),) * 2)) == ([None], None)


# From the database


def run(until=None):
    """Let each link arrive, and each belt be loaded, when it is due, in a kitchen without intervention."""
    while due := sorted([*links_due(), *loadings_due()], key=lambda one: one[:3]):
        moment, _, _, (verb, *args) = due[0]
        if until and moment > until:
            return
        begins(verb, *args, clock=lambda moment=moment: moment)


def links_due():
    works = [*Order.objects.working(), *OrderItem.objects.working().select_related("order")]
    return [(work.due_at, 0, number, link_of(work)) for number, work in enumerate(works)]


def loadings_due():
    for belt in Station.objects.filter(kind="belt"):
        if OrderItem.objects.cooking().filter(stage=belt.stage, started_at=None).exists():
            yield belt.busy_until, 1, 0, (flow.load, belt.stage, belt.busy_until)


@pytest.fixture
def calm(db, sent, cooked):
    """A kitchen of fixed times, several places, on a clock of speed 2."""
    Shop.objects.update(speed=2)
    made = Station.objects.exclude(stage=stages.READY)
    for row, (seconds, places) in zip(made, ((31, 2), (47, 2), (5, 1), (83, 3)), strict=True):
        row.capacity, row.distribution, row.mean_seconds, row.per_pizza = places, "fixed", seconds, seconds == 31
        row.save()


@pytest.mark.database
@pytest.mark.django_db
@pytest.mark.parametrize("oven", ["slots", "belt"])
def test_pizzas_do_what_was_forecast(calm, place, margherita, oven):
    Station.objects.filter(stage="baking").update(kind=oven, headway_seconds=19)
    Station.objects.filter(stage="baked").update(per_pizza=True)
    orders = []
    for number in range(12):
        run(at(5 * number))
        items = [(margherita, number % 3 + 1), (margherita, number % 2 + 1)]
        orders.append(place(at(5 * number), items, way=("delivery", "carry_out")[number // 2 % 2]))
    run(at(70))
    assert {order.stage for order in Order.objects.all()} >= {"received", "baking", "out_for_delivery"}
    assert OrderItem.objects.filter(is_done=True, order__stage__in=["received", "baking"]).exists()

    forecast.renew(at(70))
    expected = {order.pk: order.eta_median for order in Order.objects.filter(ready_at=None, delivered_at=None)}
    run()
    for row in Order.objects.filter(pk__in=expected):
        assert abs(row.fulfilled_at - expected[row.pk]) < timedelta(milliseconds=1), row.pk
    assert len(set(expected.values())) > 8


@pytest.mark.database
@pytest.mark.django_db
def test_the_live_kitchen_does_what_was_forecast(calm, place, margherita):
    for stage in ("baking", "received"):
        flow.change_station(stage, works_on="order", clock=NOON)
    orders = []
    for number in range(9):
        run(at(3 * number))
        orders.append(place(at(3 * number), [(margherita, number % 3 + 1)]))
    run(at(60))
    flow.rush(orders[8].pk, clock=at(60))
    assert {order.stage for order in Order.objects.all()} >= {"received", "baking"}

    forecast.renew(at(60))
    expected = {order.pk: order.eta_median for order in Order.objects.all()}
    run()
    for row in Order.objects.all():
        assert row.delivered_at - expected[row.pk] < timedelta(milliseconds=1), row.pk
    assert len(set(expected.values())) > 3


@pytest.mark.django_db
def test_it_knows_only_what_a_person_could_know(small_kitchen, sent, cooked, place):
    Station.objects.filter(stage="received").update(distribution="lognormal", spread_seconds=5)
    place(NOON)
    before = look_ahead(forecast.read_state(at(4)))
    OrderItem.objects.filter(started_at__isnull=False).update(due_at=at(9999))
    assert look_ahead(forecast.read_state(at(4))) == before


@pytest.mark.django_db
def test_rushed_ones_are_first_and_held_ones_nowhere(small_kitchen, sent, cooked, place):
    first, second, third, held = (place(at(number)) for number in range(4))
    flow.rush(third.pk, clock=at(5))
    flow.hold(held.pk, clock=at(5))
    state = forecast.read_state(at(6))
    assert state.pks == (third.pk, first.pk, second.pk)
    assert [[item.elapsed_seconds for item in one.items] for one in state.orders] == [[None], [6.0], [None]]


@pytest.mark.database
@pytest.mark.django_db
def test_each_pizza_stands_where_it_is(small_kitchen, sent, cooked, place, margherita, bob):
    Station.objects.filter(works_on="item").update(capacity=2)
    first, second = place(NOON, [(margherita, 4)]), place(at(1), [(margherita, 2)], way="carry_out")
    finish_item(first, 1, at(10))
    flow.cancel(first.pk, bob, item=2, clock=at(11))
    flow.rush(second.pk, bob, item=2, clock=at(12))
    standing = forecast.read_state(at(14)).orders
    assert [(one.pizzas, one.route, one.is_held) for one in standing] == [
        (3, (*COLLECT, 3), False),
        (2, COLLECT, False),
    ]
    assert [[item[:2] for item in map(astuple, one.items)] for one in standing] == [
        [(1, 4.0), (0, 4.0), (0, 3.0)],
        [(0, None), (0, None)],
    ]
    assert standing[1].items[1].turn < standing[1].items[0].turn

    flow.hold(first.pk, bob, item=3, clock=at(15))
    flow.hold(second.pk, bob, clock=at(15))
    (only,) = forecast.read_state(at(16)).orders
    assert only.is_held
    assert [astuple(item)[:3] for item in only.items] == [(1, 6.0, False), (0, None, True), (0, 5.0, False)]


@pytest.mark.django_db
def test_what_stands_at_the_counter_is_no_part_of_it(small_kitchen, sent, cooked, place):
    ready, waits = place(NOON, way="carry_out"), place(at(1))
    flow.override(ready.pk, stages.READY, clock=at(2))
    assert forecast.read_state(at(3)).pks == (waits.pk,)


@pytest.mark.django_db
def test_a_belt_takes_none_until_its_headway_is_over(small_kitchen, sent, cooked, place):
    Station.objects.filter(stage="baking").update(
        kind="belt", headway_seconds=12, busy_until=at(5), distribution="lognormal", spread_seconds=5
    )
    Shop.objects.update(speed=2)
    belt = forecast.read_state(NOON).stations[1]
    assert (belt.headway_seconds, belt.busy_seconds, belt.service.distribution) == (12, 10, "fixed")
    assert forecast.read_state(at(60)).stations[1].busy_seconds == 0


@pytest.mark.django_db
def test_the_state_takes_two_queries(small_kitchen, sent, cooked, place, margherita, django_assert_num_queries):
    for number in range(5):
        place(at(number), [(margherita, number + 1)])
    with django_assert_num_queries(2):
        forecast.read_state(at(6))


@pytest.mark.django_db
def test_a_station_is_looked_ahead_with_what_staff_chose(small_kitchen):
    Station.objects.filter(stage="baking").update(
        measured_distribution="gamma", measured_mean_seconds=33.0, measured_spread_seconds=4.0, as_measured=True
    )
    services = [(row.service.distribution, row.service.mean) for row in forecast.read_state(NOON).stations]
    assert services == [("fixed", 10), ("gamma", 33), ("fixed", 5), ("fixed", 30)]
    Station.objects.update(measured_mean_seconds=None)  # nothing measured yet
    assert forecast.read_state(NOON).stations[1].service.mean == 20


# The promise


def promise(pizzas=1, now=NOON, way=stages.DELIVERY):
    forecast.recent.forget()
    return forecast.promise(pizzas, now, way)


@pytest.mark.database
@pytest.mark.django_db
def test_what_was_promised_is_kept_with_the_order_and_in_the_ledger(small_kitchen, sent, cooked, place):
    place(NOON)
    order = fresh(place(at(2), promise=promise(now=at(2)), simulated=True))

    assert order.promised_low == order.promised_median == order.promised_high == at(95)
    assert (order.eta_low, order.eta_median, order.eta_high) == (at(95),) * 3
    times = dict.fromkeys(("low", "median", "high"), at(95).isoformat()) | {"what": "at the door"}
    assert order.payload()["promise"] == order.payload()["eta"] == times
    row = Promise.objects.get()
    assert (row.order_pk, row.at, row.speed, row.pizzas, row.open_orders, row.simulated) == (
        order.pk, at(2), 1.0, 1, 1, True,
    )  # fmt: skip
    assert (row.low_seconds, row.median_seconds, row.high_seconds) == row.model == (93.0,) * 3

    order.promised_high = at(999)
    order.save()
    order.save(update_fields=["promised_high"])
    assert fresh(order).promised_high == at(95)


@pytest.mark.django_db
def test_it_is_kept_when_the_kitchen_is_left_alone(small_kitchen, sent, cooked, place):
    Shop.objects.update(speed_since=NOON)
    for number in range(6):
        run(at(7 * number))
        place(at(7 * number), promise=promise(now=at(7 * number)))
    run()
    for order in Order.objects.all():
        assert order.delivered_at == order.promised_median
    assert ledger.settle(at(500)) == 6
    assert list(Outcome.objects.values_list("kept", "intervened")) == [(True, False)] * 6


@pytest.mark.database
@pytest.mark.django_db
def test_who_collects_is_told_when_it_is_ready(small_kitchen, sent, cooked, place, margherita):
    three = [(margherita, 3)]
    place(NOON, promise=promise())
    order = fresh(place(at(2), three, way="carry_out", promise=promise(3, at(2), "carry_out")))

    # made until 40, out of the oven at 90, then the bench
    times = dict.fromkeys(("low", "median", "high"), at(95).isoformat()) | {"what": "ready to collect"}
    assert order.payload()["promise"] == order.payload()["eta"] == times
    assert list(Promise.objects.values_list("way", "median_seconds")) == [("delivery", 65), ("carry_out", 93)]
    run()
    assert fresh(order).ready_at == at(95)
    ledger.settle(at(2000))
    assert list(Outcome.objects.order_by("promise").values_list("seconds", "kept")) == [(65, True), (93, True)]


@pytest.mark.django_db
def test_who_collects_is_promised_something_without_drivers(small_kitchen):
    Station.objects.filter(stage="out_for_delivery").update(is_open=False)
    assert forecast.ask(1, NOON).why_not == "The drivers is closed: we can't say yet when it would be ready."
    assert forecast.ask(1, NOON, "carry_out").model == (35.0,) * 3


@pytest.mark.django_db
def test_a_closed_shop_or_station_promises_nothing_and_says_why(small_kitchen):
    Station.objects.filter(stage="baking").update(is_open=False)
    answer = forecast.ask(1, NOON)
    assert (answer.times, answer.wait_words, answer.promise(1, NOON)) == (None, "", None)
    assert answer.why_not == "The oven is closed: we can't say yet when it would be ready."
    Shop.objects.update(is_open=False)
    assert forecast.ask(1, NOON).why_not == "We are closed right now and take no orders."


@pytest.mark.django_db
def test_an_order_is_never_lost_for_want_of_a_promise(client, small_kitchen, sent, cooked, margherita, monkeypatch):
    monkeypatch.setattr(last_look, "look", lambda now: 1 / 0)
    forecast.recent.forget()
    answer = client.post("/api/order/", {"id": margherita.pk}, content_type="application/json")
    assert answer.status_code == 201
    assert answer.json()["order"]["promise"] is None
    assert client.get("/").status_code == 200
    why_not = "We can't say right now when it would be ready."
    assert client.get("/api/promise/").json() == {"promise": None, "what": "at the door", "why_not": why_not}


@pytest.mark.django_db
def test_the_basket_is_told_what_the_order_then_gets(client, small_kitchen, sent, cooked, margherita):
    def spans(promise):  # the order comes a moment later
        low = datetime.fromisoformat(promise["low"])
        return [(datetime.fromisoformat(promise[name]) - low).total_seconds() for name in ("median", "high")]

    Station.objects.filter(stage="received").update(distribution="lognormal", spread_seconds=5, per_pizza=True)
    shown = client.get("/api/promise/?pizzas=2").json()["promise"]
    body = {"items": [{"id": margherita.pk, "quantity": 2}]}
    order = client.post("/api/order/", body, content_type="application/json").json()["order"]
    assert spans(order["promise"]) == pytest.approx(spans(shown), abs=0.002)  # JSON has milliseconds
    assert shown["low"] < order["promise"]["low"] < order["promise"]["median"] < order["promise"]["high"]
    assert order["eta"] == order["promise"]


@pytest.mark.parametrize("pizzas", ["0", "401", "-1", "1.5", "two", "", "1e3", "٣", "9" * 400])
def test_a_strange_number_of_pizzas_gets_a_sentence(client, db, pizzas):
    answer = client.get("/api/promise/", {"pizzas": pizzas})
    assert answer.status_code == 400
    assert answer.json() == {"status": False, "error": "“pizzas” must be a whole number from 1 to 400."}


@pytest.mark.django_db
@pytest.mark.usefixtures("timeless")
def test_everybody_gets_the_same_answer_for_a_second(small_kitchen, django_assert_num_queries):
    forecast.preview(1, NOON)
    with django_assert_num_queries(0):
        assert forecast.preview(1, at(0.5)).at == NOON
    assert forecast.preview(2, NOON).shown != forecast.preview(1, NOON).shown  # is another question
    assert forecast.preview(1, NOON, "carry_out").shown == (35.0,) * 3  # and so is this
    with django_assert_num_queries(0):
        assert forecast.preview(1, at(0.5)).shown == (65.0,) * 3


@pytest.mark.usefixtures("timeless", "small_kitchen")
def test_a_page_waits_for_no_long_look_ahead(client, place, monkeypatch):
    place()
    monkeypatch.setattr(forecast, "FEW_ORDERS", 0)
    looked = []
    monkeypatch.setattr(forecast, "ask", lambda *asked, ask=forecast.ask: looked.append(asked) or ask(*asked))
    assert "at your door in" not in client.get("/").content.decode()  # its script asks at once
    assert looked == []
    client.get("/api/promise/", {"pizzas": 1})
    assert "at your door in" in client.get("/").content.decode()
    assert len(looked) == 1
    monkeypatch.setattr(forecast, "GLANCE_SECONDS", 0)
    assert "at your door in" not in client.get("/").content.decode()
    monkeypatch.setattr(forecast, "FEW_ORDERS", 1)
    assert "at your door in" in client.get("/").content.decode()


# The forecasts of open orders


@pytest.fixture
def told(monkeypatch):
    """The orders whose moved forecast was announced: (pk, seq)."""
    announced = []
    monkeypatch.setattr(forecast.live, "announce_eta", lambda order: announced.append((order.pk, order.seq)))
    return announced


@pytest.fixture
def commit(django_capture_on_commit_callbacks):
    """commit(function, ...) -> what it returns; what waits for the commit has run."""

    def commit(function, *args):
        with django_capture_on_commit_callbacks(execute=True):
            return function(*args)

    return commit


def etas(order):
    order = fresh(order)
    return [getattr(order, name) for name in FORECAST_FIELDS]


@pytest.mark.database
@pytest.mark.django_db
def test_it_moves_with_the_kitchen_and_only_then(small_kitchen, sent, cooked, place, told, commit):
    first, second = place(NOON), place(at(1))
    assert commit(forecast.renew, at(2)) == 2
    assert [etas(first), etas(second)] == [[at(65)] * 3, [at(95)] * 3]
    assert commit(forecast.renew, at(3)) == 0  # as expected: nothing to say
    finish(first, at(15))  # five seconds late
    assert commit(forecast.renew, at(15)) == 2
    assert [etas(first), etas(second)] == [[at(70)] * 3, [at(100)] * 3]
    assert sorted(told) == [(first.pk, 1), (first.pk, 2), (second.pk, 1), (second.pk, 2)]


@pytest.mark.django_db
def test_a_minute_is_the_step_where_minutes_are_shown():
    def moments(*seconds):
        return [at(second) for second in seconds]

    wide = moments(0, 600, 1200)
    assert not forecast.has_moved(wide, moments(50, 650, 1250))
    assert forecast.has_moved(wide, moments(0, 600, 1260))
    short = moments(0, 30, 60)
    assert not forecast.has_moved(short, moments(0.9, 30.9, 60.9))
    assert forecast.has_moved(short, moments(0, 31, 60))
    assert forecast.has_moved(short, forecast.UNKNOWN) and forecast.has_moved(forecast.UNKNOWN, short)
    assert not forecast.has_moved(forecast.UNKNOWN, forecast.UNKNOWN)


@pytest.mark.database
@pytest.mark.django_db
def test_nothing_honest_can_be_said_of_a_held_one_or_before_a_closed_station(
    small_kitchen, sent, cooked, place, told, commit
):
    held, waits = place(NOON), place(at(1))
    commit(forecast.renew, at(2))
    flow.hold(held.pk, clock=at(3))
    assert fresh(held).payload()["eta"] is None  # at once, before the next forecast
    flow.change_station("out_for_delivery", clock=at(3), is_open=False)
    commit(forecast.renew, at(4))
    assert etas(held) == etas(waits) == [None] * 3
    flow.change_station("out_for_delivery", clock=at(5), is_open=True)
    flow.resume(held.pk, clock=at(5))
    commit(forecast.renew, at(6))
    assert None not in etas(held) + etas(waits)


@pytest.mark.django_db
def test_an_order_that_has_left_has_no_forecast(small_kitchen, sent, cooked, place):
    gone, cancelled = place(NOON), place(NOON)
    forecast.renew(at(1))
    flow.override(gone.pk, stages.LAST, clock=at(2))
    flow.cancel(cancelled.pk, clock=at(2))
    assert fresh(gone).payload()["eta"] is fresh(cancelled).payload()["eta"] is None


@pytest.mark.database
@pytest.mark.django_db
def test_an_order_that_is_ready_has_no_forecast(small_kitchen, sent, cooked, place, told, commit):
    order = place(NOON, way="carry_out")
    commit(forecast.renew, at(1))
    assert fresh(order).payload()["eta"]["what"] == "ready to collect"
    run(at(35))
    assert fresh(order).stage == stages.READY and fresh(order).payload()["eta"] is None
    assert commit(forecast.renew, at(36)) == 0
    flow.recall(order.pk, clock=at(37))
    assert commit(forecast.renew, at(38)) == 1
    assert etas(order) == [at(42)] * 3


@pytest.mark.database
@pytest.mark.django_db
def test_an_order_with_a_pizza_on_hold_has_no_forecast(small_kitchen, sent, cooked, place, margherita, told, commit):
    order, later = place(NOON, [(margherita, 2)]), place(at(1))
    commit(forecast.renew, at(1))
    flow.hold(order.pk, item=2, clock=at(2))
    assert fresh(order).state == "working" and fresh(order).payload()["eta"] is None  # at once
    commit(forecast.renew, at(3))
    assert [etas(order), etas(later)] == [[None] * 3, [at(85)] * 3]  # the first pizza is made and baked before
    flow.resume(order.pk, item=2, clock=at(4))
    commit(forecast.renew, at(5))
    assert None not in etas(order)


@pytest.mark.django_db
def test_nothing_is_written_over_an_order_that_has_gone_on(small_kitchen, sent, cooked, place, told, monkeypatch):
    order = place(NOON)
    read = forecast.read_state

    def read_late(now):
        state = read(now)
        finish(order, at(10))  # between reading and writing
        return state

    monkeypatch.setattr(forecast, "read_state", read_late)
    assert forecast.renew(at(9)) == 0
    assert etas(order) == [None] * 3 and told == []


@pytest.mark.django_db
def test_an_empty_kitchen_costs_one_query(small_kitchen, django_assert_num_queries):
    with django_assert_num_queries(1):
        assert forecast.renew(NOON) == 0


@pytest.mark.django_db
def test_many_orders_take_few_queries(small_kitchen, sent, cooked, place, django_assert_max_num_queries):
    for number in range(20):
        place(at(number))
    with django_assert_max_num_queries(8 + 20):  # one short row each, where it has moved
        assert forecast.renew(at(30)) == 20


@pytest.mark.database
@pytest.mark.django_db
def test_an_old_instance_writes_no_old_forecast(small_kitchen, sent, cooked, place):
    order = place(NOON)
    old = fresh(order)
    forecast.renew(at(1))
    old.guest = "someone"
    old.save()
    old.eta_low = at(9999)
    old.save(update_fields=["guest", "eta_low"])
    assert etas(order) == [at(65)] * 3 and fresh(order).guest == "someone"


@pytest.mark.django_db
def test_the_job_looks_ahead_even_if_the_ledger_fails(small_kitchen, sent, cooked, place, told, commit, monkeypatch):
    """The ledger is tried again at the next run."""
    order = place()

    def fail(now):
        raise ArithmeticError("a poison promise")

    monkeypatch.setattr(ledger, "settle", fail)
    commit(tasks.look_ahead)
    assert None not in etas(order)


@pytest.mark.django_db
def test_the_job_looks_ahead_and_settles(small_kitchen, sent, cooked, place, told, commit):
    now = timezone.now()
    order = place(now, promise=promise(now=now))
    waits = place(now)
    commit(tasks.look_ahead)
    assert None not in etas(waits)
    flow.override(order.pk, stages.LAST, clock=lambda: now - timedelta(minutes=1))
    commit(tasks.look_ahead)
    assert Outcome.objects.get().intervened
