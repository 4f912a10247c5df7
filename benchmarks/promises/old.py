"""Measure how often promises are kept: `python -m benchmarks.promises`. Reproducible; the seeds are in this file.

On simulated days with rush hours, every order gets a promise from what is known at that moment, by the shop's own code
(simulation.lookahead, simulation.calibration), and beside it by the rules that others use. The rules learn from
separate days; the days that count are new to them. A promise is about the moment at the door, or about when an order
is ready to collect.

The true kitchen is a loop of a few lines that knows nothing of the shop's own simulator (`first_come`).
"""

import heapq
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from simulation import calibration
from simulation.calibration import Interval
from simulation.lookahead import ItemStanding, ServiceTime, Standing, State, Workplace, look_ahead_last
from simulation.spec import ITEM, ORDER

SEED = 20261120
HOUR_SECONDS = 3600.0
# A day's orders, in per cent, by the hour from 11 to 22; and how many pizzas they have, as in kitchen.demand.
SHARES = (5.8, 11.8, 11.5, 6.9, 6.9, 9.0, 10.9, 11.2, 9.4, 7.7, 5.6, 3.1)
PIZZAS, PIZZA_SHARES = (1, 2, 3, 4, 5), (0.38, 0.29, 0.15, 0.15, 0.03)
LEARNING_DAYS, HELD_OUT = 14, 2_000  # days for the rules of others; the least orders that count
DRIFT, DRIFT_ORDERS, SETTLING = 1.15, 2_500, 500
LEARN_EVERY = 10  # orders
# The bars: per cent kept, of all and in each third by load, and again once the correction has had SETTLING orders.
OVERALL, EACH_THIRD, AFTER_DRIFT = (88.0, 92.0), (85.0, 95.0), 87.0

AT_THE_DOOR, TO_COLLECT = "at the door", "to collect"
DRIVERS = 3  # the station that orders to collect pass by

Array = NDArray[np.float64]
Ids = NDArray[np.intp]


@dataclass(frozen=True)
class Shop:
    name: str
    stations: tuple[Workplace, ...]  # those of pizzas first
    orders_a_day: float
    widest_minutes: float  # the bar for the mean width
    to_collect: float = 0.0  # the share of the orders

    @cached_property
    def item_stations(self) -> int:
        return sum(place.unit == ITEM for place in self.stations)

    def route(self, way: str) -> tuple[int, ...]:
        return tuple(number for number in range(len(self.stations)) if way == AT_THE_DOOR or number != DRIVERS)


def station(name: str, unit: str, capacity: int, distribution: str, mean: float, cv: float = 0.0) -> Workplace:
    return Workplace(name, capacity, True, ServiceTime(distribution, mean, cv * mean, False), unit)


BENCH = station("Cutting bench", ORDER, 1, "lognormal", 40, 0.3)
DELIVERY = (
    station("Make line", ITEM, 2, "lognormal", 120, 0.4),
    station("Oven", ITEM, 6, "fixed", 450),
    BENCH,
    station("Drivers", ORDER, 8, "lognormal", 1200, 0.35),
)
WITH_DRIVERS = Shop("with drivers", DELIVERY, orders_a_day=170, widest_minutes=25.0)
PICK_UP = Shop(
    "pick-up",
    (station("Make line", ITEM, 1, "lognormal", 75, 0.4), station("Oven", ITEM, 7, "fixed", 450), BENCH),
    orders_a_day=165,
    widest_minutes=4.3,
    to_collect=1.0,
)
BOTH_WAYS = Shop("with both ways", DELIVERY, orders_a_day=170, widest_minutes=25.0, to_collect=0.5)


@dataclass
class Day:
    """A day's history. Seconds since opening."""

    arrivals: Array
    pizzas: Ids
    ways: list[str]
    # For each station, of pizzas at those of pizzas. An order that passes a station by starts and ends there at once.
    starts: list[Array]
    ends: list[Array]
    joined: Array  # when an order's last pizza was out of the oven

    @cached_property
    def firsts(self) -> Ids:
        """The first pizza of each order, in the row of all pizzas; behind the last, how many there are."""
        return np.concatenate([[0], np.cumsum(self.pizzas)])

    @property
    def fulfilled(self) -> Array:
        """When each order was at the door, or ready to collect."""
        return self.ends[-1]


def live_day(shop: Shop, seed: int, number: int, slower: float = 1.0) -> Day:
    """Simulate a day of the true kitchen, in which all work takes `slower` times as long as the shop believes."""
    random = np.random.default_rng([seed, number])
    arrivals = np.concatenate(
        [
            np.sort(hour + random.random(random.poisson(shop.orders_a_day * share / sum(SHARES)))) * HOUR_SECONDS
            for hour, share in enumerate(SHARES)
        ]
    )
    pizzas = random.choice(PIZZAS, size=arrivals.size, p=PIZZA_SHARES).astype(np.intp)
    collect = random.random(arrivals.size) < shop.to_collect
    ways = [TO_COLLECT if it_is else AT_THE_DOOR for it_is in collect]
    day = Day(arrivals, pizzas, ways, [], [], arrivals)
    came = np.repeat(arrivals, pizzas)
    for place, station in enumerate(shop.stations):
        if place == shop.item_stations:
            came = day.joined = np.maximum.reduceat(came, day.firsts[:-1])
        services = slower * station.service.drawn.many(random, came.shape)
        visits = ~collect if place == DRIVERS else np.ones(came.size, dtype=bool)
        starts, ends = came.copy(), came.copy()
        starts[visits] = first_come(came[visits], services[visits], station.capacity)
        ends[visits] = starts[visits] + services[visits]
        day.starts.append(starts)
        day.ends.append(ends)
        came = ends
    return day


def first_come(came: Array, services: Array, capacity: int) -> Array:
    """Return when each begins: first come, first served; of equals, the first in the row."""
    starts, free_at = np.empty_like(came), [0.0] * capacity
    for index in np.argsort(came, kind="stable"):
        starts[index] = max(came[index], free_at[0])
        heapq.heapreplace(free_at, starts[index] + services[index])
    return starts


def state_at(shop: Shop, day: Day, order: int, label: str) -> State:
    """Return what the shop knows when an order comes: where each pizza is, and for how long its work has gone on."""
    now = float(day.arrivals[order])
    inside = np.flatnonzero(day.fulfilled[:order] > now)
    waiting = sorted(came_and_waits(shop, day, inside, now))
    turns = {pizza: turn for turn, (_, pizza) in enumerate(waiting)}
    standing = []
    for other in inside:
        came, place, elapsed = float(day.arrivals[other]), 0, None
        items: tuple[ItemStanding, ...] = ()
        if day.joined[other] > now:
            pizzas = range(day.firsts[other], day.firsts[other + 1])
            items = tuple(pizza_at(shop, day, pizza, now, turns.get(pizza, 0)) for pizza in pizzas)
        else:
            places = range(shop.item_stations, len(shop.stations))
            place = next(number for number in places if day.ends[number][other] > now)
            came = float(day.joined[other] if place == shop.item_stations else day.ends[place - 1][other])
            elapsed = since(day.starts[place][other], now)
        row = Standing(f"{label}:{other}", place, elapsed, int(day.pizzas[other]), shop.route(day.ways[other]), items)
        standing.append((came, other, row))
    own = (ItemStanding(0, None, turn=len(turns)),) * int(day.pizzas[order])
    newcomer = Standing(f"{label}:{order}", 0, None, len(own), shop.route(day.ways[order]), own)
    return State(shop.stations, (*(row for *_, row in sorted(standing, key=lambda row: row[:2])), newcomer), 1.0, True)


def came_and_waits(shop: Shop, day: Day, orders: Ids, now: float) -> Iterator[tuple[float, int]]:
    """Yield when each pizza of these orders that is in a line came there, and which it is."""
    for order in orders:
        for pizza in range(day.firsts[order], day.firsts[order + 1]):
            came = float(day.arrivals[order])
            for place in range(shop.item_stations):
                if came <= now < day.starts[place][pizza]:
                    yield came, pizza
                came = float(day.ends[place][pizza])


def pizza_at(shop: Shop, day: Day, pizza: int, now: float, turn: int) -> ItemStanding:
    place = next((number for number in range(shop.item_stations) if day.ends[number][pizza] > now), None)
    if place is None:
        return ItemStanding(0, None, is_done=True)
    return ItemStanding(place, since(day.starts[place][pizza], now), turn=turn)


def since(start: float, now: float) -> float | None:
    return float(now - start) if start <= now else None


@dataclass(frozen=True)
class Case:
    """One order: the model's interval, the orders in the kitchen, when it was promised and how long it took."""

    model: Interval
    open_orders: int
    at: float  # over all days
    seconds: float
    way: str


def cases(shop: Shop, seed: int, number: int, first_day: int = 0, slower: float = 1.0) -> list[Case]:
    """Return at least `number` orders, in whole days."""
    found: list[Case] = []
    day_number = first_day
    while len(found) < number:
        day = live_day(shop, seed, day_number, slower)
        for order in range(day.arrivals.size):
            state = state_at(shop, day, order, f"{seed}:{day_number}")
            model = look_ahead_last(state)
            assert model is not None
            came, there = float(day.arrivals[order]), float(day.fulfilled[order])
            opened = day_number * 24 * HOUR_SECONDS
            found.append(Case(model, len(state.orders) - 1, opened + came, there - came, day.ways[order]))
        day_number += 1
    return found


@dataclass(frozen=True)
class Score:
    """A rule's results for each order: whether it was kept, how wide it was, how many were in the kitchen, its way."""

    kept: Array
    widths: Array
    loads: Array
    ways: NDArray[np.str_]

    @property
    def percent(self) -> float:
        return 100 * float(self.kept.mean())

    @property
    def width_minutes(self) -> float:
        return float(self.widths.mean()) / 60

    def thirds(self) -> list[float]:
        """Return per cent kept when calm, busy, in the rush: thirds of the orders, by how many were in the kitchen."""
        ranked = self.kept[np.argsort(self.loads, kind="stable")]
        return [100 * float(third.mean()) for third in np.array_split(ranked, 3)]

    def after(self, orders: int) -> "Score":
        return self.only(np.arange(orders, self.kept.size))

    def by_way(self) -> "dict[str, Score]":
        return {way: self.only(np.flatnonzero(self.ways == way)) for way in sorted(set(self.ways.tolist()))}

    def only(self, orders: Ids) -> "Score":
        return Score(self.kept[orders], self.widths[orders], self.loads[orders], self.ways[orders])


def score(orders: Sequence[Case], intervals: Sequence[Interval]) -> Score:
    lows, highs = (np.array([interval[end] for interval in intervals]) for end in (0, 2))
    seconds = np.array([order.seconds for order in orders])
    kept = ((lows <= seconds) & (seconds <= highs)).astype(float)
    loads = np.array([float(order.open_orders) for order in orders])
    return Score(kept, highs - lows, loads, np.array([order.way for order in orders]))


def ours(earlier: Sequence[Case], orders: Sequence[Case]) -> list[Interval]:
    """Promise as the shop does: the model, corrected by the newest outcomes of that way that were known by then."""
    waiting = sorted([*earlier, *orders], key=lambda case: case.at + case.seconds, reverse=True)
    known: dict[str, list[Case]] = {AT_THE_DOOR: [], TO_COLLECT: []}
    learned, intervals = dict.fromkeys(known, calibration.NONE), []
    for number, order in enumerate(orders):
        while waiting and waiting[-1].at + waiting[-1].seconds <= order.at:
            known[waiting[-1].way].append(waiting.pop())
        if number % LEARN_EVERY == 0:
            for way, those in known.items():
                newest = those[-calibration.WINDOW :]
                learned[way] = calibration.learn([(case.model, case.seconds) for case in newest])
        intervals.append(learned[order.way].apply(order.model))
    return intervals


# The rules of others, each with what it learns from separate days


Rule = Callable[[Sequence[Case]], Callable[[Case], Interval]]


def constant(history: Sequence[Case]) -> Callable[[Case], Interval]:
    """Promise everybody the same: what nine of ten earlier orders took."""
    low, median, high = np.quantile([case.seconds for case in history], (0.05, 0.5, 0.95))
    return lambda case: (low, median, high)


def five_minutes(history: Sequence[Case]) -> Callable[[Case], Interval]:
    """Promise "25 to 30 minutes": the five minutes that most of the earlier orders took."""
    seconds = np.sort([case.seconds for case in history])
    inside = np.searchsorted(seconds, seconds + 300, side="right") - np.arange(seconds.size)
    low = float(seconds[int(inside.argmax())])
    return lambda case: (low, low + 150, low + 300)


def queue_length(history: Sequence[Case]) -> Callable[[Case], Interval]:
    """Promise a time for each order in the kitchen: linear regression, and nine tenths of its residuals."""
    loads = np.array([case.open_orders for case in history], dtype=float)
    seconds = np.array([case.seconds for case in history])
    slope, base = np.polyfit(loads, seconds, 1)
    low, median, high = np.quantile(seconds - slope * loads - base, (0.05, 0.5, 0.95))

    def rule(case: Case) -> Interval:
        middle = base + slope * case.open_orders
        return max(0.0, middle + low), middle + median, middle + high

    return rule


RULES = {"constant interval": constant, "x to x + 5 minutes": five_minutes, "queue length": queue_length}


def for_each_way(rule: Rule, history: Sequence[Case]) -> Callable[[Case], Interval]:
    """Let a rule learn each way by itself."""
    ways = {case.way for case in history}
    learned = {way: rule([case for case in history if case.way == way]) for way in ways}
    return lambda case: learned[case.way](case)


@dataclass
class Result:
    shop: Shop
    scores: dict[str, Score] = field(default_factory=dict)
    drifted: dict[str, Score] = field(default_factory=dict)  # all work suddenly takes longer

    def misses(self) -> list[str]:
        """Say which bars are not met."""
        ours = self.scores["ours"]
        found = []
        if not OVERALL[0] <= ours.percent <= OVERALL[1]:
            found.append(f"{ours.percent:.1f} % kept")
        if not all(EACH_THIRD[0] <= third <= EACH_THIRD[1] for third in ours.thirds()):
            found.append("a third by load is outside")
        if not all(EACH_THIRD[0] <= way.percent <= EACH_THIRD[1] for way in ours.by_way().values()):
            found.append("one of the ways is outside")
        if ours.width_minutes > self.shop.widest_minutes:
            found.append(f"{ours.width_minutes:.1f} min wide")
        if self.drifted and self.drifted["ours"].after(SETTLING).percent <= AFTER_DRIFT:
            found.append(f"{self.drifted['ours'].after(SETTLING).percent:.1f} % kept after the drift")
        return found


def measure(
    shop: Shop,
    held_out: int = HELD_OUT,
    drift_orders: int = DRIFT_ORDERS,
    learning_days: int = LEARNING_DAYS,
    seed: int = SEED,
) -> Result:
    """Simulate learning days, the days that count, then days on which everything takes longer without notice."""
    history = cases(shop, seed, round(learning_days * shop.orders_a_day))
    held = cases(shop, seed + 1, held_out)
    later = [
        replace(case, at=case.at + held[-1].at + 24 * HOUR_SECONDS)
        for case in (cases(shop, seed + 2, drift_orders, slower=DRIFT) if drift_orders else [])
    ]
    before = [replace(case, at=case.at - history[-1].at - 24 * HOUR_SECONDS) for case in history]
    result = Result(shop)
    for orders, past, scores in ((held, before, result.scores), (later, held, result.drifted)):
        if not orders:
            continue
        scores["ours"] = score(orders, ours(past, orders))
        scores["ours, uncorrected"] = score(orders, [order.model for order in orders])
        for name, rule in RULES.items():
            scores[name] = score(orders, [*map(for_each_way(rule, history), orders)])
    return result


def table(result: Result) -> Table:
    shown = Table("Rule", title=f"The shop {result.shop.name}, {len(result.scores['ours'].kept)} orders")
    for column in ("kept %", "calm", "busy", "rush", "width, min", "drift: first 500", "later", "width, min"):
        shown.add_column(column, justify="right")
    for name, scored in result.scores.items():
        shown.add_row(name, *figures(scored, result.drifted[name]))
        ways = scored.by_way() if len(scored.by_way()) > 1 else {}
        for way, part in ways.items():
            shown.add_row(f"  {way}", *figures(part, result.drifted[name].by_way()[way]))
    return shown


def figures(scored: Score, later: Score) -> list[str]:
    first, rest = 100 * later.kept[:SETTLING].mean(), later.after(SETTLING)
    numbers = [scored.percent, *scored.thirds(), scored.width_minutes, first, rest.percent, rest.width_minutes]
    return [f"{number:.1f}" for number in numbers]


def main() -> None:
    console = Console(highlight=False)
    missed = []
    for shop in (WITH_DRIVERS, PICK_UP, BOTH_WAYS):
        result = measure(shop)
        console.print(table(result))
        missed += [f"{shop.name}: {sentence}" for sentence in result.misses()]
    console.print("\n".join(missed) or "All bars are met.")
    sys.exit(bool(missed))


if __name__ == "__main__":
    main()
