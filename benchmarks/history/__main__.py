"""`python -m benchmarks.history 100000`: each hot path in a shop with that past, beside one that is young.

The young shop's pages are full, too: it has as many orders as they show. The bar: 1.3 times as much processor time.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.databases import database, machines
from benchmarks.processes import Helper, helping, running, valkey
from benchmarks.sides import both

YOUNG = 4_000  # orders, with as many events as are read to measure the work
ROUNDS = 5
BAR = 1.3
LEAST_MS = 0.1  # a difference below this is the noise of a clock


def run(orders: int, engines: list[str], only: str, rounds: int) -> Iterator[dict[str, Any]]:
    with tempfile.TemporaryDirectory(prefix="pizza-history-") as name:
        folder = Path(name)
        server, socket = valkey(folder)
        with running(server):
            for engine in engines:
                yield from compare(engine, orders, only, rounds, folder, socket)


def compare(engine: str, orders: int, only: str, rounds: int, folder: Path, socket: str) -> Iterator[dict[str, Any]]:
    with shop(engine, "young", YOUNG, folder, socket) as young, shop(engine, "old", orders, folder, socket) as old:
        for name in old.ask("names"):
            if only in name:
                pairs = [(young.ask("cost", name=name), old.ask("cost", name=name)) for _ in range(rounds)]
                few, many = (min(costs) for costs in zip(*pairs, strict=True))
                yield {"engine": engine, "name": name, "young_ms": few, "old_ms": many, "ratio": many / few}


@contextmanager
def shop(engine: str, name: str, orders: int, folder: Path, socket: str) -> Iterator[Helper]:
    side = both(folder / name)[0]
    server = machines() if engine == "PostgreSQL" else None
    with database(server, f"history_{name}", folder) as url:
        side.migrate(url, socket).wait_for_end()
        helper = Helper(
            "benchmarks.drive", "benchmarks.history.serving", log=side.log("shop"), environment=side.environment
        )
        with helping(helper):
            seconds = helper.ask("begin", orders=orders)
            print(f"{engine}: {orders:,} orders in {seconds:.0f} s", flush=True)
            yield helper


def is_met(row: dict[str, Any]) -> bool:
    return bool(row["ratio"] <= BAR or row["old_ms"] - row["young_ms"] < LEAST_MS)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure each hot path in an old shop and in a young one.")
    parser.add_argument("orders", type=int, nargs="?", default=100_000)
    parser.add_argument("--engine", choices=("SQLite", "PostgreSQL"), action="append")
    parser.add_argument("--only", default="", help="paths whose name has this in it")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    engines = asked.engine or ["SQLite", *(["PostgreSQL"] if machines() else [])]
    rows = []
    for row in run(asked.orders, engines, asked.only, asked.rounds):
        rows.append(row)
        if not asked.json:
            verdict = "" if is_met(row) else "  NOT MET"
            print(
                f"{row['engine']:<10}  {row['name']:<44} {row['young_ms']:9.2f} {row['old_ms']:9.2f} ms"
                f"  {row['ratio']:6.2f}{verdict}",
                flush=True,
            )
    if asked.json:
        print(json.dumps(rows))
    sys.exit(not all(map(is_met, rows)))


if __name__ == "__main__":
    main()
