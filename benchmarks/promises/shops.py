"""The shops, as they believe to be, and the worlds in which they are."""

from dataclasses import dataclass
from functools import cached_property

from simulation.lookahead import ServiceTime, Workplace
from simulation.spec import ITEM, ORDER

HOUR_SECONDS = 3600.0
DAY_SECONDS = 24 * HOUR_SECONDS
# A day's orders, in per cent, by the hour from 11 to 22; and how many pizzas they have, as in kitchen.demand.
SHARES = (5.8, 11.8, 11.5, 6.9, 6.9, 9.0, 10.9, 11.2, 9.4, 7.7, 5.6, 3.1)
PIZZAS, PIZZA_SHARES = (1, 2, 3, 4, 5), (0.38, 0.29, 0.15, 0.15, 0.03)

AT_THE_DOOR, TO_COLLECT = "at the door", "to collect"
MAKE_LINE, OVEN, BENCH, DRIVERS = range(4)  # the stations; orders to collect pass by the last


@dataclass(frozen=True)
class Shop:
    name: str
    stations: tuple[Workplace, ...]  # those of pizzas first
    orders_a_day: float
    widest_minutes: float  # the bar for the mean width, where the distributions are right
    to_collect: float = 0.0  # the share of the orders

    @cached_property
    def item_stations(self) -> int:
        return sum(place.unit == ITEM for place in self.stations)

    def route(self, way: str) -> tuple[int, ...]:
        return tuple(number for number in range(len(self.stations)) if way == AT_THE_DOOR or number != DRIVERS)


def station(name: str, unit: str, capacity: int, distribution: str, mean: float, cv: float = 0.0) -> Workplace:
    return Workplace(name, capacity, True, ServiceTime(distribution, mean, cv * mean, False), unit)


CUTTING = station("Cutting bench", ORDER, 1, "lognormal", 40, 0.3)
DELIVERY = (
    station("Make line", ITEM, 2, "lognormal", 120, 0.4),
    station("Oven", ITEM, 6, "fixed", 450),
    CUTTING,
    station("Drivers", ORDER, 8, "lognormal", 1200, 0.35),
)
WITH_DRIVERS = Shop("with drivers", DELIVERY, orders_a_day=170, widest_minutes=25.0)
PICK_UP = Shop(
    "pick-up",
    (station("Make line", ITEM, 1, "lognormal", 75, 0.4), station("Oven", ITEM, 7, "fixed", 450), CUTTING),
    orders_a_day=165,
    widest_minutes=4.3,
    to_collect=1.0,
)
BOTH_WAYS = Shop("with both ways", DELIVERY, orders_a_day=170, widest_minutes=25.0, to_collect=0.5)


@dataclass(frozen=True)
class World:
    """What the shops are not told. Work by hand is that at the make line and the cutting bench."""

    name: str
    kinds: tuple[tuple[float, float], ...] = ()  # of pizzas: (share, how many times as long they take to make)
    difficulty_cv: float = 0.0  # of a factor that all work by hand on an order has in common
    ways_longer: float = 1.0  # how many times as long the drivers take
    weather_cv: float = 0.0  # of a factor that all ways of the drivers on a day have in common
    rush_slower: float = 1.0  # how many times as long work by hand takes on orders of the busiest hours
    outages: float = 0.0  # the share of the days on which half an oven stands still for half an hour
    cancelled: float = 0.0  # the share of the orders
    rushed: float = 0.0


RIGHT = World("right laws")
KINDS = World("two kinds of pizzas", kinds=((0.6, 0.7), (0.4, 1.15)), difficulty_cv=0.3, ways_longer=1.12)
TROUBLE = World(
    "two kinds, weather, rush and trouble",
    kinds=KINDS.kinds,
    difficulty_cv=KINDS.difficulty_cv,
    ways_longer=KINDS.ways_longer,
    weather_cv=0.15,
    rush_slower=1.1,
    outages=1 / 3,
    cancelled=0.03,
    rushed=0.03,
)
WORLDS = (RIGHT, KINDS, TROUBLE)
