"""Warnings about a plan that can be simulated anyway: no orders, a gap in the day, too few places."""

from collections.abc import Iterator
from itertools import pairwise

from kitchen.planner.scenarios import CREW, ITEM, NOW, THINGS, Plan, Scenario, StationPlan, capacity_at, clock
from kitchen.planner.specs import spec_of
from simulation.notes import of_state

Piece = tuple[float, float, float]  # from, to, orders an hour


def of(plan: Plan) -> Iterator[str]:
    """List the warnings of the shop as it is, and those that differ in a scenario."""
    known = list(warnings_of(plan.scenarios[0], plan))
    for scenario in plan.scenarios:
        found = list(warnings_of(scenario, plan))
        if scenario is plan.scenarios[0]:
            yield from found
        else:
            yield from (f"{scenario.name}: {sentence}" for sentence in found if sentence not in known)


def warnings_of(scenario: Scenario, plan: Plan) -> Iterator[str]:
    yield from of_state(spec_of(plan, scenario), [station.name for station in scenario.stations], THINGS[ITEM])
    yield from about_demand(scenario, plan.question)


def about_demand(scenario: Scenario, question: str) -> Iterator[str]:
    pieces = scenario.rates()
    if not any(rate for *_, rate in pieces):
        if pieces:
            yield "No orders come: with a demand of 0 there is nothing to wait for."
        return
    yield from holes(pieces)
    rates = scenario.demand.per_hour
    lost = sum(rates) - scenario.orders()
    if question != NOW and min(rates) < max(rates) and lost > 0.005 * sum(rates):
        yield f"{lost:.0f} orders of the day would come while the shop is closed; they are left out."
    if question != CREW:  # whose capacities are searched for
        for station in scenario.stations:
            yield from overload(scenario, station, pieces)


def holes(pieces: list[Piece]) -> Iterator[str]:
    """Yield the hours between others in which no orders come."""
    empty = [(begin, end) for begin, end, rate in pieces if not rate]
    joined: list[tuple[float, float]] = []
    for begin, end in empty:
        if joined and joined[-1][1] == begin:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((begin, end))
    for begin, end in joined:
        yield f"No orders come from {clock(begin)} to {clock(end)}, according to the demand."


def overload(scenario: Scenario, station: StationPlan, pieces: list[Piece]) -> Iterator[str]:
    """Warn of more work than capacity in the worst stretch of the day."""
    each = scenario.work_seconds(station) / 3600  # hours of a place
    visitors = scenario.visitors(station)  # of one order
    stretches: list[list[tuple[float, Piece]]] = []
    end_before = None
    for begin, end, orders in split_at([hour for hour, _ in station.changes], pieces):
        rate = orders * visitors
        over = rate * each - capacity_at(station, begin)
        if over > 1e-9:
            if end_before != begin:
                stretches.append([])
            stretches[-1].append((over, (begin, end, rate)))
            end_before = end
    if not stretches:
        return
    stretch = max(stretches, key=max)
    over, (begin, _, rate) = max(stretch, key=lambda item: item[0])
    first, last = stretch[0][1][0], stretch[-1][1][1]
    what = station.things()
    ends = "Only closing ends that." if last == pieces[-1][1] else "Then it shrinks again."
    yield (
        f"{station.name} has more work than places from {clock(first)} to {clock(last)}: at worst {rate:.3g} {what} an"
        f" hour are work for {rate * each:.1f} places, and it has {capacity_at(station, begin)}, so that its line"
        f" grows by {over / each:.1f} {what} an hour. {ends}"
    )


def split_at(hours: list[float], pieces: list[Piece]) -> Iterator[Piece]:
    """Split the pieces of the day at each of these hours."""
    for begin, end, rate in pieces:
        inside = sorted({hour for hour in hours if begin < hour < end})
        for since, until in pairwise([begin, *inside, end]):
            yield since, until, rate
