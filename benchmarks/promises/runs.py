"""The runs of one seed: steady worlds, a drift that nobody announces, a new shop that is moved by taps alone."""

from collections.abc import Callable

from benchmarks.promises.cases import Run, history
from benchmarks.promises.correcting import before, ours
from benchmarks.promises.rules import RULES, each_way
from benchmarks.promises.scores import Score, score
from benchmarks.promises.shops import Shop, World

OURS, BEFORE, UNCORRECTED = "ours", "as before", "ours, uncorrected"
LEARNING_DAYS = 14  # for the rules of others
EARLIER, HELD_OUT = 450, 200  # orders from which the shop learns, and those that count
DRIFT, DRIFTED = 1.15, 330  # two days
SETTLING = 50  # orders after a drift
SLOW, BY_TAPS, NEXT = 1.25, 120, 100

Scores = dict[str, Score]


def steady(shop: Shop, world: World, seed: int, earlier: int = EARLIER, held_out: int = HELD_OUT) -> Scores:
    """Score all rules on the same orders."""
    orders = Run(shop, seed, world).cases(earlier + held_out)
    past, counted = history(shop, seed + 1, LEARNING_DAYS, world), orders[earlier:]
    intervals = {
        OURS: ours(orders)[earlier:],
        UNCORRECTED: [order.as_measured for order in counted],
        BEFORE: before(orders)[earlier:],
    }
    for name, rule in RULES.items():
        intervals[name] = each_way(rule, past, orders)[earlier:]
    return {name: score(counted, rows) for name, rows in intervals.items()}


def drifted(shop: Shop, world: World, seed: int, earlier: int = EARLIER, number: int = DRIFTED) -> Scores:
    """Score the orders since all work began to take longer one morning: the first ones, and those after them."""
    run, settled = Run(shop, seed, world), earlier + SETTLING
    orders = [*run.cases(earlier), *run.cases(number, slower=DRIFT)]
    scores = {}
    for name, rule in {OURS: ours, BEFORE: before}.items():
        intervals = rule(orders)
        scores[name] = score(orders[settled:], intervals[settled:])
        scores[f"{name}, the first {SETTLING}"] = score(orders[earlier:settled], intervals[earlier:settled])
    return scores


def by_taps(shop: Shop, world: World, seed: int, first: int = BY_TAPS, number: int = NEXT) -> Scores:
    """Score the next orders of a new shop in which all work takes longer than it believes, as the taps say."""
    orders = Run(shop, seed, world).cases(first + number, slower=SLOW)
    return {name: score(orders[first:], rule(orders)[first:]) for name, rule in {OURS: ours, BEFORE: before}.items()}


KINDS_OF_RUN: dict[str, Callable[[Shop, World, int], Scores]] = {
    "steady": steady,
    "drift": drifted,
    "taps": by_taps,
}
