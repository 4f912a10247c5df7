"""`python3 run.py simulate`: one JSON object on stdout and nothing else; a bad spec ends with 2 and one line."""

import json
import os
import re
import subprocess
import sys
from io import StringIO

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from kitchen.planner import limits
from simulation import pace

SPEC = {
    "stations": [
        {"name": "make", "places": 2, "service": {"law": "lognormal", "mean": 120, "cv": 0.4}},
        {"name": "oven", "places": 6, "service": {"law": "fixed", "mean": 450}},
        {"name": "belt", "service": {"law": "conveyor", "headway": 60, "delay": 420}},
        {
            "name": "drive",
            "places": None,
            "service": {"law": "hyperexponential", "p": [0.4, 0.6], "means": [200, 900]},
        },
    ],
    "arrivals": {"law": "steps", "per_hour": [10, 45, 10], "hours": [0, 1, 2, 3]},
    "orders": 100000,
    "replications": 20,
    "warmup": 0.1,
    "seed": 1,
    "trace": False,
}


def simulate(spec, argument="-", **environment):
    """Run the command in a separate process, without a database and a broker."""
    text = spec if isinstance(spec, bytes) else json.dumps(spec).encode()
    command = [sys.executable, "manage.py", "simulate", argument]
    return subprocess.run(
        command, cwd=settings.BASE_DIR, input=text, capture_output=True, env={**os.environ, **environment}, check=False
    )


def test_one_object_and_nothing_else(tmp_path):
    file = tmp_path / "spec.json"
    file.write_text(json.dumps(SPEC))
    done = simulate(b"", str(file), DATA_DIR=str(tmp_path / "data"))
    assert (done.returncode, done.stderr) == (0, b"")
    result = json.loads(done.stdout)
    assert [row["name"] for row in result["stations"]] == ["make", "oven", "belt", "drive"]
    for row in result["stations"]:
        for name in ("wait_mean", "wait_probability", "utilisation", "queue_mean"):
            assert set(row[name]) == {"value", "half_width"}
            assert row["name"] == "drive" or None not in row[name].values()
    assert result["stations"][3]["utilisation"] == {"value": None, "half_width": None}  # of an infinite capacity
    assert set(result["time_in_system"]) == {"mean", "p05", "p50", "p95"}
    assert set(result["throughput_per_hour"]) == {"value", "half_width"}
    assert (result["replications"], result["seed"]) == (20, 1)
    assert 50 < result["orders"] < 80  # until closing: 65 are expected
    assert not list(tmp_path.glob("data/*.sqlite3"))


def test_the_ways_out_and_the_numbers_of_items_have_figures_of_their_own(tmp_path, capsys):
    """Two thirds are collected as soon as all their items are made, one after the other; the others are brought."""
    made = {"name": "make", "unit": "item", "places": 1, "service": {"law": "fixed", "mean": 10}}
    spec = {
        "stations": [made, {"name": "drive", "places": None, "service": {"law": "fixed", "mean": 100}}],
        "orders_have": {"items": [1, 2, 2], "routes": ["brought", "collected", "collected"]},
        "routes": [
            {"name": "brought", "share": 1, "stations": ["make", "drive"]},
            {"name": "collected", "share": 2, "stations": ["make"]},
        ],
        "arrivals": {"law": "times", "seconds": [0, 1000, 2000]},
    }
    file = tmp_path / "spec.json"
    file.write_text(json.dumps(spec))
    call_command("simulate", str(file))
    result = json.loads(capsys.readouterr().out)
    rows = [(row["name"], row["orders"], row["time_in_system"]["mean"]["value"]) for row in result["by_route"]]
    assert rows == [("brought", 1, 110), ("collected", 2, 20)]
    rows = [(row["items"], row["orders"], row["time_in_system"]["mean"]["value"]) for row in result["by_items"]]
    assert rows == [(1, 1, 110), (2, 2, 20)]


def test_a_trace_from_standard_input():
    stations = [{"name": "a", "places": 1, "service": {"law": "times", "seconds": [5, 4]}}]
    spec = {"stations": stations, "arrivals": {"law": "times", "seconds": [0, 1]}, "trace": True}
    done = simulate(spec)
    assert json.loads(done.stdout)["orders_trace"] == [
        {"arrival": 0, "stations": [{"start": 0, "end": 5}]},
        {"arrival": 1, "stations": [{"start": 5, "end": 9}]},
    ]


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        (
            {
                **SPEC,
                "stations": [SPEC["stations"][0], {"name": "b", "places": 1, "service": {"law": "fixed", "mean": 0}}],
            },
            "stations[1].service.mean must be a number above 0 and at most 1000000000, not “0”.",
        ),
        (b'{"stations": NaN}', "stations must be a list."),
        (b"{", "The spec is not JSON: "),
        (b"\xff\xfe\xff", "The spec is not JSON: "),
        (b"[" * 100_000, "The spec is not JSON: "),
        (b"[]", "The spec must be an object."),
    ],
)
def test_a_bad_spec_says_what_is_wrong(tmp_path, capsys, spec, says):
    file = tmp_path / "spec.json"
    file.write_bytes(spec if isinstance(spec, bytes) else json.dumps(spec).encode())
    with pytest.raises(CommandError) as wrong:
        call_command("simulate", str(file))
    assert says in str(wrong.value) and "\n" not in str(wrong.value)
    assert wrong.value.returncode == 2 and capsys.readouterr().out == ""


def test_a_bad_spec_ends_with_2_and_one_line():
    done = simulate({**SPEC, "replications": 0})
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.decode() == "CommandError: replications must be a number from 1 to 1000000, not “0”.\n"


def test_a_file_that_is_not_there():
    with pytest.raises(CommandError, match=r"/nowhere/spec\.json") as wrong:
        call_command("simulate", "/nowhere/spec.json")
    assert wrong.value.returncode == 2


HOURS = {**SPEC, "arrivals": {"law": "poisson", "per_hour": 30}, "orders": 100_000_000, "replications": 50}


def test_a_run_of_hours_has_to_be_confirmed():
    done = simulate(HOURS)
    assert (done.returncode, done.stdout) == (2, b"")
    assert re.fullmatch(
        rb"CommandError: This takes about \d+ (minutes|hours|days)\. Add --yes to run it anyway, or --seconds 60"
        rb" for what can be done in that time\.\n",
        done.stderr,
    )


def test_after_the_time_limit_it_answers_with_what_was_done(tmp_path, capsys):
    file = tmp_path / "spec.json"
    file.write_text(json.dumps(HOURS))
    call_command("simulate", str(file), "--seconds", "1")
    answer = json.loads(capsys.readouterr().out)
    assert 0 < answer["orders"] < HOURS["orders"]
    assert answer["notes"][-1].startswith("Stopped after 1 seconds, as requested: each replication has ")


def test_yes_runs_it(monkeypatch, tmp_path, capsys):
    file = tmp_path / "spec.json"
    file.write_text(json.dumps(SPEC))
    monkeypatch.setattr(pace, "QUICK_VISITS", 0)
    monkeypatch.setattr(limits, "LONG_SECONDS", 0)
    with pytest.raises(CommandError, match="--yes"):
        call_command("simulate", str(file))
    call_command("simulate", str(file), "--yes")
    assert json.loads(capsys.readouterr().out)["replications"] == 20


class Terminal(StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(("screen", "shows"), [(Terminal(), True), (StringIO(), False)])
def test_progress_shows_only_on_a_terminal(monkeypatch, tmp_path, screen, shows):
    file, answer = tmp_path / "spec.json", StringIO()
    file.write_text(json.dumps(SPEC))
    monkeypatch.setattr(limits, "PATIENCE_SECONDS", -1.0)
    monkeypatch.setattr("sys.stderr", screen)
    call_command("simulate", str(file), stdout=answer)
    assert ("Simulating" in screen.getvalue()) == shows and bool(screen.getvalue()) == shows
    assert json.loads(answer.getvalue())["replications"] == 20


@pytest.mark.parametrize("number", ["0", "-1", "nan", "inf", "soon"])
def test_seconds_are_a_number_above_0(number):
    with pytest.raises((CommandError, SystemExit)):
        call_command("simulate", "-", "--seconds", number)
