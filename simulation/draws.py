"""The random numbers of a run: one layout of streams for all simulations.

Order n of replication r has the same draws at each station, whatever the capacities are, however the work is cut into
chunks and shares, and however many orders come after it. These common random numbers make scenarios differ by what
was changed, and little else.

A stream is one source of chance: the arrivals, the pizzas (an order's items), the routes, a station's service times,
and what is left of the work in hand at the start. At a station of items each item has a draw, as each pizza has where
an order's service time is the sum over its pizzas.

Replications are drawn in blocks, from one generator for each block and stream (one for each replication would cost
more than the simulation). Blocks grow from 1 to BLOCK, so that a single run draws for itself alone. Within a block
draws go order by order, each for all of its replications.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulation.distributions import Distribution, Fixed, remaining_of_sum
from simulation.engine import Array, Ids, take
from simulation.packing import Packing
from simulation.spec import HOUR, Conveyor, Rate, Spec, Station, Times

BLOCK = 50  # replications

# The number of a stream; the last three with that of their station
ARRIVALS, PIZZAS, ROUTES = 0, 900, 901
SERVICES, PRESENT, REMAINING = 1, 1001, 2001


class Block(NamedTuple):
    begin: int
    end: int


def block_of(replication: int) -> Block:
    """Return the block of a replication. Blocks are 0, 1, 2 to 3, 4 to 7, ... 32 to 49, 50 to 99, and so on."""
    if replication >= BLOCK:
        begin = replication // BLOCK * BLOCK
        return Block(begin, begin + BLOCK)
    begin = 1 << replication.bit_length() >> 1
    return Block(begin, min(max(2 * begin, 1), BLOCK))


class Draws:
    """The draws of replications `first` to `first + rows`, chunk after chunk."""

    def __init__(self, spec: Spec, first: int, rows: int) -> None:
        self.spec, self.rows = spec, rows
        self.blocks: list[Block] = []
        while not self.blocks or self.blocks[-1].end < first + rows:
            self.blocks.append(block_of(self.blocks[-1].end if self.blocks else first))
        self.first, self.skipped = first, first - self.blocks[0].begin
        self.streams: dict[int, list[np.random.Generator]] = {}
        self.clock = np.zeros((rows, 1))
        self.numbers_of_pizzas = np.array([number for number, _ in spec.pizzas])
        self.pizza_chances = np.cumsum([weight for _, weight in spec.pizzas])
        self.route_chances = np.cumsum([route.share for route in spec.routes])
        self.needs_pizzas = spec.needs_sizes or any(station.per_pizza for station in spec.stations)
        self.chunk_pizzas: list[Ids] = []  # of each block, (orders, replications)

    def stream(self, number: int) -> list[np.random.Generator]:
        """Return one generator for each block."""
        if number not in self.streams:
            seeds = [np.random.SeedSequence(self.spec.seed, spawn_key=(block.begin, number)) for block in self.blocks]
            self.streams[number] = [np.random.Generator(np.random.PCG64(seed)) for seed in seeds]
        return self.streams[number]

    def draw(self, stream: int, width: int, draw: Callable[[np.random.Generator, Block], Array]) -> Array:
        """Return (rows, width) draws; `draw` makes (width, replications of a block)."""
        first, last = self.blocks[0].begin, self.blocks[-1].end
        drawn = np.empty((last - first, width))
        for block, generator in zip(self.blocks, self.stream(stream), strict=True):
            drawn[block.begin - first : block.end - first] = draw(generator, block).T
        return drawn[self.skipped : self.skipped + self.rows]

    def arrivals(self, first: int, width: int) -> Array:
        """Return the arrivals of the orders from number `first` on, (rows, width or fewer); inf is after closing."""
        arrivals = self.spec.arrivals
        if isinstance(arrivals, Times):
            return np.tile(np.array(arrivals.seconds[first : first + width]), (self.rows, 1))
        gaps = self.draw(
            ARRIVALS, width, lambda random, block: random.standard_exponential((width, block.end - block.begin))
        )
        clock = self.clock + np.cumsum(gaps, axis=1)
        self.clock = clock[:, -1:]
        left = width if self.spec.orders is None else min(width, self.spec.orders - first)
        moments = arrivals_at(arrivals, clock[:, :left])
        if math.isinf(arrivals.hours[-1]):
            return moments
        return moments[:, : int(np.isfinite(moments).sum(axis=1).max(initial=0))]

    def sizes_of_chunk(self) -> Ids:
        """Return the numbers of items of the orders whose services were drawn last, (rows, width)."""
        drawn = np.concatenate(self.chunk_pizzas, axis=1).T
        return np.ascontiguousarray(drawn[self.skipped : self.skipped + self.rows])

    def routes(self, first: int, width: int) -> Ids:
        """Return the routes of the orders from number `first` on, (rows, width)."""
        if self.spec.order_routes:
            return np.tile(np.array(self.spec.order_routes[first : first + width], dtype=np.intp), (self.rows, 1))
        chances = self.draw(ROUTES, width, lambda random, block: random.random((width, block.end - block.begin)))
        found: Ids = np.searchsorted(self.route_chances, chances * self.route_chances[-1], side="right")
        return found

    def services(self, first: int, width: int) -> list[Array]:
        """Return the service times of the orders from number `first` on, (rows, width), for each station that works on
        whole orders; on a belt, the loading times."""
        if self.needs_pizzas:
            self.chunk_pizzas = [self.pizzas(stream, first, width) for stream in self.pizza_streams()]
        stations = list(enumerate(self.spec.stations))[self.spec.fork :]
        return [self.service(number, station, first, width) for number, station in stations]

    def item_services(self, first: int, packing: Packing) -> list[Array]:
        """Return for each station of items the service times of these items, (rows, items), after `services`."""
        places = [
            self._places(block, pizzas, packing) for block, pizzas in zip(self.blocks, self.chunk_pizzas, strict=True)
        ]
        return [
            self._item_service(number, self.spec.stations[number], first, packing, places)
            for number in range(self.spec.fork)
        ]

    def _places(self, block: Block, pizzas: Ids, packing: Packing) -> tuple[slice, Ids]:
        """Return the run's rows in a block, and the places of their items among the block's draws."""
        begin, end = max(block.begin, self.first), min(block.end, self.first + self.rows)
        rows = slice(begin - self.first, end - self.first)
        firsts: Ids = (np.cumsum(pizzas.ravel()) - pizzas.ravel()).reshape(pizzas.shape)
        mine = np.ascontiguousarray(firsts[:, begin - block.begin : end - block.begin].T)
        places: Ids = take(mine, packing.order[rows]) + packing.number[rows]
        return rows, places

    def _item_service(
        self, number: int, station: Station, first: int, packing: Packing, places: list[tuple[slice, Ids]]
    ) -> Array:
        service = station.service
        if isinstance(service, Times):
            begin = len(self.spec.items_of_state) + (sum(self.spec.order_items[:first]) or first)
            return np.tile(np.array(service.seconds[begin : begin + packing.order.shape[1]]), (self.rows, 1))
        if isinstance(service, Conveyor | Fixed):
            return np.full(
                packing.order.shape, service.mean if isinstance(service, Fixed) else service.headway_seconds
            )
        work = np.empty(packing.order.shape)
        streams = zip(self.stream(SERVICES + number), self.chunk_pizzas, places, strict=True)
        for generator, pizzas, (rows, here) in streams:
            each = service.many(generator, (int(pizzas.sum()),))
            each.take(here, out=work[rows], mode="clip")  # filler has no place of its own
        return work

    def pizza_streams(self) -> list[tuple[Block, np.random.Generator]]:
        return list(zip(self.blocks, self.stream(PIZZAS), strict=True))

    def pizzas(self, stream: tuple[Block, np.random.Generator], first: int, width: int) -> Ids:
        block, generator = stream
        if self.spec.order_items:
            given = np.array(self.spec.order_items[first : first + width], dtype=np.intp)
            return np.tile(given[:, None], (1, block.end - block.begin))
        chances = generator.random((width, block.end - block.begin)) * self.pizza_chances[-1]
        numbers: Ids = self.numbers_of_pizzas[np.searchsorted(self.pizza_chances, chances, side="right")]
        return numbers

    def service(self, number: int, station: Station, first: int, width: int) -> Array:
        service = station.service
        if isinstance(service, Times):
            begin = len(self.spec.state) + first
            return np.tile(np.array(service.seconds[begin : begin + width]), (self.rows, 1))
        if isinstance(service, Conveyor | Fixed):
            seconds = service.mean if isinstance(service, Fixed) else service.headway_seconds
            if not station.per_pizza:
                return np.full((self.rows, width), seconds)
            work = np.concatenate(self.chunk_pizzas, axis=1).T.astype(np.float64) * seconds
            return work[self.skipped : self.skipped + self.rows]
        distribution, pizzas_of = service, iter(self.chunk_pizzas)

        def draw(random: np.random.Generator, block: Block) -> Array:
            if not station.per_pizza:
                return distribution.many(random, (width, block.end - block.begin))
            return sums(distribution, random, next(pizzas_of))

        return self.draw(SERVICES + number, width, draw)

    # The orders that are there at the opening, and at stations of items their items

    def present(self, number: int) -> Array:
        """Return the service times at a station of what is there at the opening, (rows, orders or items)."""
        station, state = self.spec.stations[number], self.spec.standing_for(number)
        service = station.service
        if isinstance(service, Times):
            return np.tile(np.array(service.seconds)[self.spec.ranks_in_state(number)], (self.rows, 1))
        pizzas = station.pieces(state)
        if isinstance(service, Conveyor):
            return np.tile(service.headway_seconds * pizzas, (self.rows, 1))
        distribution = service

        def draw(random: np.random.Generator, block: Block) -> Array:
            return sums(distribution, random, np.tile(pizzas[:, None], (1, block.end - block.begin)))

        return self.draw(PRESENT + number, len(state), draw)

    def remaining(self, number: int, columns: Ids) -> Array:
        """Return the rest of the work that these orders or items have in hand, (rows, columns)."""
        station, state = self.spec.stations[number], self.spec.standing_for(number)
        there = [state[column] for column in columns]
        service = station.service
        elapsed = np.array([one.elapsed_seconds or 0.0 for one in there])
        if isinstance(service, Times):
            return np.tile(
                np.maximum(np.array(service.seconds)[self.spec.ranks_in_state(number)[columns]] - elapsed, 0),
                (self.rows, 1),
            )
        if isinstance(service, Conveyor):
            return np.tile(np.maximum(service.delay_seconds - elapsed, 0), (self.rows, 1))
        distribution, pizzas = service, station.pieces(there)

        def draw(random: np.random.Generator, block: Block) -> Array:
            count = block.end - block.begin
            if (pizzas == 1).all():
                return distribution.remaining(random, elapsed, count).T
            works = zip(pizzas.tolist(), elapsed.tolist(), strict=True)
            return np.stack([remaining_of_sum(random, distribution, *work, count) for work in works])

        return self.draw(REMAINING + number, columns.size, draw)


def sums(distribution: Distribution, random: np.random.Generator, pizzas: Ids) -> Array:
    """Draw the work on orders with these numbers of pizzas: a draw for each pizza, summed up."""
    each = distribution.many(random, (int(pizzas.sum()),))
    if not pizzas.size or each.size == pizzas.size:
        return each.reshape(pizzas.shape)
    first = np.cumsum(pizzas.ravel()) - pizzas.ravel()
    return np.add.reduceat(each, first).reshape(pizzas.shape)


def arrivals_at(rate: Rate, clock: NDArray[np.float64]) -> Array:
    """Turn moments on a clock of rate 1 into arrivals: exactly, as the rate is constant in pieces."""
    if math.isinf(rate.hours[-1]):
        return clock * (HOUR / rate.per_hour[0])
    hours = np.array(rate.hours)
    reached = np.append(0.0, np.cumsum(np.array(rate.per_hour) * np.diff(hours)))
    return np.interp(clock, reached, hours * HOUR, right=np.inf)
