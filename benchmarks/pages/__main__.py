"""`python -m benchmarks.pages`: open a shop of its own, visit its pages as a slow phone, and use its board.

The exit code is 1 if a bar is missed.
"""

import json
import os
import sys
from argparse import ArgumentParser, Namespace

from rich.console import Console

from benchmarks.pages import report
from benchmarks.pages.hands import Input, inputs
from benchmarks.pages.networks import NETWORKS
from benchmarks.pages.phone import chromium
from benchmarks.pages.shop import opened
from benchmarks.pages.visits import Visit, visited, visits

WIDTH = 132


def options(arguments: list[str] | None = None) -> Namespace:
    parser = ArgumentParser(prog="python -m benchmarks.pages", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="visits of each page, in turn (3)")
    parser.add_argument("--slower", type=float, default=4, help="how many times slower the processor is (4)")
    parser.add_argument("--tickets", type=int, default=300, help="orders on the board (300)")
    parser.add_argument("--network", choices=list(NETWORKS), action="append", help="only this line")
    parser.add_argument("--json", metavar="FILE", help="write the figures there, too; - is the standard output")
    return parser.parse_args(arguments)


def measure(chosen: Namespace) -> tuple[list[Visit], list[Input]]:
    found: list[Visit] = []
    with opened(chosen.tickets) as shop, chromium() as browser:
        for _ in range(chosen.rounds):
            for name in chosen.network or NETWORKS:
                for where in visited(shop):
                    found += visits(browser, shop, where, name, NETWORKS[name], chosen.slower)
        rounds = [inputs(browser, shop, chosen.slower) for _ in range(chosen.rounds)]
    return report.middle(found), report.worst(rounds)


def main() -> None:
    chosen = options()
    pages, hands = measure(chosen)
    if chosen.json == "-":
        print(json.dumps(report.as_json(pages, hands), indent=2))
    else:
        show(chosen, pages, hands)
    sys.exit(not report.is_all_met(pages, hands))


def show(chosen: Namespace, pages: list[Visit], hands: list[Input]) -> None:
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(width=WIDTH, no_color=True, highlight=False)
    console.print(report.table_of_visits(pages))
    console.print(report.table_of_inputs(hands, chosen.tickets))
    lines = "; ".join(NETWORKS[name].words for name in chosen.network or NETWORKS)
    load = f"{os.getloadavg()[0]:.1f} on {os.cpu_count()} processors"
    console.print(f"Processor {chosen.slower:g} times slower. {lines}. Medians of {chosen.rounds}; load {load}.")
    if chosen.json:
        with open(chosen.json, "w", encoding="utf-8") as file:
            json.dump(report.as_json(pages, hands), file, indent=2)


if __name__ == "__main__":
    main()
