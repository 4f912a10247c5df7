"""The planner's figures: against an independent simulator, by hand, and against all possible crews."""

import itertools
import json
from dataclasses import replace

import numpy as np
import pytest

from kitchen.planner import crew, planner
from kitchen.planner.parts import pack, unpack
from kitchen.planner.planner import Piece
from kitchen.planner.requests import MOST_ORDERS, Present, read_plan
from kitchen.planner.scenarios import OpenOrder, StationPlan, load
from kitchen.planner.specs import BLOCK, spec_of
from simulation.confidence import UNKNOWN, Estimate
from simulation.fields import SpecError
from simulation.simulator import read_spec, simulate

STATIONS = (
    StationPlan("received", "Make line", 2, "lognormal", 120, 48, True),
    StationPlan("baking", "Oven", 6, "fixed", 450, 0, False),
    StationPlan("baked", "Cutting bench", 1, "lognormal", 40, 12, False),
    StationPlan("out_for_delivery", "Drivers", 8, "lognormal", 1200, 420, False),
)
QUIET = {"profile": "flat", "per_hour": 1}
FAST = {"demand": {"profile": "flat", "per_hour": 25}, "open": "17:00", "close": "20:00", "most_replications": 200}


def measured(day):
    if day != "2026-10-30":
        raise ValueError("No order came.")
    return [0.0] * 18 + [12.0, 24.0] + [0.0] * 4, {1: 1.0, 3: 1.0}


def present(stations=STATIONS, **values):
    return Present(stations, 20.0, measured, **values)


def fixed(*seconds, capacity=1):
    """Return stations with fixed times, in the order of the stages."""
    return tuple(
        replace(station, distribution="fixed", mean_seconds=time, spread_seconds=0, capacity=capacity, per_pizza=False)
        for station, time in zip(STATIONS, seconds, strict=True)
    )


def plan_of(stations=STATIONS, now=(), **values):
    return read_plan({**FAST, **values}, present(stations, **dict(now)))


def refused(values, shop=None):
    with pytest.raises(SpecError) as error:
        read_plan(values, shop or present())
    return error.value.field, str(error.value)


# Days


def test_customers_come_as_often_as_the_day_says():
    plan = plan_of(demand={"profile": "hours", "by_hour": "17: 10, 18: 40, 19: 20"})
    (part,) = planner.simulate(plan, Piece((), 0, 8))
    number = len(part.orders)
    came = part.slot_orders.reshape(3, -1).sum(axis=1)
    for hour, rate in zip(came, (10, 40, 20), strict=True):
        assert abs(hour - rate * number) < 4 * np.sqrt(rate * number)
    assert abs(part.orders.var() - 70) < 4 * 70 * np.sqrt(2 / number)  # Poisson: the variance is the mean


def test_a_kitchen_by_hand():
    """One order is in the oven for 5 of its 20 s, one behind it in the line; no new orders come."""
    state = (OpenOrder(1, False, 0, 1, 60.0), OpenOrder(1, True, 5.0, 1, 120.0))
    plan = plan_of(
        fixed(10, 20, 5, 30),
        {"now_hour": 18.0, "state": state},
        question="now",
        open=None,
        demand={"profile": "flat", "per_hour": 0},
        scenarios=[{"stations": {"baking": {"places": 2}}}],
        promise_minutes=(120 + 50) / 60,
    )
    alone, two = planner.run(plan)["scenarios"]
    # the first: 15 s left, 5, 30; the second waits 15 s, 20, 5 and then for the driver until 65 + 30
    first, second = 120 + 15 + 5 + 30, 60 + 15 + 20 + 5 + 10 + 30
    assert alone["mean_minutes"]["value"] == pytest.approx((first + second) / 2 / 60, abs=1e-4)
    assert alone["kept"]["value"] == 1
    waits = {row["stage"]: row["wait_minutes"]["value"] for row in alone["stations"]}
    assert waits["baking"] == pytest.approx(15 / 2 / 60, abs=1e-4)
    assert waits["out_for_delivery"] == pytest.approx(10 / 2 / 60, abs=1e-4)
    # with a second place it is in the oven at once, and waits longer for the driver: it comes at the same time
    assert two["stations"][1]["wait_minutes"]["value"] == 0
    assert two["saves_minutes"] == {"value": pytest.approx(0), "half_width": 0}


def test_work_that_has_gone_on_is_not_drawn_again():
    """Compare the residual time of lognormal work of 20 ± 7 minutes, 30 minutes in, with 2 million samples."""
    state = (OpenOrder(3, True, 1800.0, 1, 1800.0),)
    plan = plan_of(
        now={"now_hour": 18.0, "state": state}, question="now", open=None, demand={"profile": "flat", "per_hour": 0}
    )
    left = planner.simulate(plan, Piece((), 0, 20))[0].seconds - 1800
    sigma = np.sqrt(np.log1p((420 / 1200) ** 2))
    samples = np.random.default_rng(9).lognormal(np.log(1200) - sigma**2 / 2, sigma, 2_000_000)
    truth = samples[samples > 1800] - 1800
    assert left.min() > 0
    assert abs(left.mean() - truth.mean()) < 4 * truth.std() / np.sqrt(len(left))


def test_more_at_work_than_places_go_on_and_are_not_replaced():
    state = tuple(OpenOrder(1, number < 3, 0.0, 1, 0.0) for number in range(4))
    asked = {"question": "now", "open": None, "demand": {"profile": "flat", "per_hour": 0}}
    first, oven, *others = fixed(1, 100, 1, 1, capacity=9)
    stations = (first, replace(oven, capacity=1), *others)
    for scenarios in ([], [{"name": "later", "changes": [{"stage": "baked", "at": "19:00", "places": 3}]}]):
        plan = plan_of(stations, {"now_hour": 18.0, "state": state}, scenarios=scenarios, **asked)
        row = planner.run(plan)["scenarios"][-1]
        assert row["stations"][1]["wait_minutes"]["value"] == pytest.approx(100 / 4 / 60, abs=1e-4)


def test_a_belt_is_loaded_one_after_the_other():
    """Two orders at once on a belt of 6 places and 450 s: the second is loaded 75 s later."""
    state = tuple(OpenOrder(1, False, 0.0, 1, 0.0) for _ in range(2))
    plan = plan_of(
        fixed(1, 450, 1, 1, capacity=6),
        {"now_hour": 18.0, "state": state},
        question="now",
        open=None,
        demand={"profile": "flat", "per_hour": 0},
        scenarios=[{"stations": {"baking": {"law": "conveyor"}}}],
    )
    row = planner.run(plan)["scenarios"][1]
    assert row["stations"][1]["wait_minutes"]["value"] == pytest.approx(75 / 2 / 60, abs=1e-4)
    assert row["mean_minutes"]["value"] == pytest.approx((450 + 2 + 75 / 2) / 60, abs=1e-4)


def test_an_oven_that_breaks_is_missed_and_one_that_comes_helps():
    breaks = {"stage": "baking", "at": "18:00", "places": 2}
    plan = plan_of(
        fixed(10, 450, 5, 30, capacity=4),
        demand={"profile": "flat", "per_hour": 25},
        scenarios=[
            {"name": "breaks", "changes": [breaks]},
            {"name": "is mended", "changes": [breaks, {"stage": "baking", "at": "18:30", "places": 4}]},
        ],
    )
    answer = planner.run(plan)
    whole, broken, mended = answer["scenarios"]
    assert broken["saves_minutes"]["value"] < mended["saves_minutes"]["value"] < -mended["saves_minutes"]["half_width"]
    loads = [row["stations"][1]["load_by_slot"][:4] for row in (whole, broken)]  # the quarters before it breaks
    assert loads[0] == loads[1]
    assert "breaks" in answer["sentence"]


# The planner and the simulator are one


def service(station):
    cv = {"cv": station.spread_seconds / station.mean_seconds} if station.distribution == "lognormal" else {}
    return {"law": station.distribution, "mean": station.mean_seconds, **cv}


def spec_in_json(plan, **more):
    """Write the shop as it is as a spec for `simulate`."""
    scenario = plan.scenarios[0]
    rates = scenario.rates()
    return {
        "stations": [
            {"name": row.name, "places": row.capacity, "per_pizza": row.per_pizza, "service": service(row)}
            for row in scenario.stations
        ],
        "pizzas": {str(count): weight for count, weight in scenario.demand.pizzas.items()},
        "arrivals": {
            "law": "steps",
            "per_hour": [rate for *_, rate in rates],
            "hours": [scenario.open_hour, *(end for _, end, _ in rates)],
        },
        "promise_seconds": scenario.promise_minutes * 60,
        **more,
    }


@pytest.mark.parametrize("demand", [{"profile": "flat", "per_hour": 25}, {"profile": "friday", "per_hour": 24}])
def test_the_planner_and_the_simulator_agree(demand):
    """They agree within their intervals on other days of a kitchen whose make line works pizza by pizza."""
    plan = plan_of(demand=demand, most_replications=2000, half_width_minutes=0.01)
    row = planner.run(plan)["scenarios"][0]
    answer = simulate(read_spec(spec_in_json(plan, seed=2, replications=2000))).as_dict()
    lengths = answer["time_in_system"]

    def assert_close(ours, theirs, scale):
        assert ours == pytest.approx(theirs["value"] / scale, abs=2 * theirs["half_width"] / scale)

    assert_close(row["mean_minutes"]["value"], lengths["mean"], 60)
    assert_close(row["kept"]["value"], lengths["within_promise"], 1)
    for name in ("p05", "p50", "p95"):
        assert_close(row[f"{name}_minutes"], lengths[name], 60)
    for ours, theirs in zip(row["stations"], answer["stations"], strict=True):
        assert_close(ours["wait_minutes"]["value"], theirs["wait_mean"], 60)
    assert lengths["p95"]["half_width"] < 0.04 * lengths["p95"]["value"]


def test_on_the_same_days_they_say_the_same():
    plan = plan_of(most_replications=200)
    row = planner.run(plan)["scenarios"][0]
    lengths = simulate(read_spec(spec_in_json(plan, seed=1, replications=200))).as_dict()["time_in_system"]
    assert row["mean_minutes"]["value"] == pytest.approx(lengths["mean"]["value"] / 60, abs=1e-6)
    assert row["mean_minutes"]["half_width"] == pytest.approx(lengths["mean"]["half_width"] / 60, abs=1e-6)
    assert row["p95_minutes"] == round(lengths["p95"]["value"] / 60, 2)


# The same days, however they are shared out


def test_the_figures_are_the_same_however_the_days_are_shared_out():
    plan = plan_of(one_more=True)
    whole = {Piece((), 0, 4): planner.simulate(plan, Piece((), 0, 4))}
    pieces = [Piece((), first, blocks) for first, blocks in ((3, 1), (0, 1), (1, 2))]
    shared = {piece: unpack(pack(planner.simulate(plan, piece))) for piece in pieces}
    assert planner.answer(plan, shared) == planner.answer(plan, whole)
    for one, other in zip(*(planner.join_up_to(plan, done, 4) for done in (whole, shared)), strict=True):
        for name in ("orders", "seconds", "kept", "wait_seconds", "busy_seconds", "slot_busy_milliseconds"):
            assert getattr(one.part, name).tobytes() == getattr(other.part, name).tobytes(), name


@pytest.mark.parametrize("most", [200, 20_000])
def test_packed_parts_are_read_again(most):
    """The lengths are every time in the system, or the number in each cell."""
    parts = planner.simulate(plan := plan_of(one_more=True, most_replications=most), Piece((), 0, 1))
    again = unpack(pack(parts))
    assert [part.lengths.quantile(0.95) for part in again] == [part.lengths.quantile(0.95) for part in parts]
    assert planner.answer(plan, {Piece((), 0, 1): again}) == planner.answer(plan, {Piece((), 0, 1): parts})
    assert unpack(b"") is None and unpack(pack(())[:-30]) is None


def test_the_same_seed_gives_the_same_answer_another_another():
    plan = load(json.loads(json.dumps(plan_of(one_more=True).as_dict())))
    answer = planner.run(plan)
    assert answer == planner.run(plan)
    assert answer["scenarios"][0]["mean_minutes"] != planner.run(replace(plan, seed=2))["scenarios"][0]["mean_minutes"]
    json.dumps(answer, allow_nan=False)


@pytest.mark.parametrize(
    ("distribution", "elapsed", "pizzas", "says"),
    [
        ("fixed", 450, 1, False),
        ("fixed", 460, 1, True),
        ("fixed", 460, 2, False),
        ("uniform", 460, 1, False),
        ("uniform", 900, 1, True),
        ("conveyor", 460, 2, True),
        ("exponential", 9000, 1, False),
    ],
)
def test_work_that_has_gone_on_for_too_long_is_named(distribution, elapsed, pizzas, says):
    stations = tuple(
        replace(row, distribution=distribution, mean_seconds=450, spread_seconds=100, per_pizza=True)
        if row.stage == "baking"
        else row
        for row in STATIONS
    )
    state = (OpenOrder(1, True, elapsed, pizzas, 1000.0),)
    notes = plan_of(stations, {"now_hour": 18.0, "state": state}, question="now", open=None).notes
    assert any(note.startswith("Oven begins with 1 order whose work has gone on") for note in notes) == says


def test_more_at_work_than_places_are_named():
    state = tuple(OpenOrder(2, True, 1.0, 1, 100.0) for _ in range(2))
    scenarios = [{"stations": {"baked": {"places": 2}}}, {"stations": {"received": {"places": 3}}}]
    notes = plan_of(STATIONS, {"now_hour": 18.0, "state": state}, question="now", open=None, scenarios=scenarios).notes
    (note,) = (note for note in notes if "room" in note)
    assert note.startswith("Cutting bench begins with 2 orders at work, and there is room for 1:")


def test_a_conveyor_beside_a_station_whose_places_change():
    """Nobody cuts from 18:00 on; what comes off the belt until 19:00 is cut then."""
    rows = fixed(1, 300, 1, 1)
    stations = tuple(replace(row, distribution="conveyor") if row.stage == "baking" else row for row in rows)
    changes = [{"stage": "baked", "at": "18:00", "places": 0}, {"stage": "baked", "at": "19:00", "places": 1000}]
    plan = plan_of(stations, scenarios=[{"name": "no cutting", "changes": changes}])
    spec = replace(spec_of(plan, plan.scenarios[1]), replications=1, trace=True, slots=())
    visits = [row["stations"] for row in simulate(spec).as_dict()["orders_trace"]]
    waits = [cut["start"] for _, belt, cut, _ in visits if 18 * 3600 <= belt["end"] < 19 * 3600]
    assert len(waits) > 5 and set(waits) == {19 * 3600}


def test_a_scenario_that_changes_nothing_changes_nothing_at_all():
    plan = plan_of(scenarios=[{"name": "the same"}, {"name": "busier", "demand": {"times": 1.3}}])
    same, busier = planner.run(plan)["scenarios"][1:]
    assert same["saves_minutes"] == {"value": 0, "half_width": 0}
    assert busier["saves_minutes"]["value"] < -busier["saves_minutes"]["half_width"]
    assert busier["orders_a_day"] == pytest.approx(75 * 1.3, rel=0.05)


def test_common_customers_make_differences_surer_than_the_scenarios_are():
    plan = plan_of(one_more=True)
    figures = planner.join_up_to(plan, {Piece((), 0, 4): planner.simulate(plan, Piece((), 0, 4))}, 4)
    alone, paired = planner.mean_minutes(figures, 0), planner.saving(figures, 4, 0)
    other = planner.mean_minutes(figures, 4)
    assert paired.half_width < 0.8 * np.hypot(alone.half_width, other.half_width)


# Until it is precise


def test_it_goes_on_until_it_is_precise_or_the_limit_is_reached():
    wide = planner.run(plan_of(one_more=True, half_width_minutes=5, most_replications=2000))
    assert (wide["precise"], wide["replications"]) == (True, planner.FIRST_DAYS)
    narrow = planner.run(plan_of(one_more=True, half_width_minutes=0.001, most_replications=450))
    assert (narrow["precise"], narrow["replications"]) == (False, 450)


def test_the_answer_so_far_can_be_asked_for():
    plan = plan_of(one_more=True)
    wanted = planner.next_pieces(plan, {})
    assert planner.answer(plan, {})["scenarios"] == []
    done = {wanted[0]: planner.simulate(plan, wanted[0]), wanted[2]: planner.simulate(plan, wanted[2])}
    assert planner.answer(plan, done)["replications"] == wanted[0].blocks * BLOCK  # a gap ends it
    assert planner.next_pieces(plan, done) == [wanted[1], wanted[3]]
    assert 0 < planner.share_done(plan, done) < 1
    done |= {piece: planner.simulate(plan, piece) for piece in (wanted[3], wanted[1])}
    in_order = {piece: done[piece] for piece in wanted}
    assert planner.answer(plan, done) == planner.answer(plan, in_order)  # in any order of completion


def test_no_piece_of_a_large_shop_keeps_a_worker_for_long():
    plan = plan_of(demand={"profile": "flat", "per_hour": 1000}, most_replications=20_000)
    assert {piece.blocks for piece in planner.next_pieces(plan, {})} == {1}


# In words


def test_the_sentence_names_what_helps_most_and_by_how_much():
    answer = planner.run(plan_of(one_more=True, most_replications=400))
    saved = answer["scenarios"][4]["saves_minutes"]
    start = f"One more place at “Drivers” saves {saved['value']:.1f} ± {saved['half_width']:.1f} minutes an order; "
    assert answer["sentence"].startswith(f"{start}nothing else helps as much.")
    assert "of the orders are there within 45 minutes" in answer["sentence"]


def test_the_sentence_is_honest_about_chance():
    twins = [{"name": f"Bench {letter}", "stations": {"out_for_delivery": {"places": 9}}} for letter in "AB"]
    assert "might help as much" in planner.run(plan_of(scenarios=twins))["sentence"]
    other = plan_of(scenarios=[{"stations": {"out_for_delivery": {"law": "gamma"}}}], demand=QUIET)
    assert "can be told from chance" in planner.run(other)["sentence"]
    worse = plan_of(scenarios=[{"stations": {"out_for_delivery": {"places": 7}}}])
    assert planner.run(worse)["sentence"].startswith("One fewer place at “Drivers” costs ")
    alone = planner.run(plan_of())["sentence"]
    assert alone.startswith("As it is, an order takes ")


def test_a_place_where_nobody_waits_changes_nothing_and_the_sentence_says_where_they_wait():
    oven, stations = {"stations": {"baking": {"places": 7}}}, (replace(STATIONS[0], capacity=4), *STATIONS[1:])
    text = planner.run(plan_of(stations, scenarios=[oven]))["sentence"]
    assert text.startswith("One more place at “Oven” changes nothing: what orders wait for is “Drivers”. As it is, ")
    text = planner.run(plan_of(stations, scenarios=[oven, {"stations": {"baking": {"places": 8}}}]))["sentence"]
    assert text.startswith("Nothing here changes anything: what orders wait for is “Drivers”. ")
    text = planner.run(plan_of(scenarios=[oven], demand=QUIET))["sentence"]
    assert text.startswith("One more place at “Oven” changes nothing: orders hardly wait at all. ")
    text = planner.run(plan_of(scenarios=[{"promise_minutes": 30}]))["sentence"]
    assert "less than 0.1 minutes" in text and "changes nothing" not in text


def test_a_cost_is_said_beside_a_saving():
    changes = [{"stage": "baking", "at": "17:30", "places": 1}]
    plan = plan_of(
        scenarios=[{"stations": {"out_for_delivery": {"places": 12}}}, {"name": "Break", "changes": changes}]
    )
    text = planner.run(plan)["sentence"]
    assert "; nothing else helps as much. " in text
    assert " Break costs " in text
    assert text.endswith(" minutes an order.")


def test_a_change_that_might_help_is_not_said_to_save_nothing(monkeypatch):
    plan = plan_of(scenarios=[{"name": "a"}, {"name": "b"}])
    figures = planner.join_up_to(plan, {Piece((), 0, 2): planner.simulate(plan, Piece((), 0, 2))}, 2)
    for maybe, words in (
        (0.1, "Nothing here is sure to save time: b costs"),
        (-0.1, "Nothing here saves time: b costs"),
    ):
        found = [UNKNOWN, Estimate(maybe, 0.3), Estimate(-2.0, 0.3)]
        monkeypatch.setattr(planner, "savings", lambda _, found=found: found)
        assert planner.sentence(plan, figures).startswith(words)


def test_no_half_width_is_rounded_to_nothing():
    shown = [planner.plus_minus(Estimate(3.14159, wide)) for wide in (0.6, 0.02, 0.0031, 0.0)]
    assert shown == ["3.1 ± 0.6", "3.14 ± 0.02", "3.142 ± 0.003", "3.14 ± 0.00"]


def test_a_demand_of_0_is_said_and_shown():
    answer = planner.run(plan_of(demand={"profile": "flat", "per_hour": 0}, one_more=True))
    assert answer["sentence"].startswith("No orders come")
    assert answer["notes"] == ["No orders come: with a demand of 0 there is nothing to wait for."]
    assert answer["scenarios"][0]["mean_minutes"] is None
    assert answer["scenarios"][0]["stations"][0]["load"] == 0


def test_an_unstable_kitchen_is_said_and_its_day_shown():
    answer = planner.run(plan_of(demand={"profile": "flat", "per_hour": 60}))
    drivers = next(note for note in answer["notes"] if note.startswith("Drivers"))
    assert drivers == (
        "Drivers has more work than places from 17:00 to 20:00: at worst 60 orders an hour are work for 20.0 places,"
        " and it has 8, so that its line grows by 36.0 orders an hour. Only closing ends that."
    )
    means = answer["scenarios"][0]["by_slot"]["mean"]
    assert means[0] < means[5] < means[-1]


def test_a_station_that_has_too_few_places_for_a_while():
    breaks = [{"stage": "baking", "at": at, "places": capacity} for at, capacity in (("18:15", 2), ("19:30", 6))]
    notes = plan_of(demand={"profile": "flat", "per_hour": 20}, scenarios=[{"changes": breaks}]).notes
    assert notes == (
        "2 at “Oven” from 18:15, 6 at “Oven” from 19:30: Oven has more work than places from 18:15 to 19:30: at worst"
        " 20 orders an hour are work for 2.5 places, and it has 2, so that its line grows by 4.0 orders an hour."
        " Then it shrinks again.",
    )


def test_a_hole_in_the_day_is_said_and_simulated():
    answer = planner.run(plan_of(demand={"profile": "hours", "by_hour": {"17": 20, "19": 20}}))
    assert answer["notes"] == ["No orders come from 18:00 to 19:00, according to the demand."]
    orders = answer["scenarios"][0]["by_slot"]["orders"]
    assert orders[4:8] == [0, 0, 0, 0]
    assert orders[3] > 0 < orders[8]


def test_a_day_that_has_ended_has_only_the_orders_that_are_there():
    plan = plan_of(now={"now_hour": 21.0, "state": (OpenOrder(0, False, 0, 2, 0),)}, question="now", open=None)
    answer = planner.run(plan)
    assert answer["notes"][0] == "It is 21:00 and the day ends at 20:00: no new orders come."
    assert answer["scenarios"][0]["orders_a_day"] == 1


# The smallest crew


def test_the_smallest_crew_is_the_cheapest_that_suffices(monkeypatch):
    monkeypatch.setattr(crew, "MOST_CREW", 4)
    work = {"distribution": "lognormal", "mean_seconds": 300, "spread_seconds": 100, "per_pizza": False}
    stations = tuple(replace(station, **work) for station in STATIONS)
    costs = {"received": 3, "baking": 2, "baked": 5, "out_for_delivery": 4}
    plan = plan_of(stations, question="crew", keep=0.9, promise_minutes=32, costs=costs)
    answer = planner.run(plan)
    blocks = 200 // BLOCK

    def suffices(tried):
        for first in (0, blocks):
            row = crew.tried(plan.keep, *planner.simulate(plan, Piece(tried, first, blocks))).kept
            if row.value - row.half_width < plan.keep:
                return False
        return True

    cost = dict.fromkeys(itertools.product(range(1, 5), repeat=4))
    cost = {tried: sum(np.array(tried) * list(costs.values())) for tried in cost}
    best = answer["crews"][0]
    found = tuple(best["places"].values())
    assert suffices(found)
    assert not any(suffices(tried) for tried in cost if cost[tried] < cost[found])
    assert answer["tried"] < 40  # of 256
    runner_up = answer["crews"][1]
    assert not runner_up["does"]
    assert (
        f"The runner-up, {crew.words(crew.Search(plan, {}), tuple(runner_up['places'].values()))}"
        in answer["sentence"]
    )
    assert "orders wait" in answer["sentence"]
    assert answer == planner.run(plan)


def test_a_crew_that_was_only_lucky_is_not_the_answer(monkeypatch):
    """It suffices on the days of the search, but not on the fresh ones."""
    monkeypatch.setattr(crew, "MOST_CREW", 2)
    plan = plan_of(question="crew", keep=0.9)
    search = crew.Search(plan, {})
    known = {}
    for tried in itertools.product((1, 2), repeat=4):
        for is_fresh in (False, True):
            share = 0.85 if is_fresh and tried == (1, 1, 1, 1) else 0.95
            known[search.want(tried, is_fresh)] = crew.Tried(
                Estimate(share, 0.01), Estimate(30, 0.1), (1.0,) * 4, 40.0
            )
    found = crew.Search(plan, known).found()
    assert found.best == (1, 1, 1, 2)
    assert found.failed == ((1, 1, 1, 1),)
    assert "85.0 ± 1.0 %" in crew.answer(plan, known)["sentence"]


def test_a_promise_that_no_crew_keeps():
    answer = planner.run(plan_of(question="crew", promise_minutes=10))
    assert answer["sentence"].startswith("No crew keeps 95 % of promises within 10 minutes: even 40 places everywhere")
    assert "The work itself takes too long: to keep that many, promise about " in answer["sentence"]
    enough = int(answer["sentence"].split()[-2])
    assert planner.run(plan_of(question="crew", promise_minutes=enough + 1))["crews"][0]["does"]
    answer = planner.run(plan_of(question="crew", demand={"profile": "flat", "per_hour": 250}))
    assert " for a place at “Drivers”, and more are not tried." in answer["sentence"]


def test_a_crew_for_nobody():
    answer = planner.run(plan_of(question="crew", demand={"profile": "flat", "per_hour": 0}))
    assert list(answer["crews"][0]["places"].values()) == [1, 1, 1, 1]


# What can't be asked


@pytest.mark.parametrize(
    ("values", "field", "words"),
    [
        ([], "", "must be an object"),
        ({"question": "why"}, "question", "must be one of compare, crew, now"),
        ({"demand": {"per_hour": -1}}, "demand.per_hour", "from 0 to 10000, not “-1”"),
        ({"demand": {"per_hour": float("nan")}}, "demand.per_hour", "not “nan”"),
        ({"demand": {"per_hour": True}}, "demand.per_hour", "not “True”"),
        ({"demand": {"per_hour": 10**400}}, "demand.per_hour", "…"),
        ({"demand": {"profile": "monday"}}, "demand.profile", "must be one of"),
        ({"demand": {"profile": "hours"}}, "demand.by_hour", "Say how many"),
        ({"demand": {"profile": "hours", "by_hour": "noon: 3"}}, "demand.by_hour", "must look like"),
        ({"demand": {"profile": "hours", "by_hour": "25: 3"}}, "demand.by_hour", "An hour is 0 to 23"),
        ({"demand": {"profile": "hours", "by_hour": "11: 3, 11: 4"}}, "demand.by_hour", "11 is there twice"),
        ({"demand": {"profile": "measured", "day": "yesterday"}}, "demand.day", "No order came"),
        ({"demand": {"by_hour": "3: 4"}}, "demand.by_hour", "goes with the profile"),
        ({"demand": {"colour": 1}}, "demand.colour", "demand.colour is not a field of a plan."),
        ({"demand": {"profile": "flat", "per_hour": 10_000}}, "demand", f"{MOST_ORDERS:,}"),
        ({"open": "18:00", "close": "17:00"}, "close", "after it opens at 18:00"),
        ({"open": "25:00"}, "open", "such as 18:30"),
        ({"promise_minutes": 0}, "promise_minutes", "above 0"),
        ({"seed": 1.5}, "seed", "whole number"),
        ({"seed": -1}, "seed", "from 0 to 2147483647, not"),
        ({"question": "now", "open": "10:00"}, "open", "opens now"),
        ({"keep": 1}, "keep", "at most 0.999"),
        ({"costs": {"baking": 0}}, "costs.baking", "above 0"),
        ({"scenarios": [{"stations": {"baking": {"places": 0}}}]}, "scenarios.0.stations.baking.places", "from 1"),
        ({"scenarios": [{"stations": {"cellar": {}}}]}, "scenarios.0.stations.cellar", "is not a field of a plan."),
        ({"scenarios": [{"stations": {"baking": 7}}]}, "scenarios.0.stations.baking", "must be an object"),
        ({"scenarios": [{"stations": {"baking": {"law": "guess"}}}]}, "scenarios.0.stations.baking.law", "one of"),
        (
            {"scenarios": [{"stations": {"baking": {"law": "gamma"}}}]},
            "scenarios.0.stations.baking.spread_seconds",
            "Oven: A gamma time needs a spread above 0.",
        ),
        (
            {"scenarios": [{"stations": {"baking": {"law": "triangular"}}}]},
            "scenarios.0.stations.baking.parameters",
            "Oven: Triangular takes low, mode and high.",
        ),
        (
            {"scenarios": [{"stations": {"baking": {"law": "pert", "parameters": "1 2 3"}}}]},
            "scenarios.0.stations.baking.parameters",
            "Oven: Parameters must look like low 60",
        ),
        (
            {"scenarios": [{"stations": {"baking": {"law": "empirical", "parameters": {"values": [-5]}}}}]},
            "scenarios.0.stations.baking.parameters",
            "Oven: values[0] must be a number from 0 to",
        ),
        (
            {"scenarios": [{"stations": {"baking": {"law": "pert", "parameters": "low 9, mode 2, high 10"}}}]},
            "scenarios.0.stations.baking.parameters",
            "Oven: mode must be between low and high.",
        ),
        (
            {"scenarios": [{"stations": {"baking": {"law": "conveyor", "parameters": {"low": 1}}}}]},
            "scenarios.0.stations.baking.parameters",
            "Oven: A conveyor takes no parameters",
        ),
        (
            {"scenarios": [{"stations": {"baking": {"spread_seconds": 4501}}}]},
            "scenarios.0.stations.baking.spread_seconds",
            "Oven: the spread must be at most ten times the mean.",
        ),
        ({"scenarios": [{}, {}]}, "scenarios.1.name", "are the same"),
        ({"scenarios": [{"name": "a" * 61}]}, "scenarios.0.name", "at most 60 letters"),
        ({"scenarios": [{"name": "a\0"}]}, "scenarios.0.name", "at most 60 letters"),
        ({"scenarios": [{}] * 7}, "scenarios", "at most 6"),
        ({"scenarios": "all"}, "scenarios", "must be a list"),
        (
            {"scenarios": [{"changes": [{"stage": "baking", "at": "19:00", "places": 0}]}]},
            "scenarios.0.changes",
            "would never get out",
        ),
        ({"scenarios": [{"changes": [{"at": "19:00"}]}]}, "scenarios.0.changes.0.stage", "which station"),
        ({"scenarios": [{"changes": [{"stage": "baking", "places": 1}]}]}, "scenarios.0.changes.0.at", "between"),
        ({"question": "crew", "one_more": True}, "scenarios", "leave the scenarios out"),
    ],
)
def test_an_impossible_plan_is_refused_in_a_sentence(values, field, words):
    where, sentence = refused(values)
    assert where == field
    assert words in sentence


OWN = {"low": 60, "mode": 90, "high": 240}
OWN_AS_TEXT = "low 60, mode 90, high 240"


@pytest.mark.parametrize("parameters", [OWN, {name: str(value) for name, value in OWN.items()}, OWN_AS_TEXT])
def test_a_distribution_with_parameters_of_its_own(parameters):
    plan = plan_of(scenarios=[{"stations": {"baking": {"law": "triangular", "parameters": parameters}}}])
    oven = plan.scenarios[1].stations[1]
    assert (oven.distribution, oven.parameters, oven.mean_seconds) == ("triangular", OWN, 130)
    assert oven.spread_seconds == pytest.approx(39.37, abs=0.01)
    assert plan.scenarios[1].name == f"Triangular times at “Oven”, 130 ± 39.37 s at “Oven”, {OWN_AS_TEXT} at “Oven”"
    assert load(json.loads(json.dumps(plan.as_dict()))) == plan


def test_the_shops_own_parameters_are_kept_and_stretched():
    oven = replace(STATIONS[1], distribution="triangular", parameters=OWN, mean_seconds=130, spread_seconds=39.37)
    changes = ({"mean_seconds": 260}, {"law": "fixed"})
    plan = plan_of(
        (STATIONS[0], oven, *STATIONS[2:]), scenarios=[{"stations": {"baking": change}} for change in changes]
    )
    kept, slower, other = (scenario.stations[1] for scenario in plan.scenarios)
    assert kept == oven
    assert (slower.parameters, slower.mean_seconds, slower.service.mean) == (OWN, 260, 260)
    assert (other.parameters, other.mean_seconds) == ({}, 130)


def test_a_plan_that_was_stored_before_there_were_parameters():
    stored = plan_of().as_dict()
    for scenario in stored["scenarios"]:
        for station in scenario["stations"]:
            del station["parameters"]
    assert load(stored) == plan_of()


def test_a_stored_station_keeps_the_names_of_its_fields():
    plan = plan_of()
    station = json.loads(json.dumps(plan.as_dict()))["scenarios"][0]["stations"][1]
    assert (station["places"], station["law"]) == (6, "fixed")
    assert not {"capacity", "distribution"} & set(station)


def test_a_measured_day_brings_its_hours_and_its_pizzas():
    plan = read_plan({"demand": {"profile": "measured", "day": "2026-10-30", "times": 2}}, present())
    scenario = plan.scenarios[0]
    assert (scenario.open_hour, scenario.close_hour) == (18, 20)
    assert scenario.rates() == [(18, 19, 24), (19, 20, 48)]
    assert scenario.mean_pizzas() == 2


@pytest.mark.parametrize(
    "values",
    [
        {"demand": {"profile": "measured", "day": "2026-10-30"}},
        {"scenarios": [{"demand": {"profile": "measured", "day": "2026-10-30"}}]},
    ],
)
def test_a_measured_day_says_whose_hours_it_has(values):
    shop = present(measured_notes=("The wall's hours.",))
    assert "The wall's hours." in read_plan(values, shop).notes
    assert "The wall's hours." not in read_plan(FAST, shop).notes


def test_one_more_place_leaves_out_scenarios_that_are_there_anyway():
    more = {"scenarios": [{"name": "Big oven", "stations": {"baking": {"places": 7}}}], "one_more": True}
    assert [scenario.name for scenario in plan_of(**more).scenarios[1:]] == [
        "Big oven",
        "One more place at “Make line”",
        "One more place at “Cutting bench”",
        "One more place at “Drivers”",
    ]
    with pytest.raises(SpecError, match="are the same"):  # another one under that name is not left out
        plan_of(**more | {"scenarios": [{"name": "One more place at “Oven”", "stations": {"baking": {"places": 9}}}]})


def test_from_now_the_day_can_end_before_it_usually_opens():
    shop = present(now_hour=12.0)
    plan = read_plan({"question": "now", "demand": {"profile": "friday"}, "close": "15:00"}, shop)
    assert (plan.open_hour, plan.close_hour) == (12, 15)
    plan = read_plan({"question": "now", "demand": {"profile": "friday"}, "close": "11:00"}, shop)
    assert any("no new orders come" in note for note in plan.notes)


def test_scenarios_are_called_after_what_they_change():
    plan = plan_of(
        scenarios=[
            {"stations": {"baking": {"places": 8}, "out_for_delivery": {"mean_seconds": 900}}},
            {"demand": {"times": 1.2}, "close": 21},
            {"changes": [{"stage": "baking", "at": 19, "places": 3}]},
        ]
    )
    assert [scenario.name for scenario in plan.scenarios[1:]] == [
        "2 more places at “Oven”, 900 ± 420 s at “Drivers”",
        "Demand 25 an hour, all day, × 1.2, open 17:00 to 21:00",
        "3 at “Oven” from 19:00",
    ]
