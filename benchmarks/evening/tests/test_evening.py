"""An evening runs with real parts, and what it says follows from what was seen. Its figures are not judged here."""

import json
from contextlib import nullcontext
from math import inf

import pytest
from django.core.management import CommandError, call_command

from benchmarks import databases, report
from benchmarks.chaos import postgresql
from benchmarks.evening import evening, kitchen
from benchmarks.evening.house import Queues
from benchmarks.evening.waits import waits
from benchmarks.plan import Plan
from kitchen.models import Station

TINY = Plan(
    rounds=1,
    evening_per_second=5,
    evening_seconds=2,
    evening_pages=4,
    evening_webs=1,
    evening_workers=1,
    evening_look_seconds=1,
    evening_warm_up_seconds=0,
)


def test_each_page_waits_for_each_change_while_it_is_open():
    commits = {"one": [(1, 9.0), (3, 10.0), (4, 11.0), (6, 12.0)], "two": [(2, 10.0)]}
    stays = ("one", [(1, 9.1), (3, 10.25), (6, 12.5)], inf)  # 4 came with 6
    leaves = ("one", [(3, 10.1)], 11.5)
    late, empty = ("one", [(6, 20.0)], inf), ("two", [], inf)
    assert sorted(waits([stays, late, empty], commits, 10.0, 13.0)) == [0.25, 0.5, 1.5]
    assert waits([leaves], commits, 10.0, 13.0) == [inf]
    assert waits([stays], commits, 10.5, 11.5) == [1.5]


def test_a_queue_has_grown_if_its_last_third_is_much_longer():
    steady = [Queues(orders=50, late=0, messages=2)] * 6
    longer = [Queues(orders=50 + 20 * n, late=n, messages=2, answers=30 * n) for n in range(6)]
    assert (evening.grown(steady), evening.grown(steady[:2])) == ([], [])
    assert evening.grown(longer) == ["orders: 60, then 140", "answers: 15, then 135"]


@pytest.mark.django_db
def test_the_kitchen_has_places_for_the_load():
    menu = kitchen.open_kitchen(speed=600, orders_per_second=15, load=0.8, carry_out=0.4)
    places = dict(Station.objects.values_list("stage", "capacity"))
    assert places == {"received": 9, "baking": 31, "baked": 2, "out_for_delivery": 23, "ready": 8}
    assert len(menu) == 3 and 2.1 < kitchen.PIZZAS_AN_ORDER < 2.2


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_it_spends_a_whole_evening(capsys, monkeypatch):
    """An evening has a PostgreSQL of its own, so no other is started."""
    if postgresql.programs() is None:
        pytest.skip("PostgreSQL is not installed.")
    monkeypatch.setattr(databases, "postgresql", lambda folder: nullcontext())
    report.run(TINY, ["evening"], as_json=True)
    told = {row["name"]: row for row in json.loads(capsys.readouterr().out)["rows"]}
    judged = {name: row["ours"] for name, row in told.items() if row["bar"] and "commit" not in name}
    assert judged == {
        f"an evening: {what}": [0]
        for what in (
            "orders lost, doubled, stuck or out of order",
            "places exceeded",
            "orders refused",
            "pages failed or closed",
            "queues that grew",
        )
    }
    assert told["an evening: orders accepted a second"]["ours"][0] > 0
    assert None not in [value for row in told.values() for value in row["ours"]]


def test_an_evening_of_no_length_is_refused():
    with pytest.raises(CommandError, match=r"--per-second must be above 0\."):
        call_command("bench", "--only", "evening", "--per-second", "0")
