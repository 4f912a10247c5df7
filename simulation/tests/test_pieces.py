"""A long line that is run forward a piece at a time has the ends of one that is run forward at once."""

from dataclasses import replace
from random import Random

import numpy as np
import pytest

from simulation import lookahead
from simulation.lookahead import PATHS, PresentItem, Standing, State, look_ahead
from simulation.newcomers import Newcomers
from simulation.pieces import Pieces, going, look_ahead_in_turn
from simulation.tests.test_newcomers import COLLECT, ROUTES, kitchen, newcomer


def full(unit="item"):
    """Return orders at work and in the lines of all stations. Of some a pizza is ahead, and one is rushed."""
    dice, orders, turns = Random(3), [], iter(range(1, 1000))

    def come(number, station, elapsed=None):
        for _ in range(number):
            key, pizzas = str(len(orders)), dice.choice((1, 1, 2, 3))
            route = None if station == 3 else dice.choice(ROUTES)
            items = tuple(PresentItem(station, elapsed, turn=next(turns)) for _ in range(pizzas))
            orders.append(
                Standing(key, station, elapsed, pizzas, route, items if unit == "item" and station < 2 else ())
            )

    for station, (at_work, waiting) in enumerate(((1, 50), (3, 40), (1, 20), (4, 30))):
        come(at_work, station, 11.0 + station)
        come(waiting, station)
    if unit == "item":
        ahead, behind = (PresentItem(1, None, turn=next(turns)) for _ in range(2))
        held = (replace(ahead, station=0, turn=next(turns)), PresentItem(0, None, is_done=True))
        orders[3] = replace(orders[3], pizzas=2, items=(orders[3].items[0], ahead))
        orders[4] = replace(orders[4], pizzas=2, items=(orders[4].items[0], behind))
        orders.append(Standing("held", 0, None, 2, (0, 1), held))
    dice.shuffle(orders)  # who is at the door is not who came first
    rushed = newcomer("rushed", 0, 3, COLLECT, unit)
    orders = [rushed, *orders]
    return [orders[number] for number in going(orders)]


def in_pieces(places, orders, size):
    """Return the ends of all, (PATHS, orders), and how many pieces there were."""
    pieces = Pieces(places, orders, ROUTES, size)
    number, ends = len(pieces.left), np.full((PATHS, len(orders) + 1), np.nan)
    while pieces.left:
        for gone in pieces.run_next(is_last=True):
            there = np.isfinite(gone.ends)
            np.put_along_axis(ends, np.where(there, gone.orders, len(orders)), gone.ends, axis=1)
    found = np.empty((PATHS, len(orders)))
    found[:, pieces.turns] = ends[:, :-1]
    return found, number


@pytest.mark.parametrize("unit", ["item", "order"])
@pytest.mark.parametrize("oven", [None, (20.0, 15.0)])
def test_pieces_have_the_same_bits(unit, oven):
    places, orders = kitchen(oven=oven, unit=unit), full(unit)
    expected = lookahead.paths(places, orders)
    for size in (4, 1000):
        found, number = in_pieces(places, orders, size)
        assert (found == expected).all()
        assert (number > 3) is (size < 1000)


def test_who_is_at_work_and_who_comes_out_early_is_in_no_later_piece():
    places = kitchen()
    pieces = Pieces(places, full(), ROUTES, 9)
    assert not [order for piece in pieces.left[1:] for order in pieces.orders[piece.first : piece.end] if works(order)]
    assert [piece.more_at for piece in pieces.left] == sorted((piece.more_at for piece in pieces.left), reverse=True)
    assert sum(piece.end - piece.first for piece in pieces.left) == len(full())


def works(order):
    return any(item.elapsed_seconds is not None and not item.is_done for item in order.items or (order,))


@pytest.mark.parametrize("unit", ["item", "order"])
def test_newcomers_stand_behind_all_pieces(unit, monkeypatch):
    places, orders = kitchen(unit=unit), full(unit)
    at_once = Newcomers(places, orders, ROUTES)
    monkeypatch.setattr(Pieces.__init__, "__defaults__", ((), 9))
    order = newcomer("new", 1000, 2, COLLECT, unit)
    assert Newcomers(places, orders, ROUTES).look_ahead(order, 40.0) == at_once.look_ahead(order, 40.0)


def test_a_line_in_which_turns_cross_is_not_cut():
    first = Standing("a", 0, None, 2, None, (PresentItem(0, None, turn=1), PresentItem(1, None, turn=9)))
    then = Standing("b", 0, None, 2, None, (PresentItem(0, None, turn=2), PresentItem(1, None, turn=3)))
    assert [piece[:2] for piece in Pieces(kitchen(), [first, then], ROUTES, 1).left] == [(0, 2)]
    behind = replace(then, items=(PresentItem(0, None, turn=10),))
    assert [piece[:2] for piece in Pieces(kitchen(), [first, behind], ROUTES, 1).left] == [(0, 1), (1, 2)]


def test_intervals_come_in_turn_and_are_those_of_all():
    shop = kitchen()
    orders = [order for order in full() if order.key != "held"]
    for places in (shop, (*shop[:3], replace(shop[3], is_open=False))):  # so that only some can go on
        state = State(places, tuple(orders), 1.0, True)
        told = list(look_ahead_in_turn(state, 9))
        assert sum(map(len, told)) == len(orders) and len(told) > 9
        answers = {place: interval for some in told for place, interval in some.items()}
        assert [answers[place] for place in range(len(orders))] == look_ahead(state)
    assert None in answers.values()
