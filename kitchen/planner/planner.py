"""The what-if planner: which days have to be simulated for a plan, and the answer.

The work comes in pieces, each for one worker. Which pieces are wanted next, and the answer, depend only on the plan
and the finished pieces, so a study is the same in one process, over many workers and run again.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kitchen.planner import crew
from kitchen.planner.crew import Crew
from kitchen.planner.parts import Parts
from kitchen.planner.scenarios import CREW, NOW, PRESENT, TAKEN, Plan, Scenario, clock
from kitchen.planner.specs import BLOCK, MOST_ORDERS_A_PIECE, slot_hours, spec_of
from simulation.confidence import Estimate, difference, plain, ratio
from simulation.engine import Array
from simulation.simulator import Result, merge, replicate

FIRST_DAYS = 200  # then twice as many, and so on, until the answer is precise enough
PIECES_A_ROUND = 8
MINUTE = 60.0
UNNOTICED = 0.05  # minutes: rounded, nothing
THERE = {"door": "there", "counter": "ready"}  # what an order is at the end of its time


@dataclass(frozen=True, order=True)
class Piece:
    """One worker's share: some blocks of days, of the plan's scenarios or of one crew."""

    crew: Crew
    first: int
    blocks: int

    @property
    def key(self) -> str:
        """Return its name within the study."""
        crew = "-".join(map(str, self.crew))
        return f"{crew or 'all'}:{self.first}+{self.blocks}"


Done = Mapping[Piece, Parts]
Figures = Sequence[Result]  # one for each scenario


def simulate(plan: Plan, piece: Piece, check: Callable[[], None] = lambda: None) -> Parts:
    """Simulate a piece. `check` is called before each scenario; what it raises ends the work at once."""
    scenarios = [crew.scenario_with(plan.scenarios[0], piece.crew)] if piece.crew else plan.scenarios
    parts = []
    for scenario in scenarios:
        check()
        parts.append(replicate(spec_of(plan, scenario), piece.first * BLOCK, piece.blocks * BLOCK))
    return tuple(parts)


def run(
    plan: Plan, progress: Callable[[float], None] = lambda share: None, is_over: Callable[[], bool] = lambda: False
) -> dict[str, Any]:
    """Run a study in this process, until it is complete or `is_over` returns True."""
    done: dict[Piece, Parts] = {}
    while wanted := next_pieces(plan, done):
        for piece in wanted:
            if done and is_over():
                return answer(plan, done)
            done[piece] = simulate(plan, piece)
            progress(share_done(plan, done))
    return answer(plan, done)


def next_pieces(plan: Plan, done: Done) -> list[Piece]:
    """Return the pieces that the next answer needs; none when the answer is final."""
    if plan.question == CREW:
        return [Piece(want.crew, want.first, want.blocks) for want in crew.next_wanted(plan, known(plan.keep, done))]
    reached = 0
    for total in rounds(plan):
        missing = [piece for piece in pieces(plan, reached, total) if piece not in done]
        if missing:
            return missing
        reached = total
        if is_precise(plan, join_up_to(plan, done, total)):
            return []
    return []


def rounds(plan: Plan) -> list[int]:
    """Return the numbers of blocks after which the precision is checked."""
    most = -(-plan.most_replications // BLOCK)
    totals, total = [], FIRST_DAYS // BLOCK
    while total < most:
        totals.append(total)
        total *= 2
    return [*totals, most]


def pieces(plan: Plan, reached: int, total: int) -> list[Piece]:
    """Share out the blocks from `reached` to `total`, in small pieces, so that live work never waits long for one."""
    crowd = sum(scenario.crowd() for scenario in plan.scenarios) * BLOCK
    most = max(1, int(MOST_ORDERS_A_PIECE / max(1.0, crowd)))
    size = min(most, max(1, -(-(total - reached) // PIECES_A_ROUND)))
    return [Piece((), first, min(size, total - first)) for first in range(reached, total, size)]


def join_up_to(plan: Plan, done: Done, total: int) -> Figures:
    parts = [done[piece] for piece in sorted(done) if piece.first + piece.blocks <= total]
    return [
        merge(spec_of(plan, scenario), column)
        for scenario, column in zip(plan.scenarios, zip(*parts, strict=True), strict=True)
    ]


def known(keep: float, done: Done) -> dict[crew.Want, crew.Tried]:
    return {
        crew.Want(piece.crew, piece.first, piece.blocks): crew.tried(keep, part) for piece, (part,) in done.items()
    }


def share_done(plan: Plan, done: Done) -> float:
    """Return the progress from 0 to 1, relative to the most that it can take."""
    if plan.question == CREW:
        return crew.share_done(plan, known(plan.keep, done))
    return min(1.0, sum(piece.blocks for piece in done) / rounds(plan)[-1])


def is_precise(plan: Plan, figures: Figures) -> bool:
    """True if the answer's figures are as precise as requested: the differences, or the only mean."""
    widths = [estimate.half_width for estimate in savings(figures)[1:] if estimate.is_known]
    if not widths:
        present = mean_minutes(figures, 0)
        widths = [present.half_width] if present.is_known else []
    return all(width <= plan.half_width_minutes for width in widths)


# Estimates


def mean_minutes(figures: Figures, number: int) -> Estimate:
    return ratio(figures[number].part.seconds / MINUTE, figures[number].part.orders)


def by_way(result: Result) -> dict[str, tuple[Estimate, Estimate]]:
    """Return, for each way out that some order took, the mean in minutes and the share within the promise."""
    part = result.part
    return {
        route.name: (ratio(part.kind_seconds[:, kind] / MINUTE, orders), ratio(part.kind_kept[:, kind], orders))
        for kind, route in enumerate(result.spec.routes)
        if (orders := part.kind_orders[:, kind]).any()
    }


def savings(figures: Figures) -> list[Estimate]:
    """Return the minutes that each scenario saves an order against the first."""
    return [saving(figures, number, 0) for number in range(len(figures))]


def saving(figures: Figures, number: int, other: int) -> Estimate:
    this, that = figures[number].part, figures[other].part
    return difference(that.seconds / MINUTE, that.orders, this.seconds / MINUTE, this.orders)


def kept(figures: Figures, number: int) -> Estimate:
    """Return the share of orders that were there within the promise."""
    return figures[number].within_promise()


# The answer


def answer(plan: Plan, done: Done) -> dict[str, Any]:
    """Return all that is known by now, as plain JSON; also while pieces are missing."""
    if plan.question == CREW:
        return crew.answer(plan, known(plan.keep, done))
    total = blocks_in_a_row(done)
    figures = join_up_to(plan, done, total) if total else None
    rows = [scenario_row(plan, figures, number) for number in range(len(plan.scenarios))] if figures else []
    return {
        "question": plan.question,
        "sentence": sentence(plan, figures) if figures else "",
        "notes": list(plan.notes),
        "replications": total * BLOCK,
        "precise": bool(figures and is_precise(plan, figures)),
        "half_width_minutes": plan.half_width_minutes,
        "seed": plan.seed,
        "ends": list(plan.ends()),
        "slot_hours": [round(hour, 4) for hour in slot_hours(plan)],
        "scenarios": rows,
    }


def blocks_in_a_row(done: Done) -> int:
    """Count the blocks that are done from the first on, without a gap."""
    reached = 0
    for piece in sorted(done):
        if piece.first == reached:
            reached += piece.blocks
    return reached


def scenario_row(plan: Plan, figures: Figures, number: int) -> dict[str, Any]:
    scenario, result = plan.scenarios[number], figures[number]
    slots = result.by_slot()
    return {
        "name": scenario.name,
        "demand": scenario.demand.words,
        "hours": [clock(scenario.open_hour), clock(scenario.close_hour)],
        "promise_minutes": scenario.promise_minutes,
        "orders_a_day": round(float(result.part.orders.mean()), 2),
        "mean_minutes": as_dict(mean_minutes(figures, number)),
        "saves_minutes": as_dict(saving(figures, number, 0)) if number else None,
        "kept": as_dict(kept(figures, number)),
        **{
            f"p{share:02d}_minutes": plain(result.part.lengths.quantile(share / 100) / MINUTE, 2)
            for share in (5, 50, 95)
        },
        "by_way": ways_row(result),
        "by_slot": slots_row(slots),
        "stations": station_rows(scenario, result, slots["utilisation"]),
    }


def ways_row(result: Result) -> dict[str, Any] | None:
    """Return the figures of each way out; None if all orders took the same."""
    ways = by_way(result)
    if len(ways) < 2:
        return None
    return {way: {"mean_minutes": as_dict(mean), "kept": as_dict(share)} for way, (mean, share) in ways.items()}


def slots_row(slots: Mapping[str, Array]) -> dict[str, Any]:
    return {
        "orders": [plain(value, 3) for value in slots["orders"]],
        "mean": [plain(value / MINUTE, 3) for value in slots["mean"]],
        "low": [plain(value / MINUTE, 2) for value in slots["p05"]],
        "high": [plain(value / MINUTE, 2) for value in slots["p95"]],
        "kept": [plain(value, 4) for value in slots["within_promise"]],
    }


def station_rows(scenario: Scenario, result: Result, loads: Array) -> list[dict[str, Any]]:
    busy, available, part = result.busy_by_slot(), result.capacity_by_slot(), result.part
    return [
        {
            "stage": station.stage,
            "name": station.name,
            "unit": station.unit,
            "places": station.capacity,
            "load": plain(busy[index].sum() / available[index].sum(), 4) if available[index].sum() else None,
            "load_by_slot": [plain(load, 4) for load in loads[index]],
            "wait_minutes": as_dict(ratio(part.wait_seconds[:, index] / MINUTE, part.visits[:, index])),
        }
        for index, station in enumerate(scenario.stations)
    ]


def as_dict(estimate: Estimate) -> dict[str, float | None] | None:
    return estimate.as_dict(6) if estimate.is_known else None


# In words


def sentence(plan: Plan, figures: Figures) -> str:
    """Write the answer that a person reads first. It says where a difference can be chance."""
    present = mean_minutes(figures, 0)
    if not any(result.part.orders.any() for result in figures):
        return "No orders come, so there is nothing to wait for and nothing that helps."
    saved = {number: estimate for number, estimate in enumerate(savings(figures)) if number and estimate.is_known}
    if not saved:
        return present_sentence(plan, figures, present)
    if changes_nothing(plan, saved):
        what = "Nothing here changes anything" if len(saved) > 1 else f"{named(plan, *saved)} changes nothing"
        return f"{what}: {where_orders_wait(plan, figures)}. {present_sentence(plan, figures, present)}"
    ranked = sorted(saved, key=lambda number: saved[number].value, reverse=True)
    best = ranked[0]
    worst = ranked[-1]
    does_cost = saved[worst].value < 0 and saved[worst].is_sure
    costs = f"{named(plan, worst)} costs {plus_minus(saved[worst], -1)} minutes an order."
    if saved[best].value > 0 and saved[best].is_sure:
        parts = [best_sentence(plan, figures, saved, ranked), promises_sentence(plan, figures, best)]
        return " ".join([*parts, costs] if does_cost else parts)
    if does_cost:
        nothing = "is sure to save" if saved[best].value > 0 else "saves"
        start = f"Nothing here {nothing} time: " if len(saved) > 1 else ""
        return f"{start}{costs if not start else lower(costs)} {promises_sentence(plan, figures, worst)}"
    most = max(abs(estimate.value) + estimate.half_width for estimate in saved.values())
    what = "Nothing here makes" if len(saved) > 1 else f"{named(plan, best)} does not make"
    return (
        f"{what} a difference that can be told from chance: it is less than {max(most, 0.1):.1f} minutes an order."
        f" {present_sentence(plan, figures, present)}"
    )


def changes_nothing(plan: Plan, saved: Mapping[int, Estimate]) -> bool:
    """Whether no order would notice, nor a promise be kept more often."""
    promises = {scenario.promise_minutes for scenario in plan.scenarios}
    return len(promises) == 1 and all(abs(row.value) + row.half_width < UNNOTICED for row in saved.values())


def where_orders_wait(plan: Plan, figures: Figures) -> str:
    part, stations = figures[0].part, plan.scenarios[0].stations
    waits = part.wait_seconds.sum(axis=0) / np.maximum(part.visits.sum(axis=0), 1.0) / MINUTE
    if waits.max() < 2 * UNNOTICED:
        return "orders hardly wait at all"
    station = stations[int(waits.argmax())]
    return f"what {station.things()} wait for is “{station.name}”"


def best_sentence(plan: Plan, figures: Figures, saved: Mapping[int, Estimate], ranked: Sequence[int]) -> str:
    best = ranked[0]
    start = f"{named(plan, best)} saves {plus_minus(saved[best])} minutes an order"
    if len(ranked) == 1:
        return f"{start}."
    equals = [number for number in ranked[1:] if not saving(figures, best, number).is_sure]
    if not equals:
        return f"{start}; nothing else helps as much."
    others = " and ".join(f"{lower(named(plan, number))} ({plus_minus(saved[number])})" for number in equals)
    return f"{start}, but {others} might help as much."


def present_sentence(plan: Plan, figures: Figures, present: Estimate) -> str:
    share = kept(figures, 0)
    if not present.is_known:
        return ""
    scenario = plan.scenarios[0]
    places = plan.ends(scenario)
    arrive = "come" if places == ("door",) else f"are {there(places)}"
    return (
        f"{'From now on' if plan.question == NOW else 'As it is'}, an order takes {plus_minus(present)} minutes to the"
        f" {' or the '.join(places)}{ways_words(figures[0])}, and {percent(share)} {arrive} within"
        f" {scenario.promise_minutes:g}."
    )


def ways_words(result: Result) -> str:
    """Say how long each way out takes, where there are both."""
    means = {way: estimate for way, (estimate, _) in by_way(result).items() if estimate.is_known}
    if len(means) < 2:
        return ""
    return f" ({', '.join(f'{plus_minus(mean)} {TAKEN[way]}' for way, mean in means.items())})"


def promises_sentence(plan: Plan, figures: Figures, number: int) -> str:
    share, present = kept(figures, number), kept(figures, 0)
    if not (share.is_known and present.is_known):
        return ""
    words = there(plan.ends(plan.scenarios[number]))
    return (
        f"{percent(share)} of the orders are {words} within {plan.scenarios[number].promise_minutes:g} minutes; in the"
        f" shop as it is, {percent(present)}."
    )


def there(places: Sequence[str]) -> str:
    """Return what an order is when its time ends."""
    return " or ".join(THERE[place] for place in places)


def named(plan: Plan, number: int) -> str:
    """Return a scenario's name in quotation marks or as it is; a person's own words are not changed."""
    name = plan.scenarios[number].name
    return name[0].upper() + name[1:] if name != PRESENT else name


def lower(text: str) -> str:
    return text[0].lower() + text[1:]


def plus_minus(estimate: Estimate, sign: int = 1) -> str:
    """Write an estimate with as many digits as its half-width deserves."""
    digits = 1 if estimate.half_width >= 0.05 else 3 if 0 < estimate.half_width < 0.005 else 2
    return f"{sign * estimate.value:.{digits}f} ± {estimate.half_width:.{digits}f}"


def percent(estimate: Estimate) -> str:
    return f"{100 * estimate.value:.1f} ± {100 * estimate.half_width:.1f} %"
