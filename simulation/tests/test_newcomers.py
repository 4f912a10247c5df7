"""Who comes after a look ahead gets what looking ahead for all again would say."""

from dataclasses import replace
from random import Random

import numpy as np
import pytest

from simulation.lookahead import PresentItem, ServiceTime, Standing, State, Workplace, look_ahead_last
from simulation.newcomers import Newcomers

COLLECT = (0, 1, 2)
ROUTES = (None, COLLECT)


def kitchen(distribution="lognormal", oven=None, unit="item"):
    def service(mean, spread, per_pizza=False):
        return ServiceTime(distribution, mean, 0.0 if distribution == "fixed" else spread, per_pizza)

    make = Workplace("make", 2, True, service(90, 30, unit == "order"), unit)
    bake = Workplace("oven", 6, True, service(450, 40), unit, *(oven or ()))
    return (
        make,
        bake,
        Workplace("bench", 1, True, service(40, 20, True)),
        Workplace("drivers", 4, True, service(1200, 400)),
    )


def newcomer(key, turn, pizzas=1, route=None, unit="item"):
    return Standing(str(key), 0, None, pizzas, route, (PresentItem(0, None, turn=turn),) * pizzas * (unit == "item"))


def evening(number, unit="item"):
    """Orders everywhere: on the way, at the bench, in the oven, and in the line."""
    dice = Random(number)
    orders = []
    for key in range(number):
        pizzas, route = dice.choice((1, 1, 2, 3)), dice.choice((None, COLLECT))
        at = dice.choice((0, 1, 2, 3) if route is None else COLLECT)
        if at < 2 and unit == "item":
            items = tuple(PresentItem(at, dice.choice((None, 5.0, 80.0)), turn=key + 1) for _ in range(pizzas))
            orders.append(Standing(str(key), at, None, pizzas, route, items))
        else:
            orders.append(Standing(str(key), at, dice.choice((None, 10.0)), pizzas, route))
    return orders


@pytest.mark.parametrize("unit", ["item", "order"])
@pytest.mark.parametrize("oven", [None, (20.0, 15.0)])
@pytest.mark.parametrize("number", [0, 1, 40])
def test_a_newcomer_gets_the_answer_of_looking_ahead_for_all(number, oven, unit):
    places, orders = kitchen(oven=oven, unit=unit), evening(number, unit)
    newcomers = Newcomers(places, orders, ROUTES)
    for pizzas, route in ((1, None), (4, None), (2, COLLECT)):
        order = newcomer("new", 1000, pizzas, route, unit)
        expected = look_ahead_last(State(places, (*orders, order), 1.0, True))
        assert newcomers.look_ahead(order, 0.0) == expected


@pytest.mark.parametrize("distribution", ["fixed", "lognormal"])
@pytest.mark.parametrize("number", [0, 30])
def test_so_do_all_who_come_later(distribution, number):
    places, orders = kitchen(distribution), evening(number)
    newcomers = Newcomers(places, orders, ROUTES)
    for key in range(20):
        order = newcomer(f"new {key}", 1000 + key, key % 3 + 1, ROUTES[key % 2])
        expected = look_ahead_last(State(places, (*orders, order), 1.0, True))
        assert newcomers.look_ahead(order, 0.0) == expected
        newcomers.add(order, 0.0)
        orders.append(order)


def test_later_is_later():
    places = kitchen("fixed")
    orders = [newcomer(key, key) for key in range(6)]
    newcomers = Newcomers(places, orders, ROUTES)
    order = newcomer("new", 99)
    at_once, soon, late = (newcomers.look_ahead(order, seconds)[1] for seconds in (0, 30, 5000))
    assert at_once - soon == pytest.approx(30)  # the line is as long
    assert late == 90 + 450 + 40 + 1200  # nobody is there any more


def test_asking_changes_nothing_and_coming_does():
    newcomers = Newcomers(kitchen(), evening(20), ROUTES)
    order, other = newcomer("new", 99), newcomer("other", 100)
    before = [newcomers.look_ahead(order, 0.0) for _ in range(2)]
    newcomers.add(other, 0.0)
    assert before[0] == before[1] < newcomers.look_ahead(order, 0.0)


def test_who_stops_before_a_closed_station_takes_places_until_then():
    places = kitchen("fixed")
    orders = [replace(newcomer(key, key), route=(0, 1)) for key in range(4)]  # no further
    ends = Newcomers(places, orders, ROUTES).look_ahead(newcomer("new", 99, 1, COLLECT), 0.0)
    assert ends == (90.0 * 3 + 450 + 40,) * 3
    assert np.isfinite(ends).all()
