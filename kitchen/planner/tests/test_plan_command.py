"""python3 run.py plan: tables for people, JSON for programs, one sentence for mistakes."""

import json
import re
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError

from kitchen.models import Station
from kitchen.planner import limits, studies

pytestmark = pytest.mark.django_db

DAY = ["--demand", "flat", "--per-hour", "25", "--open", "17:00", "--close", "19:00", "--most", "200"]


def plan(*arguments):
    output = StringIO()
    call_command("plan", *DAY, *arguments, stdout=output)
    return output.getvalue()


def answer(*arguments):
    return json.loads(plan("--json", *arguments))


def refused(*arguments):
    with pytest.raises(CommandError) as error:
        plan(*arguments)
    assert error.value.returncode == 2
    return str(error.value)


def test_it_prints_the_answer_and_its_figures():
    text = plan("--one-more", "--most", "800", "--half-width", "0.1")
    assert text.startswith("One more place at “Oven” saves ")
    for words in (
        "nothing else helps as much",
        "Load, wait",
        "Make line",
        "simulated days, seed 1. ± is a 95 % interval",
    ):
        assert words in text


def test_json_is_all_that_it_prints_and_the_same_each_time():
    first = answer("--scenario", "oven=7 name=A seventh place")
    assert [row["name"] for row in first["scenarios"]] == ["The shop as it is", "A seventh place"]
    assert answer("--scenario", "oven=7 name=A seventh place") == first
    assert answer("--scenario", "oven=7 name=A seventh place", "--seed", "2") != first


def test_scenarios_say_what_is_different():
    rows = answer(
        "--scenario", "make=3, drivers.mean=900 drivers.spread=90 drivers.law=gamma", "--scenario", "demand=2"
    )
    first, second = rows["scenarios"][1:]
    assert first["name"] == "One more place at “Make line”, gamma times at “Drivers”, 900 ± 90 s at “Drivers”"
    assert second["orders_a_day"] == pytest.approx(2 * rows["scenarios"][0]["orders_a_day"], rel=0.05)
    (row,) = answer("--scenario", "oven.law=triangular oven.low=300 oven.mode=400 oven.high=500")["scenarios"][1:]
    assert (
        row["name"] == "Triangular times at “Oven”, 400 ± 40.8248 s at “Oven”, low 300, mode 400, high 500 at “Oven”"
    )
    (row,) = answer("--scenario", "oven.law=empirical oven.values=400/450/500")["scenarios"][1:]
    assert row["name"].endswith("values 400 450 500 at “Oven”")
    (row,) = answer("--scenario", "oven@18:00=1 within=60")["scenarios"][1:]
    assert row["name"] == "1 at “Oven” from 18:00, promise 60 minutes"


def test_the_share_of_orders_that_are_collected():
    text = plan("--carry-out", "0.4")
    assert " minutes to the door or the counter (" in text
    assert "By way" in text and "Collected" in text
    assert "Collected" not in plan() and " minutes to the door, and " in plan()
    (row,) = answer("--scenario", "carry_out=0.4 demand=2")["scenarios"][1:]
    assert row["name"] == "Demand 25 an hour, all day, × 2, 40 % of orders collected"
    assert set(row["by_way"]) == {"delivery", "carry_out"}


def test_one_more_at_the_make_line_is_for_one_more_pizza():
    row = answer("--scenario", "make=3")["scenarios"][1]
    assert row["name"] == "One more place at “Make line”"
    assert {station["stage"]: station["unit"] for station in row["stations"]} == {
        "received": "item",
        "baking": "item",
        "baked": "order",
        "out_for_delivery": "order",
    }


def test_the_smallest_crew():
    text = plan("--crew", "--keep", "0.5", "--within", "60", "--cost", "oven=6 drivers=15")
    assert "The runner-up, " in text
    assert "crews tried on 200 days. For each station the least places" in text
    found = answer("--crew", "--keep", "0.5", "--within", "60", "--cost", "oven=6 drivers=15")
    assert found["costs"] == {"received": 1, "baking": 6, "baked": 1, "out_for_delivery": 15}
    assert found["crews"][0]["does"]


def test_a_long_study_has_to_be_confirmed(monkeypatch):
    monkeypatch.setattr(limits, "LONG_SECONDS", 0)
    assert re.fullmatch(r"This takes about \d+ seconds?\. Add --yes .*", refused("--most", "400"))
    assert answer("--most", "200", "--yes")["replications"] == 200


def test_after_the_time_limit_it_says_what_it_knows():
    found = answer("--most", "20000", "--half-width", "0.0001", "--seconds", "0.5", "--one-more")
    assert 0 < found["replications"] < 20_000 and not found["precise"] and found["sentence"]
    assert found["notes"][-1] == "Stopped after 0.5 seconds, as requested."
    found = answer("--crew", "--keep", "0.5", "--within", "60", "--most", "20000", "--seconds", "0.001")
    assert (found["sentence"], found["crews"]) == ("There was no time for an answer.", [])


def test_from_now():
    assert "It begins with an empty kitchen" in plan("--now", "--open", "", "--close", "24:00")
    assert refused("--now", "--close", "24:00") == "A study from now opens now."


def test_names_are_text():
    Station.objects.filter(stage="baking").update(name="[red]Oven")
    assert "[red]Oven" in plan()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--scenario", "ofen=7"], "No station is called “ofen”. There are: Make line, Oven, Cutting bench, Drivers."),
        (["--scenario", "oven"], "--scenario is made of words such as oven=7, not “oven”."),
        (["--scenario", "oven=none"], "Oven: places must be a number from 1 to 1000, not “none”."),
        (
            ["--scenario", "oven.colour=red"],
            "A station has a mean, a spread, a distribution and its parameters, not “colour”.",
        ),
        (["--scenario", "oven=7", "--scenario", "oven=7"], "Two scenarios are the same: One more place at “Oven”."),
        (["--cost", "oven", "--crew"], "--cost must look like oven=6, not “oven”."),
        (["--crew", "--now"], "--crew is about whole days, --now about this one: choose one of them."),
        (["--crew", "--keep", "95"], "The share to keep must be a number above 0 and at most 0.999, not “95”."),
        (["--demand", "someday"], "Demand must be one of friday, day, lunch, flat, hours, measured, not “someday”."),
        (["--demand", "2020-01-01"], "No order came on 2020-01-01. Choose another day."),
        (["--carry-out", "40"], "The share of carry-out must be a number from 0 to 1, not “40”."),
        (["--scenario", "oven.headway=60"], "Oven: the time between two loadings goes with a conveyor."),
        (["--per-hour", "nan"], "Orders an hour must be a number from 0 to 10000, not “nan”."),
    ],
)  # fmt: skip
def test_a_mistake_gets_one_sentence_and_exit_code_2(arguments, sentence):
    assert refused(*arguments) == sentence


def test_without_a_database_it_says_what_to_do(monkeypatch):
    def broken(now):
        raise DatabaseError

    monkeypatch.setattr(studies, "present", broken)
    with pytest.raises(CommandError, match=r"Run it once: python3 run\.py"):
        plan()
