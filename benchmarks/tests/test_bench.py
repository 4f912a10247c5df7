"""The benchmark runs with real parts and leaves nothing behind. Its figures are not judged here."""

import os
import subprocess
import sys
import tempfile
from math import inf
from pathlib import Path

import pytest

from benchmarks import report
from benchmarks.measures import Plan, Row, percentile
from benchmarks.sides import both

OURS, TUTORIAL = both(Path("nowhere"))


def row(**bar):
    result = Row("speed", "changes/s", **bar)
    for value in (300, 900, 310):
        result.add(OURS, value)
    for value in (100, 300, 200):
        result.add(TUTORIAL, value)
    return result


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


def test_a_lost_frame_counts_as_the_slowest():
    assert [percentile([0.1] * 98 + [inf, inf], per_cent) for per_cent in (50, 98, 99)] == [0.1, 0.1, inf]


@pytest.mark.slow
def test_it_measures_all_three_and_leaves_nothing_behind(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(report, "postgresql_answers", lambda: False)
    plan = Plan(rounds=1, orders=3, warm_up_orders=1, watched=3, changes=6, crowd=5, crowd_changes=1)

    rows = report.run(plan, {1, 2, 3})

    assert [(len(row.ours), len(row.tutorial)) for row in rows] == [(1, 1)] * 6
    assert all(0 < value < inf for row in rows for value in row.ours + row.tutorial)
    assert "not measured" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []
    assert str(tmp_path) not in subprocess.run(["ps", "ax", "ww", "-o", "args"], capture_output=True, text=True).stdout


def test_it_refuses_no_rounds():
    command = [sys.executable, "manage.py", "bench", "--rounds", "0"]
    done = subprocess.run(command, capture_output=True, text=True, env=dict(os.environ))
    assert (done.returncode, done.stderr.strip()) == (1, "CommandError: --rounds must be at least 1.")
