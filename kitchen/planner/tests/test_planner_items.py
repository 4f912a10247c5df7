"""The planner of a kitchen of pizzas: items and orders, belts and two ways out, by hand; and the plans of before."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from kitchen.planner import planner
from kitchen.planner.requests import read_plan
from kitchen.planner.scenarios import OpenItem, OpenOrder, load
from kitchen.planner.specs import spec_of
from kitchen.planner.tests.test_planner import FAST, STATIONS, fixed, measured, plan_of, present, refused
from simulation.spec import Conveyor, Route

OF_BEFORE = Path(__file__).with_name("plans_of_before.json")
NOTHING = {"profile": "flat", "per_hour": 0}
ITEMS = tuple(replace(row, unit="item") if row.stage in ("received", "baking") else row for row in STATIONS)


def by_hand(*seconds, state, oven=2, **values):
    """Plan from 18:00 on without new orders: one place everywhere, two for pizzas in the oven, and fixed times."""
    rows = fixed(*seconds)
    stations = (replace(rows[0], unit="item"), replace(rows[1], unit="item", capacity=oven), *rows[2:])
    now = {"now_hour": 18.0, "state": state}
    return plan_of(stations, now, **{"question": "now", "open": None, "demand": NOTHING} | values)


def means(row):
    """Return the seconds that an order takes, and that it or a pizza waits for each station; None: no one is there."""
    waits = [station["wait_minutes"] for station in row["stations"]]
    return row["mean_minutes"]["value"] * 60, [wait and wait["value"] * 60 for wait in waits]


# Stored plans


@pytest.mark.parametrize("name", ["compare", "now"])
def test_a_plan_that_was_stored_before_there_were_items_gives_the_same_figures(name):
    stored = json.loads(OF_BEFORE.read_text())[name]
    plan = load(stored["plan"])
    assert {row.unit for scenario in plan.scenarios for row in scenario.stations} == {"order"}
    answer = planner.run(plan)
    figures = [
        [
            row["name"],
            row["mean_minutes"],
            row["saves_minutes"],
            row["kept"],
            row["p95_minutes"],
            [station["wait_minutes"]["value"] for station in row["stations"]],
            [station["load"] for station in row["stations"]],
        ]
        for row in answer["scenarios"]
    ]
    assert figures == stored["figures"]
    assert answer["sentence"] == stored["sentence"]
    assert answer["notes"] == stored["notes"]


def test_a_new_plan_is_stored_with_its_items_and_its_ways():
    items = (OpenItem(0, True, 5.0), OpenItem(1, False, 0.0, turn=3), OpenItem(0, False, 0.0, is_done=True))
    order = OpenOrder(0, True, 5.0, 3, 60.0, "carry_out", items)
    belt = replace(ITEMS[1], distribution="conveyor", headway_seconds=50.0)
    plan = plan_of((ITEMS[0], belt, *ITEMS[2:]), {"now_hour": 18.0, "state": (order,)}, question="now", open=None)
    plan = replace(
        plan, scenarios=(replace(plan.scenarios[0], demand=replace(plan.scenarios[0].demand, carry_out=0.3)),)
    )
    assert load(json.loads(json.dumps(plan.as_dict()))) == plan


# Pizzas, by hand


def test_an_order_goes_on_when_its_last_pizza_has_left_the_oven():
    """Three pizzas: made from 0 to 10, 20 and 30 s, baked two at a time until 50; then cut and brought."""
    plan = by_hand(10, 20, 5, 30, state=(OpenOrder(0, False, 0.0, 3, 0.0),))
    (row,) = planner.run(plan)["scenarios"]
    seconds, waits = means(row)
    assert seconds == pytest.approx(50 + 5 + 30, abs=0.01)
    assert waits == pytest.approx([(0 + 10 + 20) / 3, 0, 0, 0], abs=0.01)


def test_places_hold_pizzas():
    """In one place the second and the third pizza wait 10 and 20 s for the oven."""
    state = (OpenOrder(0, False, 0.0, 3, 0.0),)
    plan = by_hand(10, 20, 5, 30, state=state, oven=1, scenarios=[{"stations": {"baking": {"places": 3}}}])
    one, three = planner.run(plan)["scenarios"]
    assert means(one)[0] == pytest.approx(10 + 3 * 20 + 5 + 30, abs=0.01)
    assert means(one)[1][1] == pytest.approx((0 + 10 + 20) / 3, abs=0.01)
    assert one["stations"][1]["unit"] == "item"
    assert means(three)[0] == pytest.approx(50 + 5 + 30, abs=0.01)


def test_pizzas_of_one_order_can_be_at_different_stations():
    """One is in the oven for 5 of its 20 s, one done, and one waits to be made: the order joins after 30 s."""
    items = (OpenItem(1, True, 5.0), OpenItem(0, False, 0.0, is_done=True), OpenItem(0, False, 0.0))
    plan = by_hand(10, 20, 5, 30, state=(OpenOrder(0, False, 0.0, 3, 60.0, "delivery", items),))
    (row,) = planner.run(plan)["scenarios"]
    assert means(row)[0] == pytest.approx(60 + 30 + 5 + 30, abs=0.01)


def test_a_belt_of_the_shop_is_loaded_pizza_by_pizza():
    """Two pizzas on a belt of 20 s, one every 15 s: out after 20 and 35 s."""
    plan = by_hand(0.1, 20, 5, 30, state=(OpenOrder(1, False, 0.0, 2, 0.0),))
    belt = replace(plan.scenarios[0].stations[1], distribution="conveyor", headway_seconds=15.0, capacity=2)
    row = plan.scenarios[0]
    plan = replace(plan, scenarios=(replace(row, stations=(row.stations[0], belt, *row.stations[2:])),))
    (row,) = planner.run(plan)["scenarios"]
    assert means(row)[0] == pytest.approx(35 + 5 + 30, abs=0.01)
    assert means(row)[1] == [None, pytest.approx(15 / 2, abs=0.01), 0, 0]


# Two ways out


def test_an_order_that_is_collected_ends_at_the_counter():
    """One pizza to deliver, two to collect: 35 + 30 s to the door, 50 + 5 s to the counter."""
    state = (OpenOrder(0, False, 0.0, 1, 0.0), OpenOrder(0, False, 0.0, 2, 0.0, "carry_out"))
    plan = by_hand(10, 20, 5, 30, state=state, promise_minutes=1)
    answer = planner.run(plan)
    (row,) = answer["scenarios"]
    assert answer["ends"] == ["door", "counter"]
    assert row["by_way"]["delivery"]["mean_minutes"]["value"] == pytest.approx(65 / 60, abs=1e-4)
    assert row["by_way"]["carry_out"]["mean_minutes"]["value"] == pytest.approx(55 / 60, abs=1e-4)
    assert [row["by_way"][way]["kept"]["value"] for way in ("delivery", "carry_out")] == [0, 1]
    assert row["mean_minutes"]["value"] == pytest.approx(60 / 60, abs=1e-4)
    assert answer["sentence"] == (
        "From now on, an order takes 1.00 ± 0.00 minutes to the door or the counter (1.083 ± 0.000 delivered,"
        " 0.917 ± 0.000 collected), and 50.0 ± 0.0 % are there or ready within 1."
    )


def test_drivers_have_only_the_orders_that_are_delivered():
    plan = plan_of(ITEMS, scenarios=[{"demand": {"carry_out": 0.5}}, {"demand": {"carry_out": 1}}])
    none, half, whole = planner.run(plan)["scenarios"]
    drivers = [row["stations"][3]["load"] for row in (none, half, whole)]
    assert drivers[1] == pytest.approx(drivers[0] / 2, rel=0.1)
    assert drivers[2] == 0 and whole["stations"][3]["wait_minutes"] is None
    assert half["stations"][0]["load"] == none["stations"][0]["load"]
    assert half["saves_minutes"]["value"] > 5
    assert (none["by_way"], whole["by_way"]) == (None, None)
    collected, delivered = (half["by_way"][way]["mean_minutes"]["value"] for way in ("carry_out", "delivery"))
    assert collected < delivered - 15
    assert half["name"] == "50 % of orders collected"
    assert whole["name"] == "Every order collected"


def test_the_sentence_of_a_shop_where_every_order_is_collected():
    answer = planner.run(plan_of(ITEMS, demand={"profile": "flat", "per_hour": 10, "carry_out": 1}))
    assert answer["ends"] == ["counter"]
    assert " minutes to the counter, and " in answer["sentence"]
    assert " are ready within 45." in answer["sentence"]


def test_without_carry_out_there_are_no_routes():
    plan = plan_of(ITEMS)
    assert spec_of(plan, plan.scenarios[0]).routes == ()
    assert [station.unit for station in spec_of(plan, plan.scenarios[0]).stations] == [
        "item",
        "item",
        "order",
        "order",
    ]
    plan = plan_of(ITEMS, scenarios=[{"demand": {"carry_out": 0.25}}])
    routes = [spec_of(plan, scenario).routes for scenario in plan.scenarios]
    assert routes[0] == (Route("delivery", 1, (0, 1, 2, 3)), Route("carry_out", 0, (0, 1, 2)))
    assert routes[1] == (Route("delivery", 0.75, (0, 1, 2, 3)), Route("carry_out", 0.25, (0, 1, 2)))


def test_a_smallest_crew_of_a_shop_of_pizzas(monkeypatch):
    monkeypatch.setattr("kitchen.planner.crew.MOST_CREW", 16)
    demand = {**FAST["demand"], "carry_out": 0.5}
    answer = planner.run(plan_of(ITEMS, question="crew", demand=demand, keep=0.9, promise_minutes=40))
    assert [row["stage"] for row in answer["stations"]] == ["received", "baking", "baked", "out_for_delivery"]
    assert answer["crews"][0]["does"]
    assert answer["ends"] == ["door", "counter"]


# What is asked for, and what it is called


def test_the_shares_of_the_ways_out():
    plan = plan_of(demand={"profile": "flat", "per_hour": 25, "carry_out": "0.4"})
    assert plan.scenarios[0].demand.carry_out == 0.4
    assert plan.scenarios[0].demand.words == "25 an hour, all day, 40 % of orders collected"
    for share in (-0.1, 1.1, "some", True):
        assert refused({"demand": {"carry_out": share}}) == (
            "demand.carry_out",
            f"The share of carry-out must be a number from 0 to 1, not “{share}”.",
        )
    plan = plan_of(
        demand={"profile": "flat", "per_hour": 25, "carry_out": 0.4},
        scenarios=[{"demand": {"carry_out": 0}}, {"demand": {"times": 2}}],
    )
    assert [scenario.demand.carry_out for scenario in plan.scenarios] == [0.4, 0, 0.4]
    assert plan.scenarios[1].name == "Every order delivered"


def test_each_pizza_has_its_own_time_where_pizzas_are_worked_on():
    asked = {"scenarios": [{"stations": {"baking": {"per_pizza": False}}}]}
    assert refused(asked, present(ITEMS)) == (
        "scenarios.0.stations.baking.per_pizza",
        "Oven: per pizza must be left out: each pizza has a place of its own.",
    )
    plan = plan_of(ITEMS, scenarios=[{"name": "the same", "stations": {"baking": {"per_pizza": True}}}])
    assert plan.scenarios[1].stations == plan.scenarios[0].stations


def test_a_measured_day_brings_its_share_of_carry_out():
    shop = present(measured_carry_out=lambda day: 0.25)
    demand = {"profile": "measured", "day": "2026-10-30"}
    assert read_plan({"demand": demand}, shop).scenarios[0].demand.carry_out == 0.25
    assert read_plan({"demand": {**demand, "carry_out": 0}}, shop).scenarios[0].demand.carry_out == 0
    assert measured("2026-10-30")


def test_what_can_be_changed_about_a_belt():
    belt = replace(ITEMS[1], distribution="conveyor", headway_seconds=60.0, capacity=8)
    shop = (ITEMS[0], belt, *ITEMS[2:])
    changes = ({"headway_seconds": 45}, {"places": 10}, {"mean_seconds": 600}, {"law": "fixed"})
    plan = plan_of(shop, scenarios=[{"stations": {"baking": change}} for change in changes], one_more=True)
    rows = [scenario.stations[1] for scenario in plan.scenarios]
    assert [(row.capacity, row.headway_seconds) for row in rows[:5]] == [
        (8, 60.0),
        (10, 45.0),
        (10, None),
        (10, 60.0),
        (8, None),
    ]
    assert spec_of(plan, plan.scenarios[0]).stations[1].service == Conveyor(60, 450)
    assert spec_of(plan, plan.scenarios[2]).stations[1].service == Conveyor(45, 450)
    assert plan.scenarios[1].name == "2 more places at “Oven”, one every 45 s at “Oven”"
    assert rows[6].loading_seconds == 450 / 9  # one more place
    for asked, words in (
        ({"headway_seconds": 45, "places": 3}, "goes without places"),
        ({"headway_seconds": -1}, "must be a number from 0 to"),
        ({"headway_seconds": 45, "law": "fixed"}, "goes with a conveyor"),
    ):
        where, sentence = refused({"scenarios": [{"stations": {"baking": asked}}]}, present(shop))
        assert where == "scenarios.0.stations.baking.headway_seconds"
        assert sentence.startswith("Oven: the time between two loadings ") and words in sentence


def test_too_much_work_is_said_in_pizzas_where_pizzas_are_worked_on():
    demand = {"profile": "flat", "per_hour": 60, "carry_out": 0.5}
    notes = plan_of(ITEMS, demand=demand).notes
    make, oven, drivers = (next(note for note in notes if note.startswith(name)) for name in ("Make", "Oven", "Driv"))
    pizzas = 60 * 2.16
    assert f"at worst {pizzas:.3g} pizzas an hour are work for {pizzas * 120 / 3600:.1f} places" in make
    assert f"it has 6, so that its line grows by {pizzas - 48:.1f} pizzas an hour." in oven
    assert "at worst 30 orders an hour are work for 10.0 places, and it has 8" in drivers


def test_more_pizzas_at_work_than_places_are_named():
    items = (OpenItem(1, True, 5.0), OpenItem(1, True, 30.0))
    notes = by_hand(10, 20, 5, 30, state=(OpenOrder(1, True, 30.0, 2, 60.0, "delivery", items),), oven=1).notes
    assert any(note.startswith("Oven begins with 2 pizzas at work, and there is room for 1:") for note in notes)
    assert any(note.startswith("Oven begins with 1 pizza whose work has gone on for up to 30 s") for note in notes)


def test_what_is_waited_for_is_said_in_pizzas():
    stations = (*ITEMS[:3], replace(ITEMS[3], capacity=40))
    plan = plan_of(stations, scenarios=[{"stations": {"out_for_delivery": {"places": 41}}}])
    assert "changes nothing: what pizzas wait for is “Oven”. As it is, " in planner.run(plan)["sentence"]
    answer = planner.run(plan_of(ITEMS, question="crew", demand={"profile": "flat", "per_hour": 400}))
    assert answer["sentence"].startswith("No crew keeps")
