"""The bars, each with what was measured."""

from collections.abc import Iterator
from typing import NamedTuple

from benchmarks.promises.runs import BEFORE, OURS, SETTLING, UNCORRECTED, Scores
from benchmarks.promises.scores import MOST_PIZZAS
from benchmarks.promises.shops import PICK_UP, RIGHT, Shop, World

OVERALL, EACH_PART = (88.0, 92.0), (85.0, 95.0)  # per cent kept: of all, and of each third, number of pizzas and way
AFTER_DRIFT, WIDEST_AFTER_DRIFT = 87.0, 5.0  # per cent, minutes


class Bar(NamedTuple):
    what: str
    figures: list[float]
    least: float
    most: float

    @property
    def is_met(self) -> bool:
        return all(self.least <= figure <= self.most for figure in self.figures)

    def __str__(self) -> str:
        shown = ", ".join(f"{figure:.1f}" if figure >= 10 else f"{figure:.2f}" for figure in self.figures)
        limits = f"{self.least:g} to {self.most:.4g}" if self.most < 1000 else f"at least {self.least:g}"
        return f"{'met   ' if self.is_met else 'MISSED'} {self.what}: {shown} ({limits})"


def of_steady(shop: Shop, world: World, scores: Scores) -> Iterator[Bar]:
    mine = scores[OURS]
    yield Bar("kept of all, %", [mine.percent], *OVERALL)
    yield Bar("kept by load, %", mine.by_load(), *EACH_PART)
    if len(mine.by_way()) > 1:
        yield Bar("kept at the door and to collect, %", [way.percent for way in mine.by_way().values()], *EACH_PART)
    if world == RIGHT:
        yield Bar("width, min", [mine.width_minutes], 0.0, shop.widest_minutes)
        return
    yield Bar("kept by width, %", mine.by_width(), *EACH_PART)
    yield Bar(f"kept of 1 to {MOST_PIZZAS}+ pizzas, %", mine.by_pizzas(), *EACH_PART)
    rivals = {name: score.interval_minutes for name, score in scores.items() if name not in (OURS, UNCORRECTED)}
    best = min(rivals, key=lambda name: rivals[name])
    yield Bar(f"interval score, below that of “{BEFORE}”", [mine.interval_minutes], 0.0, rivals[BEFORE])
    yield Bar(f"interval score, below the best other's, “{best}”", [mine.interval_minutes], 0.0, rivals[best])


def of_drift(shop: Shop, scores: Scores) -> Iterator[Bar]:
    settled = scores[OURS]
    yield Bar(f"kept of the orders from the {SETTLING + 1}st on, %", [settled.percent], AFTER_DRIFT, float("inf"))
    if shop == PICK_UP:
        yield Bar("width of these, min", [settled.width_minutes], 0.0, WIDEST_AFTER_DRIFT)


def of_taps(scores: Scores) -> Iterator[Bar]:
    yield Bar("kept of the next orders, %", [scores[OURS].percent], *EACH_PART)
