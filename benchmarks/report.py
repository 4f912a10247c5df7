"""One run and its tables, coloured on a terminal and plain text elsewhere; or everything as JSON."""

import json
import os
import sys
import tempfile
import time
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks import databases, versions
from benchmarks.engines import environment
from benchmarks.measurements import MEASUREMENTS, WITH_RIVALS
from benchmarks.plan import Plan
from benchmarks.processes import allow_files, running, valkey
from benchmarks.rows import Figures, Row
from benchmarks.sitting import Sitting

PLAIN_WIDTH = 132
SPARE_FILES = 500
BESIDE = "tutorial"  # each engine's figures are told as multiples of its


def run(plan: Plan, only: Collection[str], as_json: bool = False) -> Sitting:
    """Measure, print, return what was found. Everything lives in a temporary folder that is gone afterwards."""
    console = Console(stderr=as_json)
    if not console.is_terminal:
        console = Console(width=PLAIN_WIDTH, no_color=True, stderr=as_json)
    began = time.monotonic()
    allow_files(max(plan.large_crowd, plan.at_once, plan.held, plan.evening_pages) + SPARE_FILES)
    with begun(plan, only, console) as sitting:
        used = versions.of_all(sitting.postgresql, sitting.rivals)
        for name in only:
            title, measure = MEASUREMENTS[name]
            sitting.say(f"{title} ({name}) …")
            measure(sitting)
    seconds = time.monotonic() - began
    if as_json:
        json.dump(everything(sitting, used, seconds), sys.stdout, indent=1)
        sys.stdout.write("\n")
    else:
        for part in (*tables(sitting, plain=not console.is_terminal), closing(sitting, used, seconds)):
            console.print(part, highlight=False)
    return sitting


@contextmanager
def begun(plan: Plan, only: Collection[str], console: Console) -> Iterator[Sitting]:
    def say(line: str) -> None:
        console.print(line, highlight=False)

    with tempfile.TemporaryDirectory(prefix="pizza-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        server, socket = valkey(folder)
        stack.enter_context(running(server))
        postgresql = stack.enter_context(databases.postgresql(folder))
        rivals = python_of_rivals(say) if WITH_RIVALS & set(only) else None
        with ExitStack() as inner:
            yield Sitting(plan, folder, server, socket, postgresql, rivals, say, inner)


def python_of_rivals(say: Any) -> Path | None:
    try:
        environment.install()
    except environment.NotInstalled as error:
        say(f"The rivals of requirements-bench.txt can't be installed, so the shop is measured without them: {error}")
        return None
    return environment.PYTHON


# The tables


def tables(sitting: Sitting, plain: bool) -> Iterator[Table]:
    style = box.ASCII if plain else box.ROUNDED
    for name in dict.fromkeys(figures.database for figures in sitting.figures):
        yield table_of_engines(name, [each for each in sitting.figures if each.database == name], style)
    if sitting.rows:
        yield table_of_rows(sitting.rows, style)


def table_of_engines(database: str, engines: list[Figures], style: box.Box) -> Table:
    result = Table(box=style)
    result.add_column(f"Four steps, {database}")
    for column in ("changes/s", f"x {BESIDE}", "CPU ms a change", f"x {BESIDE}"):
        result.add_column(column, justify="right")
    beside = next(each for each in engines if each.engine == BESIDE)
    for each in engines:
        pairs = ((each.per_second, beside.per_second), (each.cpu_ms, beside.cpu_ms))
        result.add_row(each.engine, *(cell for values, others in pairs for cell in cells_of(values, others)))
    return result


def cells_of(values: list[float], others: list[float]) -> tuple[str, str]:
    """Return a value and how many times the other's it is: the medians of the rounds."""
    if not values:
        return "", ""
    return number(median(values)), f"{median(a / b for a, b in zip(values, others, strict=True)):.2f}"


def table_of_rows(rows: list[Row], style: box.Box) -> Table:
    result = Table(box=style)
    result.add_column("Measurement")
    for column in ("ours", "other", "unit", "ratio"):
        result.add_column(column, justify="right")
    for column in ("beside", "bar"):
        result.add_column(column)
    for row in rows:
        colour = "red" if row.is_met is False else "green"
        other, ratio = (number(median(row.others)), f"{row.ratio:.2f}") if row.others else ("", "")
        cells = [row.name, number(median(row.ours)), other, row.unit, ratio, row.beside]
        result.add_row(*cells, f"[{colour}]{row.verdict}[/]")
    return result


def number(value: float) -> str:
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 or value == 0 else f"{value:.2g}"


def closing(sitting: Sitting, used: dict[str, str], seconds: float) -> str:
    """Return the notes that one needs in order to trust the tables."""
    notes = [f"{row.name}: {row.note}" for row in sitting.rows if row.note]
    notes.append(", ".join(f"{name} {version}" for name, version in used.items()))
    load = f"{os.getloadavg()[0]:.1f} on {os.cpu_count()} processors"
    notes.append(f"Medians of {sitting.plan.rounds} rounds in turn; {seconds:.0f} s; load at the end {load}.")
    return "\n".join(notes)


def everything(sitting: Sitting, used: dict[str, str], seconds: float) -> dict[str, Any]:
    return {
        "versions": used,
        "plan": asdict(sitting.plan),
        "engines": [figures.as_json() for figures in sitting.figures],
        "rows": [row.as_json() for row in sitting.rows],
        "seconds": round(seconds, 1),
        "load_at_the_end": os.getloadavg()[0],
    }
