"""One run, and its table: coloured on a terminal, plain text elsewhere."""

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.databases import postgresql_answers
from benchmarks.measures import Plan, Row, sockets, stage_changes
from benchmarks.processes import running, valkey

PLAIN_WIDTH = 132


def run(plan: Plan, only: set[int]) -> list[Row]:
    """Measure, print, return the rows. Everything lives in a temporary folder that is gone afterwards."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=PLAIN_WIDTH, no_color=True)
    rows: list[Row] = []
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="pizza-bench-") as name:
        folder = Path(name)
        server, socket = valkey(folder)
        with running(server):
            for title, measure in measurements(plan, only, folder, socket):
                console.print(f"{title} …", highlight=False)
                rows += measure()
    console.print(table(rows, plain=not console.is_terminal))
    console.print(closing(rows, time.monotonic() - began), highlight=False)
    return rows


def measurements(
    plan: Plan, only: set[int], folder: Path, socket: str
) -> Iterator[tuple[str, Callable[[], list[Row]]]]:
    if 1 in only:
        yield "(1) Stage changes per second, SQLite", lambda: stage_changes(plan, "SQLite", folder, socket)
        if postgresql_answers():
            yield (
                "(1) Stage changes per second, PostgreSQL",
                lambda: stage_changes(plan, "PostgreSQL", folder, socket),
            )
        else:
            yield "(1) PostgreSQL: not measured, none answers at 127.0.0.1:5432", list
    if only & {2, 3}:
        yield "(2), (3) Watchers on their sockets", lambda: sockets(plan, only, folder, socket)


def table(rows: list[Row], plain: bool) -> Table:
    result = Table(box=box.ASCII if plain else box.ROUNDED)
    result.add_column("Measurement")
    for column in ("ours", "tutorial", "unit", "ratio"):
        result.add_column(column, justify="right")
    result.add_column("bar")
    for row in rows:
        colour = "red" if "NOT" in row.verdict else "green"
        cells: list[Any] = [row.name, number(median(row.ours)), number(median(row.tutorial)), row.unit]
        result.add_row(*cells, f"{row.ratio:.2f}", f"[{colour}]{row.verdict}[/]")
    return result


def number(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}"


def closing(rows: list[Row], seconds: float) -> str:
    """Return the notes that one needs in order to trust the table."""
    notes = [f"{row.name}: {row.note}" for row in rows if row.note]
    load = f"{os.getloadavg()[0]:.1f} on {os.cpu_count()} processors"
    notes.append(
        f"Medians of {len(rows[0].ours) if rows else 0} rounds in turn; {seconds:.0f} s; load at the end {load}."
    )
    return "\n".join(notes)
