"""Orders of several items, and routes: kitchens computed by hand, and what must not change a figure."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from simulation import replications
from simulation.draws import Draws
from simulation.estimates.row_sums import BLOCK, row_sums
from simulation.packing import Packing
from simulation.simulator import merge, read_spec, replicate, simulate

SIZES = {"items": {"law": "discrete", "values": [1, 2, 3, 5], "weights": [38, 29, 30, 3]}}


def station(places, unit, distribution="fixed", **parameters):
    return {"places": places, "unit": unit, "service": {"law": distribution, **parameters}}


def times(places, unit, *seconds):
    return station(places, unit, "times", seconds=list(seconds))


def belt(unit, headway, delay):
    return {"unit": unit, "service": {"law": "conveyor", "headway": headway, "delay": delay}}


def coming(*seconds):
    return {"law": "times", "seconds": list(seconds)}


def ask(stations, arrivals, items=None, **more):
    have = {} if items is None else {"orders_have": {"items": items}}
    return simulate(read_spec({"stations": stations, "arrivals": arrivals, **have, **more})).as_dict()


def trace(stations, arrivals, items, **more):
    """Return for each order what its items did, (start, end) at each station of items, and then what it did."""
    rows = ask(stations, arrivals, items, trace=True, **more)["orders_trace"]
    count = sum(row.get("unit") == "item" for row in stations)
    return [([pairs(item["stations"]) for item in row["items"]], pairs(row["stations"][count:])) for row in rows]


def pairs(visits):
    return [(visit["start"], visit["end"]) for visit in visits]


# By hand


def test_an_order_goes_on_when_its_last_item_is_done():
    """Two cooks make the three items of order 0; order 1 is ready first, although it came later."""
    rows = trace([times(2, "item", 10, 5, 20, 1), times(1, "order", 3, 4)], coming(0, 2), [3, 1])
    assert rows == [
        ([[(0, 10)], [(0, 5)], [(5, 25)]], [(25, 28)]),
        ([[(10, 11)]], [(11, 15)]),
    ]


def test_each_item_bakes_in_a_place_of_its_own():
    rows = trace([station(3, "item", mean=10), station(2, "item", mean=60)], coming(0, 0), [3, 2])
    assert [item[1] for items, _ in rows for item in items] == [(10, 70), (10, 70), (70, 130), (70, 130), (130, 190)]


def test_the_lower_order_goes_first_where_both_are_ready_at_once():
    rows = trace([times(None, "item", 9, 1, 9), times(1, "order", 5, 5)], coming(0, 0), [2, 1])
    assert [order for _, order in rows] == [[(9, 14)], [(14, 19)]]


def test_a_belt_takes_an_item_each_headway():
    rows = trace([belt("item", 60, 420), station(1, "order", mean=30)], coming(0, 100), [3, 1])
    assert rows == [
        ([[(0, 420)], [(60, 480)], [(120, 540)]], [(540, 570)]),
        ([[(180, 600)]], [(600, 630)]),
    ]


def test_a_belt_that_is_busy_at_the_opening():
    loaded = {"unit": "item", "service": {"law": "conveyor", "headway": 60, "delay": 420, "busy": 45}}
    assert trace([loaded], coming(0), [2]) == [([[(45, 465)], [(105, 525)]], [])]
    on_it = [{"items": [{"station": 0, "elapsed": 50}]}]
    assert trace([loaded], coming(0), [2], state=on_it)[1:] == [([[(45, 465)], [(105, 525)]], [])]


def test_a_kitchen_without_stations_of_orders():
    answer = ask([times(1, "item", 5, 5, 2)], coming(0, 0), [2, 1], promise_seconds=11)
    assert answer["time_in_system"]["mean"]["value"] == 11
    assert answer["time_in_system"]["within_promise"]["value"] == 0.5


ROUTES = [
    {"name": "delivery", "share": 1, "stations": [0, 1, 2]},
    {"name": "carry_out", "share": 1, "stations": [0, 1]},
]


def test_a_route_leaves_out_a_station():
    """Order 1 is collected; while the driver is away, it goes by, and order 2 waits as if it had not been there."""
    stations = [times(None, "item", 4, 4, 4), station(1, "order", mean=2), station(1, "order", mean=50)]
    spec = read_spec(
        {
            "stations": stations,
            "arrivals": coming(0, 1, 2),
            "orders_have": {"items": [1, 1, 1], "routes": ["delivery", "carry_out", "delivery"]},
            "routes": ROUTES,
            "trace": True,
        }
    )
    answer = simulate(spec).as_dict()
    assert [pairs(row["stations"])[1:] for row in answer["orders_trace"]] == [
        [(4, 6), (6, 56)],
        [(6, 8), (None, None)],
        [(8, 10), (56, 106)],
    ]
    assert [row["route"] for row in answer["orders_trace"]] == ["delivery", "carry_out", "delivery"]
    assert [(row["name"], row["orders"]) for row in answer["by_route"]] == [("delivery", 2), ("carry_out", 1)]
    assert [row["time_in_system"]["mean"]["value"] for row in answer["by_route"]] == [80, 7]
    driver = answer["stations"][2]
    assert (driver["wait_mean"]["value"], driver["service_mean"]["value"]) == (23, 50)
    assert driver["utilisation"]["value"] == pytest.approx(100 / 106)


def test_figures_computed_by_hand():
    """Two items, and a moment later one, with one cook: waits 0, 60, and 110; then all are packed at once."""
    stations = [station(1, "item", mean=60), station(None, "order", mean=10)]
    answer = ask(stations, coming(0, 10), [2, 1], promise_seconds=150, grid_seconds=60, slots=[0, 0.025, 1])
    cook = {name: estimate["value"] for name, estimate in answer["stations"][0].items() if name != "name"}
    assert cook == {
        "wait_mean": pytest.approx(170 / 3),
        "wait_probability": pytest.approx(2 / 3),
        "service_mean": 60,
        "utilisation": pytest.approx(180 / 190),
        "busy_mean": pytest.approx(180 / 190),
        "queue_mean": pytest.approx(170 / 190),
    }
    assert [row["items"] for row in answer["by_items"]] == [1, 2]
    lengths = [row["time_in_system"] for row in answer["by_items"]]
    assert [(row["mean"]["value"], row["within_promise"]["value"]) for row in lengths] == [(180, 0), (130, 1)]
    assert answer["over_time"]["stations"][0]["queue_mean"]["value"] == [1, 1, 0]
    assert answer["by_slot"]["utilisation"][0] == [1, pytest.approx(90 / 3510)]
    assert answer["orders"] == 2


def test_a_state_of_items():
    """Order -2: one item done, one in the oven, one waits there, and order -1 is ahead of it in that line."""
    state = [
        {"items": [{"done": True}, {"station": 1, "elapsed": 40}, {"station": 1, "waiting": True, "turn": 1}]},
        {"items": [{"station": 1, "waiting": True}, {"station": 0, "elapsed": 5}], "age": 30},
    ]
    stations = [station(1, "item", mean=15), station(1, "item", mean=60), station(1, "order", mean=7)]
    rows = trace(stations, coming(3), [1], state=state)
    nothing = (None, None)
    assert rows == [
        ([[nothing, nothing], [nothing, (-40, 20)], [nothing, (80, 140)]], [(140, 147)]),
        ([[nothing, (20, 80)], [(-5, 10), (140, 200)]], [(200, 207)]),
        ([[(10, 25), (200, 260)]], [(260, 267)]),
    ]
    counted = ask(stations, coming(3), [1], state=state, count_state=True)
    assert counted["time_in_system"]["mean"]["value"] == pytest.approx((147 + 40 + 207 + 30 + 264) / 3)
    assert [row["orders"] for row in counted["by_items"]] == [1, 1, 1]


def test_an_order_of_the_state_that_has_joined():
    state = [{"station": 1, "elapsed": 4, "items": 3}, {"station": 0, "waiting": True, "items": 2}]
    rows = trace([station(1, "item", mean=5), station(1, "order", mean=7)], coming(0), [1], state=state)
    assert [order for _, order in rows] == [[(-4, 3)], [(10, 17)], [(17, 24)]]


def test_notes_speak_of_items():
    state = [{"items": [{"station": 0, "elapsed": 5}, {"station": 0, "elapsed": 90}]}]
    stations = [station(1, "item", mean=60), station(1, "order", mean=60)]
    answer = ask(stations, {"law": "poisson", "per_hour": 40}, SIZES["items"], orders=5, state=state)
    notes = " ".join(answer["notes"])
    assert "stations[0] gets 1.34 times the work that its places can do" in notes
    assert "stations[1] gets 0.67" not in notes
    assert "stations[0] begins with 2 items at work, and there is room for 1" in notes
    assert "stations[0] begins with 1 item whose work has gone on for up to 90 s" in notes


def test_the_load_of_a_station_is_that_of_the_orders_that_pass_it():
    routes = [{**ROUTES[0], "share": 3}, {**ROUTES[1], "share": 1}]
    stations = [station(9, "item", mean=60), station(9, "order", mean=60), station(1, "order", mean=60)]
    spec = {"stations": stations, "arrivals": {"law": "poisson", "per_hour": 60}, "routes": routes, "orders": 9}
    assert [read_spec(spec).peak_load(number) for number in range(3)] == pytest.approx([1 / 9, 1 / 9, 0.75])


# What must not change a figure

SHOP = [
    station(2, "item", "lognormal", mean=60, cv=0.4),
    belt("item", 30, 420),
    station(6, "item", mean=300),
    {**station(1, "order", "lognormal", mean=20, cv=0.3), "per_pizza": True},
    {**station(4, "order", "erlang", mean=600, k=8), "changes": [[0.5, 2], [1, 5]]},
    station(3, "order", "exponential", mean=100),
]
WAYS = [
    {"name": "delivery", "share": 0.5, "stations": [0, 1, 2, 3, 4]},
    {"name": "carry_out", "share": 0.3, "stations": [0, 1, 2, 3]},
    {"name": "table", "share": 0.2, "stations": [0, 1, 2, 3, 5]},
]
STATE = [
    {"station": 4, "elapsed": 100, "items": 2},
    {"items": [{"done": True}, {"station": 1, "elapsed": 20}, {"station": 0, "elapsed": 5}], "route": "carry_out"},
    {"station": 0, "waiting": True, "items": 3, "route": "table"},
]
SPECS = {
    "short": {"orders": 40, "replications": 70},
    "long": {"orders": 3000, "replications": 5, "warmup": 0.1},
    "many": {"orders": 20, "replications": 2500, "slots": [0, 1, 2], "promise_seconds": 1500},
    "one": {"orders": 9000, "warmup": 0.1},
    "a day with a state": {
        "arrivals": {"law": "steps", "per_hour": [20, 40, 5], "hours": [0, 1, 2, 3]},
        "replications": 70,
        "state": STATE,
        "count_state": True,
        "grid_seconds": 600,
        "promise_seconds": 1500,
        "slots": [0, 0.5, 1, 2],
    },
}


def shop(**more):
    spec = {"stations": SHOP, "routes": WAYS, "orders_have": SIZES, "arrivals": {"law": "poisson", "per_hour": 25}}
    return read_spec({**spec, "seed": 3, **more})


@pytest.mark.parametrize("name", [name for name in SPECS if name != "one"])
def test_shared_out_it_is_the_same_to_the_last_bit(name):
    spec = shop(**SPECS[name])
    whole = simulate(spec).as_dict()
    count = spec.replications
    parts = [replicate(spec, begin, end - begin) for begin, end in pairwise([0, 1, count // 3 + 1, count])]
    assert merge(spec, reversed(parts)).as_dict() == whole


@pytest.mark.parametrize(("name", "chunk"), [("one", 53), ("long", 700), ("a day with a state", 11)])
def test_chunks_change_nothing(monkeypatch, name, chunk):
    spec = shop(**SPECS[name])
    whole = simulate(spec).as_dict()
    monkeypatch.setattr(replications, "CHUNK", chunk)
    monkeypatch.setattr(replications, "LONE_CHUNK", chunk)
    cut = simulate(spec).as_dict()
    assert [row["orders"] for row in cut["by_items"]] == [row["orders"] for row in whole["by_items"]]
    for name in (
        "stations",
        "by_route",
        "by_items",
    ):  # percentiles are exact in one, and counted in cells in the other
        assert_close(cut[name], whole[name])


def assert_close(first, second):
    """Percentiles are exact in a run of one chunk, and counted in cells of 0.2 % in a longer one."""
    if isinstance(first, list):
        for one, other in zip(first, second, strict=True):
            assert_close(one, other)
    elif isinstance(first, dict):
        assert first.keys() == second.keys()
        for name in first:
            if name != "half_width":
                assert_close(first[name], second[name])
    else:
        assert first == pytest.approx(second, rel=0.002) if isinstance(first, float) else first == second


def test_one_item_an_order_is_what_it_is_without_items():
    plain = {"stations": [{**row, "unit": "order"} for row in SHOP], "orders_have": None, "replications": 20}
    for more in (SPECS["short"], SPECS["a day with a state"] | {"state": []}):
        expected = simulate(shop(**(more | plain))).as_dict()
        one = {"items": {"law": "discrete", "values": [1], "weights": [1]}}
        answer = simulate(shop(**(more | {"orders_have": one, "replications": 20}))).as_dict()
        (by_items,) = answer.pop("by_items")
        assert answer == expected
        assert by_items["time_in_system"] == answer["time_in_system"]


def test_the_parts_of_orders_make_up_all_of_them():
    answer = simulate(shop(**SPECS["many"])).as_dict()
    for rows in (answer["by_route"], answer["by_items"]):
        assert sum(row["orders"] for row in rows) == pytest.approx(20)
        mean = sum(row["orders"] * row["time_in_system"]["mean"]["value"] for row in rows) / 20
        assert mean == pytest.approx(answer["time_in_system"]["mean"]["value"])
    shares = [row["orders"] / 20 for row in answer["by_route"]]
    assert shares == pytest.approx([0.5, 0.3, 0.2], abs=0.01)
    assert [row["orders"] / 20 for row in answer["by_items"]] == pytest.approx([0.38, 0.29, 0.30, 0.03], abs=0.01)


def drawn(spec, first=0, rows=60, width=30):
    draws = Draws(spec, first, rows)
    draws.arrivals(0, width)
    services = draws.services(0, width)
    packing = Packing.of(draws.sizes_of_chunk())
    return packing, draws.item_services(0, packing), services, draws.routes(0, width)


def test_items_keep_their_draws_whatever_else_changes():
    """Places, another station's service time, shares of routes: an item's own draws stay."""
    spec = shop(orders=30, replications=60)
    cook, oven, *others = spec.stations
    other = replace(
        spec,
        stations=(replace(cook, capacity=9), replace(oven, service=cook.service, capacity=3), *others),
        routes=tuple(replace(route, share=1.0) for route in spec.routes),
    )
    (packing, items, orders, _), (_, new_items, new_orders, _) = drawn(spec), drawn(other)
    assert (items[0] == new_items[0]).all() and not (items[1] == new_items[1])[packing.is_item].any()
    for old, new in zip(orders, new_orders, strict=True):
        assert (old == new).all()


def test_a_replication_has_its_items_in_whatever_share_it_is():
    spec = shop(orders=30, replications=60)
    packing, items, _, routes = drawn(spec)
    for first, rows in ((1, 2), (31, 9), (50, 1)):
        part, own_items, _, own_routes = drawn(spec, first, rows)
        mine = slice(first, first + rows)
        assert (own_routes == routes[mine]).all()
        there, width = part.is_item, part.order.shape[1]
        assert (packing.is_item[mine, :width] == there).all() and not packing.is_item[mine, width:].any()
        for whole, own in zip(items, own_items, strict=True):
            assert (whole[mine, :width][there] == own[there]).all()


def test_items_are_those_whose_sum_was_the_orders():
    """A station of orders with a service time per pizza draws the same pizzas, and sums them up."""
    spec = shop(orders=30, replications=60)
    by_order = replace(spec.stations[0], unit="order", per_pizza=True)
    packing, (items, *_), _, _ = drawn(spec)
    draws = Draws(replace(spec, stations=(by_order,), routes=()), 0, 60)
    draws.arrivals(0, 30)
    (work,) = draws.services(0, 30)
    sums = np.zeros(work.shape)
    row = np.broadcast_to(np.arange(60)[:, None], packing.order.shape)
    np.add.at(sums, (row[packing.is_item], packing.order[packing.is_item]), items[packing.is_item])
    assert sums == pytest.approx(work)


def test_packing():
    packing = Packing.of(np.array([[2, 0, 1], [1, 3, 1]]))
    assert packing.order[packing.is_item].tolist() == [0, 0, 2, 0, 1, 1, 1, 2]
    assert packing.number[packing.is_item].tolist() == [0, 1, 0, 0, 0, 1, 2, 0]
    assert packing.is_item.tolist() == [[True, True, True, False, False], [True] * 5]


def test_filler_changes_no_sum():
    numbers = np.random.default_rng(1).exponential(1, (3, 2 * BLOCK + 7))
    wider = np.pad(numbers, ((0, 0), (0, BLOCK)))
    assert (row_sums(numbers) == row_sums(wider)).all()
    assert row_sums(numbers) == pytest.approx(numbers.sum(axis=1))
    assert row_sums(np.empty((2, 0))).tolist() == [0, 0]
