"""Measure how often promises are kept: `python -m benchmarks.promises [SEEDS]`. The seeds are in this file.

On simulated days with rush hours, every order gets a promise from what is known at that moment, by the shop's own code
(simulation.lookahead, simulation.calibration), and beside it by the rules that others use. A promise is about the
moment at the door, or about when an order is ready to collect. The exit code is 1 if a bar is missed.
"""

import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

from rich.console import Console
from rich.table import Table

from benchmarks.promises import bars
from benchmarks.promises.boosted import regressor
from benchmarks.promises.runs import BY_TAPS, DRIFT, KINDS_OF_RUN, OURS, SLOW, Scores
from benchmarks.promises.scores import Score, pooled
from benchmarks.promises.shops import BOTH_WAYS, PICK_UP, RIGHT, WITH_DRIVERS, WORLDS, Shop, World

SEED, SEEDS = 20261120, 20
Job = tuple[str, Shop, World]


def jobs() -> Iterator[Job]:
    """Return what is measured; the last rows are of the shop with both ways."""
    yield from (("steady", shop, world) for shop in (WITH_DRIVERS, PICK_UP) for world in WORLDS)
    yield from ((kind, shop, RIGHT) for kind in ("drift", "taps") for shop in (WITH_DRIVERS, PICK_UP))
    yield from (("steady", BOTH_WAYS, world) for world in WORLDS)


def run(job: Job, seed: int) -> Scores:
    kind, shop, world = job
    return KINDS_OF_RUN[kind](shop, world, seed)


def pool(job: Job, seeds: int, workers: ProcessPoolExecutor) -> Scores:
    found = list(workers.map(run, [job] * seeds, [SEED + 100 * number for number in range(seeds)]))
    return {name: pooled([scores[name] for scores in found]) for name in found[0]}


def table(title: str, scores: Scores) -> Table:
    shown = Table("Rule", title=title)
    columns = (
        "kept %",
        "calm",
        "busy",
        "rush",
        "narrow",
        "middle",
        "wide",
        "1",
        "2",
        "3",
        "4",
        "5+",
        "width",
        "score",
    )
    for column in columns:
        shown.add_column(column, justify="right")
    for name, scored in scores.items():
        shown.add_row(name, *figures(scored))
        for way, part in scored.by_way().items() if len(scored.by_way()) > 1 else ():
            shown.add_row(f"… {way}", *figures(part))
    return shown


def figures(scored: Score) -> list[str]:
    parts = [scored.percent, *scored.by_load(), *scored.by_width(), *scored.by_pizzas()]
    return [f"{number:.1f}" for number in (*parts, scored.width_minutes, scored.interval_minutes)]


def main() -> None:
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else SEEDS
    regressor()  # say at once if it is missing
    console, missed = Console(highlight=False, width=150), 0
    with ProcessPoolExecutor() as workers:
        for job in jobs():
            scores = pool(job, seeds, workers)
            console.print(table(f"{title(job)}, {scores[OURS].seconds.size} orders", scores))
            for bar in bars_of(job, scores):
                console.print(str(bar))
                missed += not bar.is_met
    console.print(f"{missed} bars are missed." if missed else "All bars are met.")
    sys.exit(bool(missed))


def bars_of(job: Job, scores: Scores) -> Iterator[bars.Bar]:
    kind, shop, world = job
    if kind == "steady":
        return bars.of_steady(shop, world, scores)
    return bars.of_drift(shop, scores) if kind == "drift" else bars.of_taps(scores)


def title(job: Job) -> str:
    kind, shop, world = job
    words = {
        "steady": world.name,
        "drift": f"all work takes {DRIFT:g} times as long, unannounced",
        "taps": f"a new shop, {SLOW:g} times as slow as it believes, after {BY_TAPS} orders",
    }
    return f"{shop.name.capitalize()}: {words[kind]}"


if __name__ == "__main__":
    main()
