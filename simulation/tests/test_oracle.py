"""The event loop of `oracle`, in cases that one can follow by hand."""

import pytest

from simulation.tests.oracle import WHOLE, Order, Standing, Station, run

MAKE, OVEN, BENCH, DRIVERS = ALL = tuple(range(4))
COLLECTED = (MAKE, OVEN, BENCH)


def of_items(capacity, **more):
    return Station(capacity, of_items=True, **more)


def spans(stations, orders, services):
    """Return {station: {(order, number): (start, end)}}. services: for each station seconds, or those of a part."""

    def seconds(station, part):
        row = services[station]
        return row[part] if isinstance(row, dict) else row

    found = {station: {} for station in range(len(stations))}
    for (station, part), visit in run(stations, orders, seconds).items():
        found[station][tuple(part)] = (visit.start, visit.end)
    return found


def test_items_are_made_side_by_side_and_join_with_the_last_one():
    shop = [of_items(2), of_items(6), Station(1), Station(8)]
    found = spans(shop, [Order(0, 3, ALL)], [100, 450, 40, 1200])
    assert found == {
        MAKE: {(0, 1): (0, 100), (0, 2): (0, 100), (0, 3): (100, 200)},
        OVEN: {(0, 1): (100, 550), (0, 2): (100, 550), (0, 3): (200, 650)},
        BENCH: {(0, WHOLE): (650, 690)},
        DRIVERS: {(0, WHOLE): (690, 1890)},
    }


def test_a_place_bakes_one_pizza():
    found = spans([of_items(2)], [Order(0, 3, (0,)), Order(10, 1, (0,))], [100])
    assert found == {0: {(0, 1): (0, 100), (0, 2): (0, 100), (0, 3): (100, 200), (1, 1): (100, 200)}}


def test_an_order_overtakes_one_that_waits_for_its_last_pizza():
    slow = {(0, 1): 10, (0, 2): 300, (1, 1): 20, (0, WHOLE): 5, (1, WHOLE): 5}
    found = spans([of_items(None), Station(1)], [Order(0, 2, (0, 1)), Order(1, 1, (0, 1))], [slow, 5])
    assert found[1] == {(1, WHOLE): (21, 26), (0, WHOLE): (300, 305)}


def test_ready_at_the_same_moment_the_lower_number_goes_first():
    late = {(0, 1): 60, (1, 1): 50, (1, 2): 20}
    found = spans([of_items(None), Station(1)], [Order(0, 1, (0, 1)), Order(10, 2, (0, 1))], [late, 7])
    assert found[1] == {(0, WHOLE): (60, 67), (1, WHOLE): (67, 74)}


def test_an_order_passes_at_once_what_is_not_on_its_route():
    shop = [of_items(1), of_items(1), Station(1), Station(1)]
    found = spans(shop, [Order(0, 1, ALL), Order(0, 1, COLLECTED), Order(0, 1, (MAKE, DRIVERS))], [10, 20, 5, 50])
    assert found[OVEN] == {(0, 1): (10, 30), (1, 1): (30, 50)}
    assert found[BENCH] == {(0, WHOLE): (30, 35), (1, WHOLE): (50, 55)}
    assert found[DRIVERS] == {(2, WHOLE): (30, 80), (0, WHOLE): (80, 130)}


def test_a_belt_takes_one_every_headway_and_brings_out_what_went_in():
    shop = [of_items(1, delay_seconds=420), Station(None)]
    found = spans(shop, [Order(0, 3, (0, 1)), Order(100, 1, (0, 1))], [60, 1])
    assert found[0] == {(0, 1): (0, 420), (0, 2): (60, 480), (0, 3): (120, 540), (1, 1): (180, 600)}
    assert found[1] == {(0, WHOLE): (540, 541), (1, WHOLE): (600, 601)}


def test_a_belt_that_was_loaded_a_moment_ago_takes_nobody_yet():
    belt = of_items(1, delay_seconds=420, busy_until=25)
    assert spans([belt], [Order(0, 2, (0,))], [60]) == {0: {(0, 1): (25, 445), (0, 2): (85, 505)}}


def test_a_belt_that_stops_lets_out_what_is_on_it():
    belt = of_items(1, delay_seconds=420, changes=((30, 0), (500, 1)))
    assert spans([belt], [Order(0, 2, (0,))], [60]) == {0: {(0, 1): (0, 420), (0, 2): (500, 920)}}


def test_a_place_that_is_taken_away_ends_its_work():
    shop = [of_items(2, changes=((50, 1), (300, 2)))]
    found = spans(shop, [Order(0, 5, (0,))], [100])
    assert list(found[0].values()) == [(0, 100), (0, 100), (100, 200), (200, 300), (300, 400)]


def test_a_change_comes_before_what_ends_at_that_moment():
    found = spans([of_items(2, changes=((100, 1),))], [Order(0, 4, (0,))], [100])
    assert list(found[0].values()) == [(0, 100), (0, 100), (100, 200), (200, 300)]


def test_rushed_orders_go_first_in_every_line():
    orders = [Order(0, 2, (0, 1)), Order(1, 1, (0, 1)), Order(2, 1, (0, 1), is_rushed=True)]
    found = spans([of_items(1), Station(1)], orders, [10, 100])
    assert found[0] == {(0, 1): (0, 10), (2, 1): (10, 20), (0, 2): (20, 30), (1, 1): (30, 40)}
    assert found[1] == {(2, WHOLE): (20, 120), (0, WHOLE): (120, 220), (1, WHOLE): (220, 320)}


def test_a_completion_comes_before_an_arrival_at_that_moment():
    found = spans([of_items(1)], [Order(0, 2, (0,)), Order(10, 1, (0,))], [10])
    assert found[0] == {(0, 1): (0, 10), (0, 2): (10, 20), (1, 1): (20, 30)}


def test_work_of_no_time_is_over_before_the_next_begins():
    found = spans([of_items(1), Station(1)], [Order(0, 3, (0, 1)), Order(0, 1, (0, 1))], [0, 5])
    assert found[0] == {(0, 1): (0, 0), (0, 2): (0, 0), (0, 3): (0, 0), (1, 1): (0, 0)}
    assert found[1] == {(0, WHOLE): (0, 5), (1, WHOLE): (5, 10)}


@pytest.mark.parametrize("route", [(), (0,), (1,)])
def test_a_route_can_have_no_station_of_a_kind(route):
    found = spans([of_items(1), Station(1)], [Order(5, 2, route)], [10, 20])
    assert found[0] == ({(0, 1): (5, 15), (0, 2): (15, 25)} if route == (0,) else {})
    assert found[1] == ({(0, WHOLE): (5, 25)} if route == (1,) else {})


def test_it_opens_with_orders_in_work_and_in_the_line():
    first = Order(0, 3, (0, 1), standing=(Standing(2, 0, 40), Standing(3, 0, turn=1)))  # its first item is done
    second = Order(0, 1, (0, 1), standing=(Standing(1, 0, turn=0),))
    third = Order(0, 2, (0, 1), standing=(Standing(WHOLE, 1, 45),))
    found = spans([of_items(1), Station(1)], [first, second, third, Order(5, 1, (0, 1))], [100, 50])
    assert found[0] == {(0, 2): (-40, 60), (1, 1): (60, 160), (0, 3): (160, 260), (3, 1): (260, 360)}
    assert found[1] == {(2, WHOLE): (-45, 5), (1, WHOLE): (160, 210), (0, WHOLE): (260, 310), (3, WHOLE): (360, 410)}


def test_a_place_that_is_too_many_at_the_opening_is_free_for_nobody():
    orders = [Order(0, 2, (0,), standing=(Standing(1, 0, 90), Standing(2, 0, 50))), Order(1, 1, (0,))]
    assert spans([of_items(1)], orders, [100])[0] == {(0, 1): (-90, 10), (0, 2): (-50, 50), (1, 1): (50, 150)}


def test_a_belt_opens_with_what_is_on_it():
    orders = [Order(0, 2, (0,), standing=(Standing(1, 0, 400), Standing(2, 0, 20))), Order(1, 1, (0,))]
    belt = of_items(1, delay_seconds=420)
    assert spans([belt], orders, [60])[0] == {(0, 1): (-400, 20), (0, 2): (-20, 400), (1, 1): (40, 460)}
