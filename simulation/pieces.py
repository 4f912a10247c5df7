"""The orders of a kitchen, run forward a piece at a time, which gives the same bits as all at once.

A long line takes long to run forward. Here those nearest to the door come first, and the line is cut where everybody
behind the cut stands behind everybody before it, at each station. A piece is what the simulator calls a chunk: of it
goes on what nobody behind can overtake, and the rest comes out with a later piece.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from simulation.calibration import Interval
from simulation.engine import Array, Ids
from simulation.lookahead import PATHS, KeptDraws, Standing, State, Workplace, ranked, spec_of
from simulation.opening import Opening
from simulation.stations import Passage, Stations, exit_of
from simulation.table import Inside

PIECE = 250  # orders, about: their draws stay in the processor's cache
NOBODY = np.iinfo(np.int64).max  # has this turn
OF_ANY_SIZE = ((1, 0.5), (2, 0.5))  # also where all who are there have a single pizza: those who come can have more

Place = tuple[int, int, int]  # a station, the turn in its line, and of equals the number of the order


class Piece(NamedTuple):
    first: int
    end: int
    more_at: int  # the last station whose line those behind make longer; -1 is none


class Gone(NamedTuple):
    """Who leaves the kitchen, on each path: numbers of orders, and when; inf is nobody."""

    orders: Ids
    ends: Array


class Pieces:
    """The kitchen on each path, with the pieces that were run until now in it.

    Afterwards `inside` is about what stands in the stations' places, so that others can come (simulation.newcomers).
    """

    def __init__(
        self,
        places: Sequence[Workplace],
        orders: Sequence[Standing],
        routes: Sequence[tuple[int, ...] | None] = (),
        size: int = PIECE,
    ) -> None:
        """routes: those that others can take who come later."""
        self.places = places
        self.turns = going(orders) if len(orders) > size else list(range(len(orders)))
        self.orders = [orders[number] for number in self.turns]
        self.left = cut(self.orders, self.turns, len(places), size)
        everybody = [*self.orders, *(Standing("", 0, None, 1, route) for route in routes)]
        spec = spec_of(places, everybody)
        self.routes = {order.route: present.route for order, present in zip(everybody, spec.state, strict=True)}
        self.states = spec.state
        self.spec = replace(spec, state=(), pizzas=OF_ANY_SIZE)
        self.stations = Stations(self.spec, PATHS)
        self.inside: Inside | None = None

    def run_next(self, is_last: bool = False) -> Iterator[Gone]:
        """Run the next piece forward, and yield who leaves the kitchen.

        is_last: nobody comes after the last piece, so that all leave.
        """
        first, end, more_at = self.left.pop(0)
        orders = self.orders[first:end]
        spec = replace(self.spec, state=self.states[first:end])
        draws = KeptDraws(spec, self.places, orders, is_remembered=len(self.orders) <= PIECE)
        opening = Opening(spec, self.stations, draws)
        opening.inside.orders.numbers = np.broadcast_to(np.arange(first, end), (PATHS, end - first))
        for work in opening.at_work:
            if work.station == exit_of(spec):
                yield Gone(np.broadcast_to(work.columns + first, work.ends.shape), work.ends)
        yield from self._forward(opening, None if is_last and not self.left else more_at)

    def _forward(self, opening: Opening, more_at: int | None) -> Iterator[Gone]:
        lines, inside = opening.lines, opening.inside
        if self.inside is not None:
            lines = self._behind(self.inside, lines)
            inside = self.inside.beside(inside)
        bound = None if more_at is None else np.zeros((PATHS, 1))
        for passage in self.stations.run(inside, lines, bound, -1 if more_at is None else more_at):
            if passage.station == exit_of(self.spec):
                yield gone(passage)
        self.inside = inside if more_at is None else self.stations.carry_on(inside)

    def _behind(self, inside: Inside, lines: Sequence[Ids]) -> list[Ids]:
        """Return the lines with the columns that they have in the tables of all."""
        orders = inside.orders.numbers.shape[1]
        items = inside.items.numbers.shape[1] if inside.items else 0
        return [line + (items if number < self.spec.fork else orders) for number, line in enumerate(lines)]


def gone(passage: Passage) -> Gone:
    visits, numbers = passage.visits, passage.table.numbers
    return Gone(np.take_along_axis(numbers, visits.orders, axis=1), visits.ends)


def going(orders: Sequence[Standing]) -> list[int]:
    """Return the places of the orders, those first who are at work, then those nearest to the door."""

    def key(number: int) -> tuple[bool, int, int, int]:
        order = orders[number]
        station, turn, _ = min(places_of(order, number), default=(0, 0, 0))
        return not is_at_work(order), -station, turn, number

    return sorted(range(len(orders)), key=key)


def is_at_work(order: Standing) -> bool:
    if any(not item.is_done for item in order.items):
        return any(item.elapsed_seconds is not None and not item.is_done for item in order.items)
    return order.elapsed_seconds is not None


def places_of(order: Standing, number: int) -> list[Place]:
    """Return where it, or its items, wait."""
    items = [item for item in order.items if not item.is_done]
    if items:
        return [(item.station, item.turn, number) for item in items if item.elapsed_seconds is None]
    return [(order.station, 0, number)] if order.elapsed_seconds is None else []


def cut(orders: Sequence[Standing], numbers: Sequence[int], stations: int, size: int) -> list[Piece]:
    """Cut into pieces of about this size, where all who follow stand behind at each station, and none is at work."""
    if not orders:
        return [Piece(0, 0, -1)]
    last, first = np.full((len(orders), stations), -1), np.full((len(orders) + 1, stations), NOBODY)
    at_work = 0
    for place, (order, number) in enumerate(zip(orders, numbers, strict=True)):
        for station, its_turn, _ in places_of(order, number):
            turn = its_turn * len(orders) + number
            last[place, station] = max(last[place, station], turn)
            first[place, station] = min(first[place, station], turn)
        at_work = place + 1 if is_at_work(order) else at_work
    latest = np.maximum.accumulate(last, axis=0)
    soonest = np.minimum.accumulate(first[::-1], axis=0)[::-1]
    can_be_cut = np.asarray((latest < soonest[1:]).all(axis=1))
    can_be_cut[: max(at_work - 1, 0)] = False
    ends = [place + 1 for place in np.flatnonzero(can_be_cut).tolist()]
    pieces, begun = list[Piece](), 0
    for end, after in zip(ends, [*ends[1:], None], strict=True):
        if after is None or after - begun > size:
            there = np.flatnonzero(soonest[end] < NOBODY)
            pieces.append(Piece(begun, end, int(there.max(initial=-1))))
            begun = end
    return pieces


def look_ahead_in_turn(state: State, size: int = PIECE) -> Iterator[dict[int, Interval | None]]:
    """Yield (low, median, high) of those of whom all is known now, by their place in the state.

    It is what `simulation.lookahead.look_ahead` says of all. First come those who go no further, and then one piece
    after the other is run forward; with the last one come all who are left.
    """
    going = {number: stopping for number, order in enumerate(state.orders) if (stopping := state.stopping(order))}
    places, pieces = list(going), Pieces(state.stations, list(going.values()), size=size)
    ends, is_told = np.full((PATHS, len(going)), np.nan), np.zeros(len(going), dtype=bool)
    yield dict.fromkeys(set(range(len(state.orders))) - going.keys())
    while pieces.left:
        end = pieces.left[0].end
        for gone in pieces.run_next(is_last=True):
            row, column = np.nonzero(np.isfinite(gone.ends))
            ends[row, gone.orders[row, column]] = gone.ends[row, column]
        there = np.flatnonzero(~is_told[:end])
        there = there[~np.isnan(ends[:, there]).any(axis=0)]
        is_told[there], answers = True, dict[int, Interval | None]()
        for number, (low, median, high) in zip(there.tolist(), ranked(ends[:, there]).tolist(), strict=True):
            place = places[pieces.turns[number]]
            answers[place] = (low, median, high) if going[place] is state.orders[place] else None
        yield answers
