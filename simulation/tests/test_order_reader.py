"""What a spec says about its orders: items, routes, and where they stand; each mistake gets a sentence."""

import pytest

from simulation.simulator import SpecError, read_spec
from simulation.spec import Present, PresentItem, Route

FIXED = {"law": "fixed", "mean": 60}
STATIONS = [
    {"name": "make", "places": 2, "unit": "item", "service": FIXED},
    {"name": "oven", "places": 6, "unit": "item", "service": FIXED},
    {"name": "bench", "places": 1, "service": FIXED},
    {"name": "drivers", "places": 8, "unit": "order", "service": FIXED},
]
DELIVERY = {"name": "delivery", "share": 0.6, "stations": ["make", "oven", "bench", "drivers"]}
CARRY_OUT = {"name": "carry_out", "share": 0.4, "stations": ["make", "oven", 2]}
SIZES = {"law": "discrete", "values": [3, 1, 2], "weights": [33, 38, 29]}
SPEC = {
    "stations": STATIONS,
    "orders_have": {"items": SIZES},
    "routes": [DELIVERY, CARRY_OUT],
    "arrivals": {"law": "poisson", "per_hour": 20},
    "orders": 10,
}
GIVEN = {"arrivals": {"law": "times", "seconds": [0, 10]}, "orders": None}


def test_a_spec_with_items_and_routes():
    spec = read_spec(SPEC)
    assert [station.unit for station in spec.stations] == ["item", "item", "order", "order"]
    assert spec.pizzas == ((1, 38.0), (2, 29.0), (3, 33.0))
    assert spec.routes == (Route("delivery", 0.6, (0, 1, 2, 3)), Route("carry_out", 0.4, (0, 1, 2)))
    assert (spec.item_stations, spec.fork, spec.item_numbers, spec.by_items) == (2, 2, (1, 2, 3), True)
    assert [spec.share_of(number) for number in range(4)] == [1, 1, 1, 0.6]
    assert spec.place_seconds(0) == pytest.approx(60 * 1.95)
    assert spec.place_seconds(3) == pytest.approx(36)


def test_numbers_and_routes_of_given_orders():
    have = {"items": [2, 5], "routes": ["carry_out", "delivery"]}
    spec = read_spec({**SPEC, **GIVEN, "orders_have": have})
    assert (spec.order_items, spec.order_routes, spec.pizzas) == ((2, 5), (1, 0), ((2, 1.0), (5, 1.0)))


def test_pizzas_are_items():
    """Both names can be given if they say the same."""
    pizzas = {"1": 38, "2": 29, "3": 33}
    assert read_spec({**SPEC, "pizzas": pizzas}) == read_spec(SPEC)
    spec = read_spec({**SPEC, "orders_have": None, "pizzas": pizzas})
    assert (spec.fork, spec.by_items) == (2, True)


def test_one_item_an_order_has_nothing_to_join():
    spec = read_spec({**SPEC, "orders_have": {}})
    assert (spec.item_stations, spec.fork) == (2, 0)


def test_a_state_names_items():
    state = [
        {
            "route": "carry_out",
            "age": 300,
            "items": [{"station": 1, "waiting": True, "turn": 4}, {"station": 0, "elapsed": 60}, {"done": True}],
        },
        {"station": 2, "elapsed": 10, "items": 3},
        {"station": 3, "elapsed": 10, "pizzas": 2},
        {"station": 0, "waiting": True, "items": 2},
        {"station": 1, "elapsed": 5},
    ]
    items = (PresentItem(1, None, turn=4), PresentItem(0, 60), PresentItem(0, None, is_done=True))
    spec = read_spec({**SPEC, "state": state})
    assert spec.state == (
        Present(0, 60, 3, 300, 1, items),
        Present(2, 10, 3, 10),
        Present(3, 10, 2, 10),
        Present(0, None, 2),
        Present(1, 5, 1, 5),
    )
    assert [item.order for item in spec.items_of_state if not item.is_done] == [0, 0, 3, 3, 4]


ONE = {"station": 0, "waiting": True}
WRONG = [
    ({"stations": [STATIONS[2], STATIONS[0]]}, "stations[1].unit must be order: stations of items come before"),
    ({"stations": [{**STATIONS[0], "unit": "pizza"}]}, "stations[0].unit must be one of item, order, not “pizza”."),
    ({"stations": [{**STATIONS[0], "per_pizza": True}]}, "stations[0].per_pizza must be left out: a station of items"),
    ({"orders_have": []}, "orders_have must be an object."),
    ({"orders_have": {"pizzas": 1}}, "orders_have.pizzas is not a field of a spec."),
    ({"orders_have": {"items": 3}}, "orders_have.items must be an object."),
    ({"orders_have": {"items": [1, 2]}}, 'orders_have.items can be a list only with arrivals of the law "times".'),
    ({"orders_have": {"items": {**SIZES, "law": "fixed"}}}, "orders_have.items.law must be one of discrete"),
    (
        {"orders_have": {"items": {**SIZES, "values": [1, 2, 0]}}},
        "items.values[2] must be a number from 1",
    ),
    ({"orders_have": {"items": {**SIZES, "values": [1, 2, 2.5]}}}, "values[2] must be a whole number, not “2.5”."),
    ({"orders_have": {"items": {**SIZES, "values": [1, 2, 1001]}}}, "values[2] must be a number from 1 to 1000"),
    (
        {"orders_have": {"items": {**SIZES, "values": [1, 2, 1]}}},
        "items.values must be different numbers.",
    ),
    ({"orders_have": {"items": {**SIZES, "values": [1, 2]}}}, "weights must have 2 numbers, one for each of values"),
    ({"orders_have": {"items": {**SIZES, "weights": [0, 0, 0]}}}, "weights must say for some number of items"),
    ({"pizzas": {"1": 1}}, "pizzas must be left out: orders_have.items says how many pizzas an order has."),
    ({**GIVEN, "orders_have": {"items": [1]}}, "orders_have.items must have 2 entries, one for each order, not 1."),
    ({**GIVEN, "orders_have": {"items": [1, 2, 3]}}, "orders_have.items must have 2 entries, one for each order"),
    ({**GIVEN, "orders_have": {"items": [1, "2"]}}, "orders_have.items[1] must be a number from 1 to 1000, not “2”."),
    ({**GIVEN, "orders_have": {"routes": "delivery"}}, "orders_have.routes must be a list of names"),
    ({**GIVEN, "orders_have": {"routes": ["delivery", "by boat"]}}, "routes[1] must be one of delivery, carry_out"),
    (
        {"orders_have": {"routes": ["delivery"]}},
        'routes can be a list only with arrivals of the law "times',
    ),
    ({"routes": []}, "routes must have 1 to 10 entries, not 0."),
    ({"routes": [DELIVERY, DELIVERY]}, "routes[1].name must not be that of another route."),
    ({"routes": [{**DELIVERY, "share": 0}]}, "routes must have a share above 0 somewhere."),
    ({"routes": [{**DELIVERY, "share": -1}]}, "routes[0].share must be a number from 0"),
    ({"routes": [{**DELIVERY, "stations": ["make", "stove"]}]}, "stations[1] must be the name of one station, or its"),
    (
        {"routes": [{**DELIVERY, "stations": ["make", "oven", "make"]}]},
        "stations[2] must come after the one",
    ),
    (
        {"routes": [{**DELIVERY, "stations": ["make", "bench"]}]},
        "stations must have oven: every order passes",
    ),
    ({"state": [{**ONE, "route": "by boat"}]}, "state[0].route must be one of delivery, carry_out, not “by boat”."),
    ({"routes": None, "state": [{**ONE, "route": "delivery"}]}, "route must be left out: there are no routes"),
    ({"state": [{"station": 3, "elapsed": 1, "route": "carry_out"}]}, "state[0].station must be one of the route"),
    ({"state": [{**ONE, "items": [ONE]}]}, "state[0].station must be left out: items says where each of them is."),
    ({"state": [{"items": [{"done": True}]}]}, "state[0].items are all done: the order is at a later station, 2 or"),
    (
        {"state": [{"items": [{"station": 2, "waiting": True}]}]},
        "items[0].station must be a number from 0 to 1",
    ),
    ({"state": [{"items": [{"station": 1}]}]}, "state[0].items[0].elapsed or waiting must be given, but not both."),
    ({"state": [{"items": [{"done": True, "station": 1}]}]}, "state[0].items[0].station is not a field of a spec."),
    (
        {"state": [{"station": 1, "elapsed": 9, "items": 2}]},
        "items must be a list here: each item of an order",
    ),
    ({"state": [{**ONE, "items": 2, "pizzas": 2}]}, "state[0].pizzas must be left out: items says it."),
    (
        {"stations": STATIONS[2:], "routes": None, "state": [{"items": [ONE]}]},
        "state[0].items must be a number: no station works on items.",
    ),
]


@pytest.mark.parametrize(("values", "sentence"), WRONG, ids=[sentence for _, sentence in WRONG])
def test_a_mistake_gets_a_sentence(values, sentence):
    with pytest.raises(SpecError) as wrong:
        read_spec({**SPEC, **values})
    assert sentence in str(wrong.value)


def test_times_at_a_station_of_items_are_those_of_items():
    stations = [{**STATIONS[0], "service": {"law": "times", "seconds": [1, 2, 3, 4]}}]
    spec = {"stations": stations, **GIVEN}
    for have in ({"items": [2, 2]}, None):  # without it, an order is one item
        assert read_spec({**spec, "orders_have": have})
    with pytest.raises(SpecError, match=r"seconds must have 5 numbers, one for each item\."):
        read_spec({**spec, "orders_have": {"items": [2, 3]}})
    with pytest.raises(SpecError, match=r"needs to know how many items come: give orders_have\.items as a list\."):
        read_spec({**spec, "orders_have": {"items": SIZES}})
