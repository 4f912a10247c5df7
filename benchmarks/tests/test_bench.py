"""The bench runs with real parts and leaves nothing behind. Its figures are not judged here."""

import json
import os
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from math import inf
from statistics import median

import pytest

from benchmarks import databases, report
from benchmarks.engines import environment
from benchmarks.plan import Plan
from benchmarks.rows import Figures, Row, percentile

TINY = Plan(
    rounds=1,
    orders=3,
    written_orders=3,
    warm_up_orders=1,
    paced_per_second=5,
    paced_seconds=1,
    in_flight=20,
    due_per_second=20,
    flight_seconds=1,
    watched=3,
    changes=6,
    crowd=5,
    crowd_changes=1,
    idle=5,
    at_once=5,
    held=5,
    announcements=5,
)


def row(**bar):
    return Row("speed", "changes/s", beside="tutorial", ours=[300, 900, 310], others=[100, 300, 200], **bar)


def test_the_ratio_is_the_median_of_the_rounds():
    assert row().ratio == 3


@pytest.mark.parametrize(
    ("bar", "verdict"),
    [
        ({"at_least": 1.5}, "met (at least 1.5)"),
        ({"at_least": 3.5}, "NOT MET (at least 3.5)"),
        ({"at_most": 3}, "met (at most 3)"),
        ({"at_most": 0.25}, "NOT MET (at most 0.25)"),
        ({}, ""),
    ],
)
def test_the_verdict_names_the_bar(bar, verdict):
    assert row(**bar).verdict == verdict


def test_a_bar_without_another_is_about_our_own_value():
    late = Row("late by", "s", at_most=2, ours=[1, 5, 3])
    assert (late.ratio, late.verdict) == (None, "NOT MET (at most 2)")


def test_a_lost_frame_counts_as_the_slowest():
    assert [percentile([0.1] * 98 + [inf, inf], per_cent) for per_cent in (50, 98, 99)] == [0.1, 0.1, inf]


def test_json_knows_no_infinity():
    lost = Row("late by", "s", beside="tutorial", ours=[1, inf], others=[2, 4])
    told = json.loads(json.dumps(lost.as_json(), allow_nan=False))
    assert (told["ours"], told["others"], told["ratio"]) == ([1, None], [2, 4], None)


def test_engines_are_told_as_multiples_of_the_tutorials():
    engines = [
        Figures("ours", "SQLite", per_second=[300, 900, 310], cpu_ms=[2, 3, 2]),
        Figures("tutorial", "SQLite", per_second=[100, 300, 200], cpu_ms=[8, 6, 4]),
        Figures("no-op Celery task", "SQLite", per_second=[1000, 1000, 1000]),
    ]
    table = report.table_of_engines("SQLite", engines, report.box.ASCII)
    assert [list(column.cells) for column in table.columns] == [
        ["ours", "tutorial", "no-op Celery task"],
        ["310", "200", "1000"],
        ["3.00", "1.00", "5.00"],
        ["2", "6", ""],
        ["0.50", "1.00", ""],
    ]


# With real parts


@pytest.fixture
def nowhere(monkeypatch, tmp_path):
    """Let the bench live in a folder that can be looked at, with neither PostgreSQL nor rivals."""

    @contextmanager
    def none(folder):
        yield None

    def install():
        raise environment.NotInstalled("no such package")

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(databases, "postgresql", none)
    monkeypatch.setattr(environment, "install", install)
    yield
    assert list(tmp_path.iterdir()) == []
    assert str(tmp_path) not in subprocess.run(["ps", "ax", "ww", "-o", "args"], capture_output=True, text=True).stdout


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_it_measures_engines_and_leaves_nothing_behind(nowhere, capsys):
    sitting = report.run(TINY, ["postgresql", "sqlite"])

    assert [figures.engine for figures in sitting.figures] == [
        "ours",
        "ours, two solo workers",
        "ours, a place for everybody",
        "ours, 3 pizzas an order",
        "tutorial",
        "no-op Celery task",
    ]
    assert all(len(figures.per_second) == 1 and 0 < figures.per_second[0] < inf for figures in sitting.figures)
    out = capsys.readouterr().out
    assert "measured without them: no such package" in out and "PostgreSQL, neither installed" in out


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_it_measures_watchers_and_leaves_nothing_behind(nowhere):
    names = ["latency", "crowds", "rush", "announcing"]
    rows = report.run(TINY, names).rows
    assert [(len(row.ours), len(row.others)) for row in rows] == [(1, 1), (1, 1), (1, 1), *[(1, 0)] * 4]
    assert all(0 <= value < inf for row in rows for value in row.ours + row.others)


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_it_measures_work_and_memory_and_leaves_nothing_behind(nowhere, capsys):
    rows = report.run(TINY, ["paced", "flight", "memory"], as_json=True).rows
    assert all(median(row.ours) < inf for row in rows)
    told = json.loads(capsys.readouterr().out)
    assert (told["rows"], told["plan"]["rounds"]) == ([row.as_json() for row in rows], 1)
    assert {"celery", "Valkey", "SQLite", "PostgreSQL"} <= set(told["versions"])


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_each_change_is_written_and_sent():
    """At least the work and its event, as the bench's own PostgreSQL counts them, and a frame for its watchers."""
    if databases.programs() is None:
        pytest.skip("PostgreSQL is not installed.")
    rows, _, frames = report.run(TINY, ["written"]).rows
    assert rows.ours[0] >= 2 and frames.ours[0] >= 1


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--rounds", "0"], "CommandError: --rounds must be at least 1."),
        (["--only", "speed"], "argument --only: invalid choice: 'speed'"),
    ],
)
def test_it_refuses_what_it_can_not_do(words, sentence):
    command = [sys.executable, "manage.py", "bench", *words]
    done = subprocess.run(command, capture_output=True, text=True, env=dict(os.environ))
    assert done.returncode in (1, 2) and sentence in done.stderr
