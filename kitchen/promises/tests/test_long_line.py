"""In a long line nobody waits for a look ahead: the next one is made beside, and counts all who have ordered."""

from dataclasses import replace
from random import Random

import pytest

from home.models import Order
from kitchen import flow, stages
from kitchen.models import Promise, Shop, Station
from kitchen.promises import forecast, last_look
from kitchen.promises.state import newcomer
from kitchen.tests.clock import NOON, at
from simulation import pieces
from simulation.lookahead import look_ahead_last

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sent", "cooked", "timeless")]

LONG = 6


class Later:
    """A thread that runs when the test says so."""

    waiting: list["Later"] = []

    def __init__(self, target, args, **kwargs):
        self.run = lambda: target(*args)

    def start(self):
        self.waiting.append(self)

    def is_alive(self):
        return self in self.waiting

    @classmethod
    def run_all(cls):
        number = len(cls.waiting)
        while cls.waiting:
            cls.waiting.pop().run()
        return number


@pytest.fixture(autouse=True)
def looks(monkeypatch):
    """Return when looks ahead were made; each is new for ten seconds of the kitchen's clock, and took a second."""
    forecast.recent.forget()
    made, look = [], last_look.look

    def noted(now):
        made.append((now - NOON).total_seconds() // 1)
        found = look(now)
        found.took_seconds, found.until = 1.0, found.at + (at(10) - NOON)
        return found

    monkeypatch.setattr(last_look, "look", noted)
    monkeypatch.setattr(last_look, "monotonic", lambda: 0.0)
    monkeypatch.setattr(last_look, "Thread", Later)
    monkeypatch.setattr(last_look, "connections", type("Kept", (), {"close_all": staticmethod(lambda: None)}))
    monkeypatch.setattr(last_look, "FEW_ORDERS", LONG - 1)
    monkeypatch.setattr(pieces.Pieces.__init__, "__defaults__", ((), 4))
    Later.waiting.clear()
    yield made
    forecast.recent.forget()


@pytest.fixture
def line(place):
    """Place orders in a kitchen whose places are taken."""
    return [place(at(-60 + number)) for number in range(LONG + 4)]


def looked_again(pizzas, now, way=stages.DELIVERY):
    """Return what looking ahead for all says."""
    state = forecast.read_state(now)
    newest = Order.objects.latest("pk").pk
    return look_ahead_last(replace(state, orders=(*state.orders, newcomer(state, newest + 1, pizzas, way))))


@pytest.mark.database
def test_each_of_a_hundred_at_once_stands_behind_the_one_before(
    place, margherita, line, looks, django_assert_num_queries
):
    Shop.objects.update(speed=60)
    dice, found, expected = Random(5), [], []
    forecast.promise(1, NOON)
    for number in range(100):
        pizzas, way = dice.choice((1, 1, 2, 3)), dice.choice([*stages.ROUTES])
        with django_assert_num_queries(2):  # the stations, and who has ordered since
            promise = forecast.promise(pizzas, NOON, way)
        if number % 24 == 0:
            found.append(promise.model)
            expected.append(looked_again(pizzas, NOON, way))
        place(NOON, [(margherita, pizzas)], way=way, promise=promise)
    assert found == expected
    assert len({row.model for row in Promise.objects.all()}) == 100
    assert looks == [0] and not Later.waiting


def test_the_next_look_is_made_beside_and_the_last_one_is_used_until_then(line, place, looks):
    forecast.promise(1, NOON)
    forecast.promise(1, at(9))
    assert not Later.waiting
    old = forecast.ask(1, at(11)).model
    assert forecast.ask(1, at(11)).model == old and looks == [0]
    place(at(11))
    assert Later.run_all() == 1 and looks == [0, 11]
    assert forecast.ask(1, at(11)).model == looked_again(1, at(11)) != old
    assert looks == [0, 11]


def test_what_people_did_with_an_order_counts_in_the_next_look(line, looks):
    forecast.promise(1, NOON)
    flow.cancel(line[-1].pk, clock=at(1))
    before = forecast.ask(1, at(1)).model
    assert not Later.waiting  # the last look has just taken a second
    assert forecast.ask(1, at(4)).open_orders == LONG + 4 and Later.run_all() == 1
    now = forecast.ask(1, at(4))
    assert now.open_orders == LONG + 3 and now.model == looked_again(1, at(4)) < before


@pytest.mark.parametrize("what", ["capacity", "closed", "speed"])
def test_a_station_and_the_clock_count_at_once(line, looks, what):
    forecast.promise(1, NOON)
    if what == "capacity":
        flow.change_station("baking", capacity=7, clock=at(1))
    elif what == "closed":
        flow.change_station("baked", is_open=False, clock=at(1))
    else:
        flow.set_speed(2, clock=at(1))
    answer = forecast.ask(1, at(1))
    assert answer.model == (None if what == "closed" else looked_again(1, at(1)))
    assert looks == [0, 1] and not Later.waiting


def test_how_long_work_takes_counts_in_the_next_look(line, looks):
    forecast.promise(1, NOON)
    Station.objects.filter(stage="baking").update(mean_seconds=500)
    before = forecast.ask(1, at(4)).model
    assert looks == [0] and Later.run_all() == 1
    assert forecast.ask(1, at(4)).model == looked_again(1, at(4)) > before


def test_a_look_that_is_too_old_is_made_again_at_once(line, looks):
    forecast.promise(1, NOON)
    old = 10 + last_look.BESIDE_SECONDS
    forecast.promise(1, at(old - 1))
    assert looks == [0]  # it is being made
    forecast.promise(1, at(old))
    assert looks == [0, old]
    Later.run_all()
    assert forecast.last_look.look.at == at(old)  # the late one is of no use


def test_if_the_next_look_fails_the_last_one_goes_on(line, looks, monkeypatch, caplog):
    forecast.promise(1, NOON)
    with monkeypatch.context() as broken:
        broken.setattr(last_look, "read_state", lambda now: 1 / 0)
        assert forecast.promise(1, at(11)) and Later.run_all() == 1
    assert "The next look ahead failed" in caplog.text
    assert forecast.promise(1, at(12)) and len(Later.waiting) == 1


def test_without_a_thread_the_last_look_goes_on_and_the_next_is_tried_again(line, looks, monkeypatch, caplog):
    forecast.promise(1, NOON)
    with monkeypatch.context() as full:
        full.setattr(Later, "start", lambda thread: raise_(RuntimeError("can't start new thread")))
        assert forecast.promise(1, at(11))
    assert "There is no thread for the next look ahead" in caplog.text
    assert forecast.promise(1, at(12)) and Later.run_all() == 1
    assert looks == [0, 12]


def test_a_thread_that_has_gone_with_the_process_before_a_fork_is_not_waited_for(line, looks):
    forecast.promise(1, NOON)
    forecast.promise(1, at(11))
    Later.waiting.clear()
    assert forecast.promise(1, at(12)) and Later.run_all() == 1
    assert looks == [0, 12]


def raise_(error):
    raise error
