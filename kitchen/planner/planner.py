"""The what-if planner: which days have to be simulated for a plan, and what they say.

The work comes in pieces, each for one worker; which pieces are wanted next, and the answer, follow from the plan
and the pieces that are done alone. So a study is the same in one process, over many workers and run again.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from kitchen.planner import crew, days
from kitchen.planner.crew import Crew
from kitchen.planner.days import BLOCK, MOST_ORDERS_A_PIECE
from kitchen.planner.figures import Estimate, Figures, difference, join, quantile_seconds, ratio
from kitchen.planner.scenarios import CREW, NOW, PRESENT, Plan, Scenario, clock, places_at

FIRST_DAYS = 200  # then twice as many, and so on, until the answer is precise enough
PIECES_A_ROUND = 8
MINUTE = 60.0


@dataclass(frozen=True, order=True)
class Piece:
    """What one worker does at once: some blocks of days, of the plan's scenarios or of one crew."""

    crew: Crew
    first: int
    blocks: int

    @property
    def key(self) -> str:
        """Its name within the study."""
        places = "-".join(map(str, self.crew))
        return f"{places or 'all'}:{self.first}+{self.blocks}"


Done = Mapping[Piece, Figures]


def simulate(plan: Plan, piece: Piece, check: Callable[[], None] = lambda: None) -> Figures:
    """`check` is called often; what it raises ends the work at once."""
    scenarios = [crew.scenario_with(plan.scenarios[0], piece.crew)] if piece.crew else plan.scenarios
    return days.simulate(plan, scenarios, piece.first, piece.blocks, check)


def run(plan: Plan, progress: Callable[[float], None] = lambda share: None) -> dict[str, Any]:
    """The whole study in this process."""
    done: dict[Piece, Figures] = {}
    while wanted := next_pieces(plan, done):
        for piece in wanted:
            done[piece] = simulate(plan, piece)
            progress(share_done(plan, done))
    return answer(plan, done)


def next_pieces(plan: Plan, done: Done) -> list[Piece]:
    """What is still missing before one can say more; nothing when the answer stands."""
    if plan.question == CREW:
        return [Piece(want.crew, want.first, want.blocks) for want in crew.next_wanted(plan, known(plan.keep, done))]
    reached = 0
    for total in rounds(plan):
        missing = [piece for piece in pieces(plan, reached, total) if piece not in done]
        if missing:
            return missing
        reached = total
        if is_precise(plan, join_up_to(done, total)):
            return []
    return []


def rounds(plan: Plan) -> list[int]:
    """After how many blocks one looks whether it is enough."""
    most = -(-plan.most_replications // BLOCK)
    totals, total = [], FIRST_DAYS // BLOCK
    while total < most:
        totals.append(total)
        total *= 2
    return [*totals, most]


def pieces(plan: Plan, reached: int, total: int) -> list[Piece]:
    """The blocks from `reached` to `total`, shared out; small, so that the kitchen's own work waits for none long."""
    orders = sum(scenario.orders() for scenario in plan.scenarios) * BLOCK
    most = max(1, int(MOST_ORDERS_A_PIECE / max(1.0, orders)))
    size = min(most, max(1, -(-(total - reached) // PIECES_A_ROUND)))
    return [Piece((), first, min(size, total - first)) for first in range(reached, total, size)]


def join_up_to(done: Done, total: int) -> Figures:
    return join([done[piece] for piece in sorted(done) if piece.first + piece.blocks <= total])


def known(keep: float, done: Done) -> dict[crew.Want, crew.Tried]:
    return {
        crew.Want(piece.crew, piece.first, piece.blocks): crew.tried(keep, figures) for piece, figures in done.items()
    }


def share_done(plan: Plan, done: Done) -> float:
    """From 0 to 1, of the most that it can take."""
    if plan.question == CREW:
        return crew.share_done(plan, known(plan.keep, done))
    return min(1.0, sum(piece.blocks for piece in done) / rounds(plan)[-1])


def is_precise(plan: Plan, figures: Figures) -> bool:
    """Every figure that the answer is made of is as precise as was asked: the differences, or the only mean."""
    widths = [estimate.half_width for estimate in savings(figures)[1:] if estimate]
    if not widths:
        present = mean_minutes(figures, 0)
        widths = [present.half_width] if present else []
    return all(width <= plan.half_width_minutes for width in widths)


# Estimates


def mean_minutes(figures: Figures, number: int) -> Estimate | None:
    return ratio(figures.seconds[:, number] / MINUTE, figures.orders[:, number])


def savings(figures: Figures) -> list[Estimate | None]:
    """Minutes that each scenario saves an order against the first."""
    return [saving(figures, number, 0) for number in range(figures.orders.shape[1])]


def saving(figures: Figures, number: int, other: int) -> Estimate | None:
    minutes, orders = figures.seconds / MINUTE, figures.orders
    return difference(minutes[:, other], orders[:, other], minutes[:, number], orders[:, number])


def kept(figures: Figures, number: int) -> Estimate | None:
    """The share of orders that were there within the promise."""
    return ratio(figures.kept[:, number].astype(float), figures.orders[:, number])


# The answer


def answer(plan: Plan, done: Done) -> dict[str, Any]:
    """All that is known by now, as plain JSON; also while pieces are missing."""
    if plan.question == CREW:
        return crew.answer(plan, known(plan.keep, done))
    total = blocks_in_a_row(done)
    figures = join_up_to(done, total) if total else None
    rows = [scenario_row(plan, figures, number) for number in range(len(plan.scenarios))] if figures else []
    return {
        "question": plan.question,
        "sentence": sentence(plan, figures) if figures else "",
        "notes": list(plan.notes),
        "replications": total * BLOCK,
        "precise": bool(figures and is_precise(plan, figures)),
        "half_width_minutes": plan.half_width_minutes,
        "seed": plan.seed,
        "slot_hours": [round(plan.open_hour + edge / 3600, 4) for edge in days.slot_edges(plan)],
        "scenarios": rows,
    }


def blocks_in_a_row(done: Done) -> int:
    """How many blocks are done from the first on, without a gap."""
    reached = 0
    for piece in sorted(done):
        if piece.first == reached:
            reached += piece.blocks
    return reached


def scenario_row(plan: Plan, figures: Figures, number: int) -> dict[str, Any]:
    scenario = plan.scenarios[number]
    mean, saved, share = mean_minutes(figures, number), saving(figures, number, 0), kept(figures, number)
    histogram = figures.histogram[0, number]
    capacity = place_seconds(plan, scenario)
    busy = figures.slot_busy[:, number].sum(axis=0) / len(figures.orders)
    by_slot = [figures.slot_orders, figures.slot_seconds, figures.slot_kept]
    orders, seconds, in_time = (column[:, number].sum(axis=0) for column in by_slot)
    stations = [
        {
            "stage": station.stage,
            "name": station.name,
            "places": station.places,
            "load": round(float(busy[index].sum() / capacity[index].sum()), 4) if capacity[index].sum() else None,
            "load_by_slot": [
                round(float(taken / has), 4) if has else None
                for taken, has in zip(busy[index], capacity[index], strict=True)
            ],
            "wait_minutes": as_dict(ratio(figures.wait_seconds[:, number, index] / MINUTE, figures.orders[:, number])),
        }
        for index, station in enumerate(scenario.stations)
    ]
    return {
        "name": scenario.name,
        "demand": scenario.demand.words,
        "hours": [clock(scenario.open_hour), clock(scenario.close_hour)],
        "promise_minutes": scenario.promise_minutes,
        "orders_a_day": round(float(figures.orders[:, number].mean()), 2),
        "mean_minutes": as_dict(mean),
        "saves_minutes": as_dict(saved) if number else None,
        "kept": as_dict(share),
        **{f"p{share:02d}_minutes": minutes(histogram.sum(axis=0), share / 100) for share in (5, 50, 95)},
        "by_slot": {
            "orders": [round(float(count / len(figures.orders)), 3) for count in orders],
            "mean": [
                round(float(total / count / MINUTE), 3) if count else None
                for total, count in zip(seconds, orders, strict=True)
            ],
            "low": [minutes(row, 0.05) for row in histogram[:-1]],
            "high": [minutes(row, 0.95) for row in histogram[:-1]],
            "kept": [
                round(float(count / total), 4) if total else None for count, total in zip(in_time, orders, strict=True)
            ],
        },
        "stations": stations,
    }


def as_dict(estimate: Estimate | None) -> dict[str, float | None] | None:
    return estimate.as_dict() if estimate else None


def minutes(counts: Any, share: float) -> float | None:
    seconds = quantile_seconds(counts, share)
    return None if seconds is None else round(seconds / MINUTE, 2)


def place_seconds(plan: Plan, scenario: Scenario) -> Any:
    """How long the places of each station are there in each slot: (stations, slots)."""
    edges = days.slot_edges(plan)
    rows = []
    for station in scenario.stations:
        moments = sorted({*edges, *(seconds_of(plan, hour) for hour, _ in station.changes)})
        moments = [moment for moment in moments if edges[0] <= moment <= edges[-1]]
        slots = np.zeros(len(edges) - 1)
        for begin, end in pairwise(moments):
            slot = int(np.searchsorted(edges, begin, side="right")) - 1
            slots[slot] += (end - begin) * places_at(station, plan.open_hour + begin / 3600 + 1e-9)
        rows.append(slots)
    return np.stack(rows)


def seconds_of(plan: Plan, hour: float) -> float:
    return (hour - plan.open_hour) * 3600


# In words


def sentence(plan: Plan, figures: Figures) -> str:
    """The answer that a person reads first. What may be chance is called so."""
    present = mean_minutes(figures, 0)
    if present is None and not any(figures.orders.sum(axis=0)):
        return "Nobody comes, so there is nothing to wait for and nothing that helps."
    saved = {number: estimate for number, estimate in enumerate(savings(figures)) if number and estimate}
    if not saved:
        return present_sentence(plan, figures, present)
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
        f"{what} a difference that can be told from chance: it is less than {most:.1f} minutes an order."
        f" {present_sentence(plan, figures, present)}"
    )


def best_sentence(plan: Plan, figures: Figures, saved: Mapping[int, Estimate], ranked: Sequence[int]) -> str:
    best = ranked[0]
    start = f"{named(plan, best)} saves {plus_minus(saved[best])} minutes an order"
    if len(ranked) == 1:
        return f"{start}."
    equals = [number for number in ranked[1:] if not sure_of(saving(figures, best, number))]
    if not equals:
        return f"{start}; nothing else helps as much."
    others = " and ".join(f"{lower(named(plan, number))} ({plus_minus(saved[number])})" for number in equals)
    return f"{start}, but {others} may help as much."


def sure_of(estimate: Estimate | None) -> bool:
    return estimate is not None and estimate.is_sure


def present_sentence(plan: Plan, figures: Figures, present: Estimate | None) -> str:
    share = kept(figures, 0)
    if present is None or share is None:
        return ""
    return (
        f"{'From now on' if plan.question == NOW else 'As it is'}, an order takes {plus_minus(present)} minutes to the"
        f" door, and {percent(share)} come within {plan.scenarios[0].promise_minutes:g}."
    )


def promises_sentence(plan: Plan, figures: Figures, number: int) -> str:
    share, present = kept(figures, number), kept(figures, 0)
    if share is None or present is None:
        return ""
    return (
        f"{percent(share)} of the orders are there within {plan.scenarios[number].promise_minutes:g} minutes; in the"
        f" shop as it is, {percent(present)}."
    )


def named(plan: Plan, number: int) -> str:
    """In the middle of what a person wrote nothing is changed."""
    name = plan.scenarios[number].name
    return name[0].upper() + name[1:] if name != PRESENT else name


def lower(text: str) -> str:
    return text[0].lower() + text[1:]


def plus_minus(estimate: Estimate, sign: int = 1) -> str:
    """As many digits as the half-width deserves."""
    digits = 1 if estimate.half_width >= 0.05 else 3 if 0 < estimate.half_width < 0.005 else 2
    return f"{sign * estimate.value:.{digits}f} ± {estimate.half_width:.{digits}f}"


def percent(estimate: Estimate) -> str:
    return f"{100 * estimate.value:.1f} ± {100 * estimate.half_width:.1f} %"
