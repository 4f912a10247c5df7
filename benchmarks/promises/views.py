"""What the shop knows at a moment: where each pizza is, and for how long its work has gone on."""

from collections.abc import Iterator

import numpy as np

from benchmarks.promises.days import Day, Ids
from benchmarks.promises.shops import Shop
from simulation.lookahead import ItemStanding, Standing, State


def state_at(shop: Shop, day: Day, order: int, label: str) -> State:
    """Return what the shop knows when an order comes, which is the last in the state."""
    now = float(day.arrivals[order])
    inside = np.flatnonzero(day.fulfilled[:order] > now)
    waiting = sorted(came_and_waits(shop, day, inside, now))
    turns = {pizza: turn for turn, (*_, pizza) in enumerate(waiting)}
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
        standing.append((not day.rushed[other], came, other, row))
    own = (ItemStanding(0, None, turn=len(turns)),) * int(day.pizzas[order])
    newcomer = Standing(f"{label}:{order}", 0, None, len(own), shop.route(day.ways[order]), own)
    return State(shop.stations, (*(row for *_, row in sorted(standing, key=lambda row: row[:3])), newcomer), 1.0, True)


def came_and_waits(shop: Shop, day: Day, orders: Ids, now: float) -> Iterator[tuple[bool, float, int]]:
    """Yield of each pizza of these orders that is in a line its turn: not rushed, when it came there, which it is."""
    for order in orders:
        for pizza in range(day.firsts[order], day.firsts[order + 1]):
            came = float(day.arrivals[order])
            for place in range(shop.item_stations):
                if came <= now < day.starts[place][pizza]:
                    yield not day.rushed[order], came, pizza
                came = float(day.ends[place][pizza])


def pizza_at(shop: Shop, day: Day, pizza: int, now: float, turn: int) -> ItemStanding:
    place = next((number for number in range(shop.item_stations) if day.ends[number][pizza] > now), None)
    if place is None:
        return ItemStanding(0, None, is_done=True)
    return ItemStanding(place, since(day.starts[place][pizza], now), turn=turn)


def since(start: float, now: float) -> float | None:
    return float(now - start) if start <= now else None
