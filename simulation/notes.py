"""Warnings about the figures: too much work, too short a run, an impossible initial state.

The long run. A line forgets how it began over about (1 + cv²) / (1 - load)² services, its relaxation time (Whitt,
"Planning queueing simulations", 1989). Measured with M/M/1, M/D/1 and M/M/5 at loads of 0.8 and 0.9: a 95 % interval
covers at least about 90 % if a single run has LONE relaxation times, or if each replication has EACH of them and began
empty no less than WARM before, or is so long that beginning empty does not show beside its half-width.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from simulation.distributions import Distribution, Fixed
from simulation.reader import MAX_ORDERS
from simulation.spec import Conveyor, Present, Rate, Spec, StateItem, Station, Times

LONE, EACH, WARM, FROM_EMPTY = 200, 20, 3, 4
USUAL_WARMUP = 0.2


def before(spec: Spec) -> Iterator[str]:
    """Yield the warnings that need no run."""
    yield from overloads(spec)
    yield from of_state(spec)
    yield from short_runs(spec)


# More work than the capacity


def overloads(spec: Spec) -> Iterator[str]:
    arrivals = spec.arrivals
    if not isinstance(arrivals, Rate):
        return
    for number, station in enumerate(spec.stations):
        load = spec.peak_load(number)
        when = " at the peak" if len(arrivals.per_hour) > 1 or station.changes else ""
        what = f"gets {load:.2f} times the work that its places can do{when}"
        if math.isinf(load):
            what = "has no place for a while in which orders come"
        if load >= 1:
            yield f"stations[{number}] {what}: its line grows for as long as that lasts."


# The initial state


def of_state(spec: Spec, names: Sequence[str] = (), item: str = "item") -> Iterator[str]:
    """Yield what is odd about the orders of the state; `names` are the stations', which otherwise have numbers."""
    for number, station in enumerate(spec.stations):
        name = names[number] if names else f"stations[{number}]"
        unit = item if station.works_on_items else "order"
        there = zip(spec.ranks_in_state(number).tolist(), spec.standing_for(number), strict=True)
        working = [(rank, one) for rank, one in there if one.station == number and one.elapsed_seconds is not None]
        yield from crowded(name, len(working), _room(station, spec.opening_seconds), unit)
        over = [one.elapsed_seconds or 0 for rank, one in working if _is_over(station, rank, one)]
        yield from overdue(name, over, unit)


def crowded(name: str, working: int, room: int | None, unit: str = "order") -> Iterator[str]:
    """Warn of more at work than a station has room for."""
    if room is not None and working > room:
        yield (
            f"{name} begins with {_counted(working, unit)} at work, and there is room for {room}: no other begins"
            " there until fewer are at work."
        )


def overdue(name: str, elapsed_seconds: list[float], unit: str = "order") -> Iterator[str]:
    """Warn of work that has gone on for longer than its distribution allows."""
    if elapsed_seconds:
        yield (
            f"{name} begins with {_counted(len(elapsed_seconds), unit)} whose work has gone on for up to"
            f" {max(elapsed_seconds):g} s, longer than its service time can be: that work is taken to end at once."
        )


def _counted(count: int, unit: str) -> str:
    return f"{count} {unit}{'' if count == 1 else 's'}"


def _room(station: Station, opening_seconds: float) -> int | None:
    """Return how many can be at work: on a conveyor, as many as are loaded while the first is on it."""
    service = station.service
    if not isinstance(service, Conveyor):
        return station.capacity_at(opening_seconds)
    return math.floor(service.delay_seconds / service.headway_seconds) + 1 if service.headway_seconds else None


def _is_over(station: Station, rank: int, one: Present | StateItem) -> bool:
    """True if no work can be left of such an order or item; `rank` is its place among those of the state."""
    service, elapsed = station.service, one.elapsed_seconds or 0.0
    if isinstance(service, Conveyor):
        return can_not_last(Fixed(service.delay_seconds), elapsed)
    if isinstance(service, Times):
        return can_not_last(Fixed(service.seconds[rank]), elapsed)
    return can_not_last(service, elapsed / int(station.pieces([one])[0]))


def can_not_last(distribution: Distribution, elapsed_seconds: float) -> bool:
    """True if the distribution has no longer times; its largest value is possible, up to rounding."""
    left = distribution.remaining(np.random.default_rng(0), np.array([elapsed_seconds * (1 - 1e-9)]), 1)
    return not left.any()


# A run that is short for the long run


@dataclass(frozen=True)
class Slowest:
    """The station with the longest relaxation time."""

    number: int
    load: float
    services: float  # its relaxation time, in orders


def slowest(spec: Spec) -> Slowest | None:
    """Return the slowest station; None for a limited stretch of time: a day until closing, or what follows a state."""
    arrivals = spec.arrivals
    if not isinstance(arrivals, Rate) or len(arrivals.per_hour) > 1 or spec.closing_seconds < math.inf:
        return None
    if spec.state and not spec.warmup:
        return None
    found = []
    for number, station in enumerate(spec.stations):
        load = spec.peak_load(number)
        if 0 < load < 1 and not station.changes:
            services = (1 + _squared_cv(spec, station)) / (1 - load) ** 2
            found.append(Slowest(number, load, round(services / spec.share_of(number), 6)))
    return max(found, key=lambda row: row.services, default=None)


def _squared_cv(spec: Spec, station: Station) -> float:
    """Return the cv² of the work on an order, which can be a sum over its pizzas or items."""
    service = station.service
    if isinstance(service, Conveyor):
        variance, mean = 0.0, service.headway_seconds
    elif isinstance(service, Times):
        variance, mean = float(np.var(service.seconds)), float(np.mean(service.seconds))
    else:
        variance, mean = service.variance, service.mean
    of_one = variance / mean**2 if mean else 0.0
    if not (station.per_pizza or station.works_on_items):
        return of_one
    weights = sum(weight for _, weight in spec.pizzas)
    squares = sum(pizzas**2 * weight for pizzas, weight in spec.pizzas) / weights
    return of_one / spec.mean_pizzas + squares / spec.mean_pizzas**2 - 1


def short_runs(spec: Spec) -> Iterator[str]:
    station = slowest(spec)
    if station is None or spec.orders is None:
        return
    counted = spec.orders * (1 - spec.warmup)
    if counted >= _needed(station.services, spec.replications, spec.warmup, spec.orders):
        return
    what = "One run" if spec.replications == 1 else "Each replication"
    yield (
        f"{what} of {spec.orders:,} orders is short for the long run: with a load of {station.load:.3g}, stations"
        f"[{station.number}] needs about {math.ceil(station.services):,} orders to forget how it began, so the figures"
        f" can be further off than their intervals say. {_enough(station.services, spec.replications, spec.warmup)}"
    )


def _needed(services: float, replications: int, warmup: float, orders: float) -> float:
    """Return how many orders of a run have to be counted."""
    if replications == 1:
        return LONE * services
    if warmup * orders >= WARM * services:
        return EACH * services
    return max(EACH, FROM_EMPTY * replications) * services


def _enough(services: float, replications: int, warmup: float) -> str:
    if replications == 1:
        orders, words = LONE * services / (1 - warmup), "in one run"
    else:
        share = max(warmup, USUAL_WARMUP)
        orders, words = max(EACH / (1 - share), WARM / share) * services, f"each with a warm-up of {share:g}"
    if orders > MAX_ORDERS:
        return f"No run of up to {MAX_ORDERS:,} orders is long enough."
    return f"Ask for at least {_rounded_up(orders):,} orders {words}."


def _rounded_up(number: float) -> int:
    """Round up to two digits."""
    unit = int(10 ** max(math.floor(math.log10(number)) - 1, 0))
    return math.ceil(number / unit - 1e-9) * unit
