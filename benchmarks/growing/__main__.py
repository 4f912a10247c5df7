"""`python -m benchmarks.growing 0 100 1000 5000`: what the kitchen costs as more orders are open.

Processor time of the process, and on PostgreSQL of its connection's server process; a file for each measure.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.databases import database, machines
from benchmarks.processes import Helper, helping, running, valkey
from benchmarks.sides import both

OPEN = (0, 100, 1_000, 5_000)
BARS = {
    "a round, median": 200.0,
    "a basket’s promise, median": 20.0,
    "an order’s in a burst, median": 20.0,
    "a board’s opening, bytes a frame": 100_000.0,
    "a change of a station, bytes a frame": 100_000.0,
}


def run(orders: list[int], engine: str, only: str) -> Iterator[dict[str, Any]]:
    with tempfile.TemporaryDirectory(prefix="pizza-growing-") as name:
        folder = Path(name)
        server, socket = valkey(folder)
        with running(server):
            for number in orders:
                yield from measured(number, engine, only, folder / str(number), socket)


def measured(orders: int, engine: str, only: str, folder: Path, socket: str) -> Iterator[dict[str, Any]]:
    side = both(folder)[0]
    side.log("shop")  # makes the folder
    server = machines() if engine == "PostgreSQL" else None
    with database(server, f"growing_{orders}", folder) as url:
        side.migrate(url, socket).wait_for_end()
        helper = Helper(
            "benchmarks.drive", "benchmarks.growing.kitchen", log=side.log("shop"), environment=side.environment
        )
        with helping(helper):
            helper.ask("begin", orders=orders)
            is_open = helper.ask("open_orders")
            for name in (name for name in helper.ask("names") if only in name):
                for figure, value in helper.ask("measure", name=name).items():
                    yield {"engine": engine, "open": is_open, "measure": name, "figure": figure, "value": value}


def is_met(row: dict[str, Any]) -> bool:
    return bool(row["value"] <= BARS.get(row["figure"], row["value"]))


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the kitchen with ever more open orders.")
    parser.add_argument("orders", type=int, nargs="*", default=OPEN)
    parser.add_argument("--engine", choices=("SQLite", "PostgreSQL"), action="append")
    parser.add_argument("--only", default="", help="measures whose name has this in it")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    rows = []
    for engine in asked.engine or ["SQLite", *(["PostgreSQL"] if machines() else [])]:
        for row in run(asked.orders, engine, asked.only):
            rows.append(row)
            if not asked.json:
                verdict = "" if is_met(row) else "  NOT MET"
                print(f"{engine:<10} {row['open']:>6,} {row['figure']:<38} {row['value']:11,.1f}{verdict}", flush=True)
    if asked.json:
        print(json.dumps(rows))
    sys.exit(not all(map(is_met, rows)))


if __name__ == "__main__":
    main()
