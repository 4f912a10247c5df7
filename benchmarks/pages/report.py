"""The figures of a run: medians of the rounds, each beside its bar."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, fields
from statistics import median
from typing import Any

from rich.table import Table

from benchmarks.pages.hands import Input
from benchmarks.pages.visits import Visit

PAINT_MS = 2000  # the first paint on the slow line
INPUT_MS = 100
SHIFT = 0.1
JUDGED = "slow-4g"


def middle(visits: Iterable[Visit]) -> list[Visit]:
    """Return one visit for each page, line and turn: of each figure the median."""
    groups: dict[tuple[Any, ...], list[Visit]] = defaultdict(list)
    for one in visits:
        groups[one.network, one.page, one.again].append(one)
    figures = [field.name for field in fields(Visit) if field.name not in ("network", "page", "again")]
    return [
        Visit(
            page=page,
            network=network,
            again=again,
            **{name: median(getattr(v, name) for v in group) for name in figures},
        )
        for (network, page, again), group in groups.items()
    ]


def bar_of(visit: Visit) -> str:
    if visit.network != JUDGED:
        return ""
    is_met = visit.paint_ms < PAINT_MS and visit.shift < SHIFT
    return f"{'met' if is_met else 'NOT MET'} (under {PAINT_MS / 1000:g} s, shift under {SHIFT:g})"


def table_of_visits(visits: list[Visit]) -> Table:
    shown = Table("Page", "Line", title="First paint, largest paint, and when what the page is for is there")
    for column in ("paint ms", "largest ms", "there ms", "shift", "blocked ms", "kB", "requests"):
        shown.add_column(column, justify="right")
    shown.add_column("bar")
    for one in visits:
        times = (f"{ms:.0f}" for ms in (one.paint_ms, one.largest_ms, one.shows_ms))
        name = f"{one.page}, again" if one.again else one.page
        rest = (f"{one.shift:.3f}", f"{one.blocked_ms:.0f}", f"{one.kilobytes:.0f}", str(int(one.requests)))
        shown.add_row(name, one.network, *times, *rest, bar_of(one))
    return shown


def worst(rounds: list[list[Input]]) -> list[Input]:
    """Return for each input the median of the rounds, the slowest first."""
    times: dict[str, list[float]] = defaultdict(list)
    for found in rounds:
        for one in found:
            times[one.what].append(one.ms)
    return sorted((Input(what, median(ms)) for what, ms in times.items()), key=lambda one: -one.ms)


def table_of_inputs(inputs: list[Input], tickets: int) -> Table:
    shown = Table("Input", title=f"From an input to the next paint, {tickets} tickets on the board")
    shown.add_column("ms", justify="right")
    shown.add_column("bar")
    for one in inputs:
        verdict = "met" if one.ms < INPUT_MS else "NOT MET"
        shown.add_row(one.what, f"{one.ms:.0f}", f"{verdict} (under {INPUT_MS} ms)")
    return shown


def as_json(visits: list[Visit], inputs: list[Input]) -> dict[str, Any]:
    return {"visits": [asdict(one) for one in visits], "inputs": [asdict(one) for one in inputs]}


def is_all_met(visits: list[Visit], inputs: list[Input]) -> bool:
    return all("NOT" not in bar_of(one) for one in visits) and all(one.ms < INPUT_MS for one in inputs)
