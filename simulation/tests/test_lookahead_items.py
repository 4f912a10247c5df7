"""Looking ahead for orders of several items: by hand, where nothing is left to chance, and what keeps its draws."""

from dataclasses import replace

import pytest

from simulation.lookahead import (
    ItemStanding,
    ServiceTime,
    Standing,
    State,
    Workplace,
    look_ahead,
    look_ahead_last,
    paths,
)


def fixed(seconds, per_pizza=False):
    return ServiceTime("fixed", seconds, 0.0, per_pizza)


MAKE = Workplace("make", 1, True, fixed(60), unit="item")
OVEN = Workplace("oven", 2, True, fixed(300), unit="item")
BENCH = Workplace("bench", 1, True, fixed(10))
DRIVERS = Workplace("drivers", 1, True, fixed(1000))
SHOP = (MAKE, OVEN, BENCH, DRIVERS)
COLLECT = (0, 1, 2)
DONE = ItemStanding(0, None, is_done=True)


def waits(station, turn=0):
    return ItemStanding(station, None, turn=turn)


def works(station, seconds):
    return ItemStanding(station, seconds)


def of_items(key, *items, route=None):
    return Standing(key, 0, None, len(items), route, items)


def middles(orders, stations=SHOP):
    found = look_ahead(State(stations, tuple(orders), 1.0, True))
    return [None if interval is None else interval[1] for interval in found]


def test_an_order_is_ready_with_its_last_item():
    """Made at 60, 120 and 180 s; two are baked at a time, the third from 360 to 660 s, then packed and brought."""
    assert middles([of_items("a", waits(0), waits(0), waits(0))]) == [1670]
    assert middles([Standing("a", 0, None, 3)]) == [1670]
    assert middles([of_items("a", waits(0), waits(0), waits(0), route=COLLECT)]) == [670]


def test_items_stand_at_several_stations():
    """In the oven until 200 s, at the make line until 30 s and baked at 330 s; one is done."""
    assert middles([of_items("a", works(1, 100), works(0, 30), DONE, route=COLLECT)]) == [340]


def test_items_wait_in_the_line_that_the_caller_gives():
    first, second = waits(0, turn=1), waits(0, turn=0)
    oven = replace(OVEN, capacity=9)
    orders = [of_items("a", first, route=COLLECT), of_items("b", second, route=COLLECT)]
    assert middles(orders, (MAKE, oven, *SHOP[2:])) == [430, 370]
    orders = [of_items("a", waits(0, 0), waits(0, 2), route=COLLECT), of_items("b", waits(0, 1), route=COLLECT)]
    assert middles(orders, (MAKE, oven, *SHOP[2:])) == [490, 430]


def test_who_collects_does_not_wait_for_a_driver():
    out = Standing("out", 3, 100, 2)
    packed = [Standing(key, 2, None, 1, route) for key, route in (("a", None), ("b", COLLECT), ("c", None))]
    assert middles([out, *packed]) == [900, 1900, 20, 2900]


def test_a_belt_takes_an_item_each_headway_and_may_be_busy():
    belt = Workplace("belt", 1, True, fixed(400), unit="item", headway_seconds=60, busy_seconds=25)
    pair = of_items("b", waits(0), waits(0))
    assert middles([pair], (belt,)) == [485]
    assert middles([of_items("a", works(0, 20)), pair], (replace(belt, busy_seconds=0),)) == [380, 500]


def test_a_closed_station_stops_those_who_have_still_to_begin_there():
    shut = replace(OVEN, is_open=False)
    shop = (MAKE, shut, BENCH, replace(DRIVERS, is_open=False))
    both_bake = of_items("a", works(1, 100), works(1, 200), route=COLLECT)
    one_waits = of_items("b", works(1, 100), works(0, 5), route=COLLECT)
    delivered = of_items("c", works(1, 100))
    state = State(shop, (both_bake, one_waits, delivered), 1.0, True)
    assert [state.blocked_by(order) for order in state.orders] == [None, shut, shop[3]]
    assert middles(state.orders, shop) == [210, None, None]


RANDOM = (
    replace(MAKE, capacity=99, service=ServiceTime("lognormal", 60, 20, per_pizza=False)),
    replace(OVEN, capacity=99, service=ServiceTime("lognormal", 300, 50, per_pizza=False)),
    replace(BENCH, capacity=99, service=ServiceTime("lognormal", 10, 3, per_pizza=True)),
)


@pytest.mark.parametrize("item", [waits(0), works(0, 30), works(1, 100), works(1, 1000)])
def test_an_item_keeps_its_draws(item):
    """Where places are free, neither other orders nor the rest of its own order change when an item is done."""
    shop = RANDOM[:2]
    alone = paths(shop, [of_items("a", item)])[:, 0]
    others = [of_items("b", waits(0), waits(1), works(1, 5)), of_items("a", item), Standing("c", 0, None, 4)]
    assert (paths(shop, others)[:, 1] == alone).all()
    longer = paths(shop, [of_items("a", item, waits(0))])[:, 0]
    assert (longer >= alone).all() and (longer > alone).any()


def test_items_differ():
    ends = paths(RANDOM[:2], [of_items("a", waits(0)), of_items("a", DONE, waits(0))])
    assert not (ends[:, 0] == ends[:, 1]).any()


def test_work_on_the_whole_order_is_per_pizza():
    low, middle, high = look_ahead(State(RANDOM, (Standing("a", 2, None, 30),), 1.0, True))[0]
    assert 270 < low < middle < high < 330


def test_the_last_order_alone_has_the_same_forecast():
    orders = (of_items("a", waits(0), works(1, 3)), Standing("b", 2, 4, 3), of_items("c", waits(0), waits(0)))
    state = State(RANDOM, orders, 1.0, True)
    assert look_ahead_last(state) == look_ahead(state)[-1]
