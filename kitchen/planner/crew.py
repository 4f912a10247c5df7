"""The smallest crew: the least costly capacities with which a shop keeps its promises.

The search is exact if one more place never makes a shop keep fewer promises. That holds except for orders that
overtake each other, as all crews have common random numbers. First, bisection finds for each station the least
capacity that suffices when all others have plenty: no crew with fewer places suffices. Starting there, crews are tried
in the order of their cost, and each failure adds those with one more place; the first that suffices is the least
costly, as all cheaper ones have failed. Last, that crew is tried with one place fewer at each station, which must
fail. A crew suffices if even the lower end of the 95 % interval is at the requested share, on the days of the search
and again on as many fresh days: the cheapest of many is easily the luckiest.
"""

import heapq
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from kitchen.planner.scenarios import MOST_CREW, Plan, Scenario
from kitchen.planner.specs import BLOCK, MOST_ORDERS_A_PIECE
from simulation.confidence import Estimate, ratio
from simulation.estimates.sums import Part

Crew = tuple[int, ...]  # capacities, in the order of the stages; empty means that there is no crew
LEAST_DAYS, MOST_DAYS = 200, 1000  # on which a crew is tried; fewer where a day has many orders
MOST_TRIED = 400
AT_ONCE = 4  # crews that are tried side by side, so that several workers have something to do
SHOWN = 12


@dataclass(frozen=True)
class Want:
    """A crew on some blocks of days."""

    crew: Crew
    first: int
    blocks: int


@dataclass(frozen=True)
class Tried:
    kept: Estimate  # share of promises; unknown if no orders came
    mean_minutes: Estimate
    wait_minutes: tuple[float, ...]  # in the line of each station
    within_minutes: float  # the promise of which the asked share would be kept; nan if no orders came


Known = Mapping[Want, Tried]


class Missing(Exception):
    """Raised with the crews that have to be tried before the search can go on."""

    def __init__(self, wants: Iterable[Want]) -> None:
        self.wants = list(wants)


@dataclass(frozen=True)
class Found:
    least: Crew  # no crew with fewer places at any one station suffices
    best: Crew | None  # None: no crew suffices
    failed: tuple[Crew, ...]  # those that were tried before it, in the order of their cost, and its neighbours
    gave_up: bool = False


def scenario_with(scenario: Scenario, crew: Crew) -> Scenario:
    stations = (
        replace(station.with_capacity(count), changes=())
        for station, count in zip(scenario.stations, crew, strict=True)
    )
    return replace(scenario, stations=tuple(stations))


def tried(keep: float, part: Part) -> Tried:
    waits = part.wait_seconds.sum(axis=0) / 60 / np.maximum(part.visits.sum(axis=0), 1.0)
    return Tried(
        ratio(part.kept, part.orders),
        ratio(part.seconds / 60, part.orders),
        tuple(waits.tolist()),
        part.lengths.quantile(keep) / 60,
    )


class Search:
    """One pass through what is known; it stops at the first crew that has to be tried."""

    def __init__(self, plan: Plan, known: Known) -> None:
        self.plan, self.known = plan, known
        self.stages = [station.stage for station in plan.scenarios[0].stations]
        usual = MOST_ORDERS_A_PIECE / max(1.0, plan.scenarios[0].crowd())
        self.blocks = -(-min(plan.most_replications, int(max(LEAST_DAYS, min(usual, MOST_DAYS)))) // BLOCK)
        self.plenty = (MOST_CREW,) * len(self.stages)

    def want(self, crew: Crew, fresh: bool = False) -> Want:
        return Want(crew, self.blocks if fresh else 0, self.blocks)

    def cost(self, crew: Crew) -> float:
        return sum(count * self.plan.costs[stage] for count, stage in zip(crew, self.stages, strict=True))

    def suffices(self, crew: Crew, fresh: bool = False) -> bool:
        want = self.want(crew, fresh)
        if want not in self.known:
            raise Missing([want])
        kept = self.known[want].kept
        return not kept.is_known or kept.value - kept.half_width >= self.plan.keep

    def found(self) -> Found:
        if not self.suffices(self.plenty):
            return Found((), None, (self.plenty,))
        least = self.least()
        waiting = [(self.cost(least), least)]
        seen, failed = {least}, list[Crew]()
        while waiting:
            if len(failed) == MOST_TRIED:
                return Found(least, None, tuple(failed), gave_up=True)
            if self.want(waiting[0][1]) not in self.known:
                soon = (self.want(crew) for _, crew in heapq.nsmallest(AT_ONCE, waiting))
                raise Missing(want for want in soon if want not in self.known)
            _, crew = heapq.heappop(waiting)
            if self.suffices(crew) and self.suffices(crew, fresh=True):
                return self.checked(Found(least, crew, tuple(failed)))
            failed.append(crew)
            for more in self.one_more(crew):
                if more not in seen:
                    seen.add(more)
                    heapq.heappush(waiting, (self.cost(more), more))
        return Found(least, None, tuple(failed))

    def checked(self, found: Found) -> Found:
        """Check that the crew fails with one place fewer at any station; otherwise that crew is the better answer."""
        assert found.best is not None
        fewer = list(one_fewer(found.best))
        missing = [self.want(crew) for crew in fewer if self.want(crew) not in self.known]
        if missing:
            raise Missing(missing)
        for crew in sorted(fewer, key=self.cost):
            if self.suffices(crew) and self.suffices(crew, fresh=True):
                return self.checked(Found(found.least, crew, found.failed))
        others = [crew for crew in fewer if crew not in found.failed]
        return Found(found.least, found.best, (*found.failed, *others))

    def least(self) -> Crew:
        """Return the least capacity of each station on its own, searching all of them side by side."""
        counts, missing = [], list[Want]()
        for index in range(len(self.stages)):
            try:
                counts.append(self.least_at(index))
            except Missing as found:
                missing += found.wants
        if missing:
            raise Missing(missing)
        return tuple(counts)

    def least_at(self, index: int) -> int:
        too_few, enough = 0, MOST_CREW
        while enough - too_few > 1:
            count = (too_few + enough) // 2
            if self.suffices((*self.plenty[:index], count, *self.plenty[index + 1 :])):
                enough = count
            else:
                too_few = count
        return enough

    def one_more(self, crew: Crew) -> Iterator[Crew]:
        for index, count in enumerate(crew):
            if count < MOST_CREW:
                yield (*crew[:index], count + 1, *crew[index + 1 :])


def one_fewer(crew: Crew) -> Iterator[Crew]:
    for index, count in enumerate(crew):
        if count > 1:
            yield (*crew[:index], count - 1, *crew[index + 1 :])


def next_wanted(plan: Plan, known: Known) -> list[Want]:
    try:
        Search(plan, known).found()
    except Missing as missing:
        return missing.wants
    return []


def share_done(plan: Plan, known: Known) -> float:
    """Estimate the progress of a search: usually a bisection for each station, then about a dozen crews."""
    if not next_wanted(plan, known):
        return 1.0
    usual = 1 + len(plan.scenarios[0].stations) * MOST_CREW.bit_length() + 12
    return len(known) / (len(known) + max(2, usual - len(known)))


# The answer


def answer(plan: Plan, known: Known) -> dict[str, Any]:
    search = Search(plan, known)
    base = {
        "question": plan.question,
        "notes": list(plan.notes),
        "replications": search.blocks * BLOCK,
        "seed": plan.seed,
        "keep": plan.keep,
        "promise_minutes": plan.scenarios[0].promise_minutes,
        "costs": plan.costs,
        "ends": list(plan.ends()),
        "stations": [{"stage": row.stage, "name": row.name} for row in plan.scenarios[0].stations],
        "tried": len({want.crew for want in known}),
        "precise": True,
        "method": (
            "For each station the least places that suffice with plenty elsewhere, by bisection; from there on crews"
            " in the order of their cost, until one suffices; with one place fewer at any station that one fails."
            " One more place is assumed never to hurt."
        ),
    }
    try:
        found = search.found()
    except Missing:
        return {**base, "sentence": "", "crews": []}
    runner_up = best_of(search, found.failed) if found.failed else None
    rows = [row_of(search, crew, fails=True) for crew in near(search, found, runner_up)]
    if found.best:
        rows.insert(0, row_of(search, found.best, fails=False))
    return {**base, "sentence": sentence(search, found, runner_up), "crews": rows}


def best_of(search: Search, failed: Iterable[Crew]) -> Crew:
    """Return the runner-up: the crew that came nearest, and among equals the cheaper one."""
    return max(failed, key=lambda crew: (share_of(search, crew), -search.cost(crew)))


def near(search: Search, found: Found, runner_up: Crew | None) -> list[Crew]:
    """List the runner-up first, then the others that came near."""
    others = sorted(found.failed, key=lambda crew: -share_of(search, crew))[:SHOWN]
    return [runner_up, *(crew for crew in others if crew != runner_up)] if runner_up else []


def trial(search: Search, crew: Crew) -> Tried:
    """Return the result on the fresh days, if there is one: the days on which the crew was chosen flatter it."""
    return search.known.get(search.want(crew, fresh=True)) or search.known[search.want(crew)]


def share_of(search: Search, crew: Crew) -> float:
    kept = trial(search, crew).kept
    return kept.value if kept.is_known else 1.0


def row_of(search: Search, crew: Crew, fails: bool) -> dict[str, Any]:
    result = trial(search, crew)
    return {
        "places": dict(zip(search.stages, crew, strict=True)),
        "cost": round(search.cost(crew), 6),
        "kept": result.kept.as_dict(6) if result.kept.is_known else None,
        "mean_minutes": result.mean_minutes.as_dict(6) if result.mean_minutes.is_known else None,
        "wait_minutes": dict(zip(search.stages, (round(wait, 3) for wait in result.wait_minutes), strict=True)),
        "does": not fails,
    }


def sentence(search: Search, found: Found, runner_up: Crew | None) -> str:
    plan, asked = search.plan, f"{100 * search.plan.keep:g} % of promises"
    if found.best is None:
        reached = f"{100 * share_of(search, runner_up):.1f} %" if runner_up else "nothing"
        if found.gave_up:
            return f"No answer after {MOST_TRIED} crews: the best of them keeps {reached}, not {asked}."
        return (
            f"No crew keeps {asked} within {plan.scenarios[0].promise_minutes:g} minutes: even {MOST_CREW} places"
            f" everywhere keep {reached}. {why_none(search, runner_up) if runner_up else ''}"
        )
    kept = trial(search, found.best).kept
    if not kept.is_known:
        return f"No orders come, so the smallest crew suffices: {words(search, found.best)}."
    text = (
        f"{words(search, found.best)} cost {search.cost(found.best):g} and keep {percent(kept)} of promises of"
        f" {plan.scenarios[0].promise_minutes:g} minutes."
    )
    return text if runner_up is None else f"{text} {why(search, found.best, runner_up)}"


def why_none(search: Search, most: Crew) -> str:
    """Say why even the most places don't suffice, and what could be promised instead."""
    result = trial(search, most)
    at = int(np.argmax(result.wait_minutes))
    if result.wait_minutes[at] >= 1:
        station = search.plan.scenarios[0].stations[at]
        return (
            f"{station.things().capitalize()} wait {result.wait_minutes[at]:.1f} minutes for a place at"
            f" “{station.name}”, and more are not tried."
        )
    instead = math.ceil(result.within_minutes) if result.kept.is_known else 0
    return f"The work itself takes too long: to keep that many, promise about {instead} minutes."


def why(search: Search, best: Crew, runner_up: Crew) -> str:
    """Say why the runner-up fails, in figures."""
    result, better = trial(search, runner_up), trial(search, best)
    longer = np.array(result.wait_minutes) - np.array(better.wait_minutes)
    at = int(longer.argmax())
    station = search.plan.scenarios[0].stations[at]
    kept = percent(result.kept) if result.kept.is_known else "all"
    text = (
        f"The runner-up, {words(search, runner_up)}, costs {search.cost(runner_up):g} and keeps {kept}:"
        f" {station.things()} wait {result.wait_minutes[at]:.1f} minutes for a place at “{station.name}” instead of"
        f" {better.wait_minutes[at]:.1f}."
    )
    if result.kept.is_known and result.kept.value >= search.plan.keep:
        text += " That might be enough, but it can't be told from too little."
    return text


def words(search: Search, crew: Crew) -> str:
    """Describe a crew: Make line 3, Oven 6."""
    stations = search.plan.scenarios[0].stations
    return ", ".join(f"{station.name} {count}" for station, count in zip(stations, crew, strict=True))


def percent(estimate: Estimate) -> str:
    return f"{100 * estimate.value:.1f} ± {100 * estimate.half_width:.1f} %"
