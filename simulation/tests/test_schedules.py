"""Capacity over time: the engine against an event loop, all its ways against each other, and cases by hand."""

import heapq
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulation.engine import FEW_ROWS, Tandem, stations_forward


class Kitchen(NamedTuple):
    arrivals: list[int]
    services: list[list[int]]
    capacities: list[int]
    changes: list[list[tuple[int, int]]]
    at: list[int]
    working: list[bool]


def by_events(kitchen):
    """Return (starts, ends): at one moment completions first, then changes, then arrivals; then work begins."""
    arrivals, services, capacities, changes, at, working = kitchen
    numbers, stations = range(len(arrivals)), range(len(services))
    starts, ends = ([list(arrivals) for _ in stations] for _ in range(2))
    capacity, busy = list(capacities), [0 for _ in stations]
    lines, events = [[] for _ in stations], []
    for here in stations:
        for moment, count in changes[here]:
            heapq.heappush(events, (moment, 1, count, here))
    for number in numbers:
        here = at[number]
        if working[number]:
            busy[here] += 1
            ends[here][number] += services[here][number]
            heapq.heappush(events, (ends[here][number], 0, number, here))
        else:
            heapq.heappush(events, (arrivals[number], 2, number, here))
    while events:
        moment = events[0][0]
        while events and events[0][0] == moment:
            _, what, number, here = heapq.heappop(events)
            if what == 0:
                busy[here] -= 1
                if here + 1 < len(services):
                    heapq.heappush(lines[here + 1], (moment, number))
            elif what == 1:
                capacity[here] = number
            else:
                heapq.heappush(lines[here], (moment, number))
        for here in stations:
            while lines[here] and busy[here] < capacity[here]:
                number = heapq.heappop(lines[here])[1]
                busy[here] += 1
                starts[here][number], ends[here][number] = moment, moment + services[here][number]
                heapq.heappush(events, (ends[here][number], 0, number, here))
    return starts, ends


@st.composite
def kitchens(draw):
    """Draw small kitchens in whole seconds: much happens at the same moment and all sums are exact."""
    count, stations = draw(st.integers(1, 9)), draw(st.integers(1, 3))
    present = draw(st.integers(0, min(4, count - 1)))
    at = [draw(st.integers(0, stations - 1)) for _ in range(present)] + [0] * (count - present)
    working = [number < present and draw(st.booleans()) for number in range(count)]
    arrivals = [0] * present + sorted(draw(st.integers(0, 12)) for _ in range(count - present))
    services = [[draw(st.integers(1, 5)) for _ in range(count)] for _ in range(stations)]
    capacities = [draw(st.integers(0, 3)) for _ in range(stations)]
    changes = []
    for _ in range(stations):
        moments = sorted(draw(st.lists(st.integers(0, 20), max_size=3, unique=True)))
        row = [(moment, draw(st.integers(0, 3))) for moment in moments]
        changes.append([*row, (30, draw(st.integers(1, 3)))] if draw(st.booleans()) else [])
    capacities = [max(count, int(not row)) for count, row in zip(capacities, changes, strict=True)]
    return Kitchen(arrivals, services, capacities, changes, at, working)


@given(kitchens())
@settings(max_examples=300, deadline=None)
def test_the_engine_does_what_an_event_loop_does(kitchen):
    arrivals, services, capacities, changes, at, working = kitchen
    expected = by_events(kitchen)
    for rows in (1, FEW_ROWS + 1):
        found = stations_forward(
            np.tile(arrivals, (rows, 1)), services, capacities, changes=changes, at_station=at, working=working
        )
        for mine, theirs in zip(found, expected, strict=True):
            assert all((row == other).all() for row, other in zip(mine, theirs, strict=True))


def busy_kitchen(rows, orders=240):
    random = np.random.default_rng(4)
    arrivals = np.cumsum(random.exponential(100, (rows, orders)), axis=1)
    services = [random.exponential(seconds, (rows, orders)) for seconds in (250, 90, 700)]
    changes = [[(5000.0, 2), (9000.0, 4)], [], [(0.0, 0), (2000.0, 9), (7000.0, 6), (7000.5, 0), (15_000.0, 10)]]
    return arrivals, services, [4, 1, 8], changes


def test_a_loop_for_each_row_and_a_step_for_all_give_the_same_bits():
    arrivals, services, capacities, changes = busy_kitchen(FEW_ROWS + 5)
    together = stations_forward(arrivals, services, capacities, changes=changes)
    for row in range(len(arrivals)):
        alone = stations_forward(arrivals[row], [work[row] for work in services], capacities, changes=changes)
        for mine, theirs in zip(alone, together, strict=True):
            assert all((own[0] == other[row]).all() for own, other in zip(mine, theirs, strict=True))


@pytest.mark.parametrize("rows", [2, FEW_ROWS + 5])
@pytest.mark.parametrize("chunk", [1, 7, 60])
def test_chunks_change_nothing(rows, chunk):
    arrivals, services, capacities, changes = busy_kitchen(rows)
    _, ends = stations_forward(arrivals, services, capacities, changes=changes)
    tandem = Tandem(rows, capacities, None, changes)
    left = np.zeros_like(arrivals)
    numbers = np.empty((rows, 0), dtype=np.intp)  # of the orders in the table
    for first in range(0, arrivals.shape[1], chunk):
        new = np.arange(first, min(first + chunk, arrivals.shape[1]))
        old = numbers.shape[1]
        numbers = np.concatenate([numbers, np.tile(new, (rows, 1))], axis=1)
        table = [np.take_along_axis(values, numbers, axis=1) for values in (arrivals, *services)]
        bound = table[0][:, -1:] if new[-1] + 1 < arrivals.shape[1] else None
        lines = [np.arange(old, numbers.shape[1]), np.arange(0), np.arange(0)]
        *_, visits = tandem.run(table[0], table[1:], lines, bound)
        gone = np.isfinite(visits.ends)
        row = np.nonzero(gone)[0]
        left[row, numbers[row, visits.orders[gone]]] = visits.ends[gone]
        inside = [
            sorted({int(n) for columns in tandem.inside() for n in columns[row] if n >= 0}) for row in range(rows)
        ]
        width = max(map(len, inside))
        columns = np.zeros(numbers.shape, dtype=np.intp)
        kept = np.zeros((rows, width), dtype=np.intp)
        for row, still in enumerate(inside):
            columns[row, still] = range(len(still))
            kept[row, : len(still)] = numbers[row, still]
        tandem.renumber(columns)
        numbers = kept
    assert (left == ends[-1]).all()


@pytest.mark.parametrize("rows", [1, FEW_ROWS + 1])
def test_a_place_that_goes_ends_what_it_has_in_hand(rows):
    """Two places until 15 s, then one, from 40 s on three; 20 s of work each."""
    arrivals = np.tile([0.0, 5, 6, 7, 8], (rows, 1))
    starts, ends = stations_forward(arrivals, [20.0], [2], changes=[[(15.0, 1), (40.0, 3)]])
    assert (starts[0] == [0, 5, 25, 40, 40]).all()
    assert (ends[0] == [20, 25, 45, 60, 60]).all()


@pytest.mark.parametrize("rows", [1, FEW_ROWS + 1])
def test_more_at_work_than_places(rows):
    """Three at work when the third place is gone: the line waits until one is free again."""
    arrivals = np.zeros((rows, 4))
    work = np.tile([10.0, 20, 30, 5], (rows, 1))
    options = {"at_station": [0, 0, 0, 0], "working": [True, True, True, False]}
    _, ends = stations_forward(arrivals, [work], [2], changes=[[(50.0, 1)]], **options)
    assert (ends[0] == [10, 20, 30, 25]).all()


@pytest.mark.parametrize("rows", [1, FEW_ROWS + 1])
def test_a_conveyor_that_stands_still(rows):
    """Nothing is loaded between 50 and 200 s; what is on the belt comes out."""
    arrivals = np.tile([0.0, 10, 60, 70], (rows, 1))
    starts, ends = stations_forward(arrivals, [60.0], [1], delays=[420.0], changes=[[(50.0, 0), (200.0, 1)]])
    assert (starts[0] == [0, 200, 260, 320]).all()
    assert (ends[0] == starts[0] + 420).all()


def test_a_station_without_a_place_keeps_them_for_ever():
    starts, _ = stations_forward([0.0, 1.0], [5.0], [1], changes=[[(0.5, 0)]])
    assert starts[0].tolist() == [[0, np.inf]]


def test_a_place_for_everybody_cannot_change():
    with pytest.raises(ValueError, match="place for everybody"):
        stations_forward([0.0], [5.0], [None], changes=[[(1.0, 1)]])
