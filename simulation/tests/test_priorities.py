"""Rushed orders go before all others, and nobody loses a place to them."""

import numpy as np
import pytest

from simulation.engine import Tandem
from simulation.priorities import begin_with_rush
from simulation.schedules import begin_in_shifts, shifts_of
from simulation.tests import oracle


def begins(arrivals, services, rushed, capacity, *, changes=(), ends=()):
    """Return the starts of one row."""
    shifts = shifts_of(capacity, changes)
    most = max(shift.capacity for shift in shifts)
    taken = np.sort(np.concatenate([np.full(most, -np.inf), ends]))[-most:]
    row = [np.array([values], dtype=float) for values in (arrivals, services)]
    starts = begin_with_rush(*row, np.array([rushed], dtype=bool), taken[None], np.array([-np.inf]), shifts)
    return starts[0].tolist()


def test_a_rushed_order_overtakes_those_who_wait_and_takes_no_place():
    assert begins([0, 1, 2, 3], [10, 10, 10, 10], [False, False, False, True], 1) == [0, 20, 30, 10]


def test_rushed_orders_are_first_come_first_served_among_themselves():
    assert begins([0, 1, 2, 3], [10, 10, 10, 10], [False, False, True, True], 1) == [0, 30, 10, 20]


def test_a_completion_comes_before_an_arrival_at_the_same_moment():
    assert begins([0, 1, 10], [10, 10, 10], [False, False, True], 1) == [0, 10, 20]


def test_who_finds_a_free_place_begins_at_once():
    assert begins([0, 5, 5], [10, 10, 10], [False, False, True], 2) == [0, 5, 10]


def test_places_that_are_taken_at_first_become_free_one_by_one():
    assert begins([0, 0, 0], [10, 10, 10], [False, False, True], 2, ends=[4, 7]) == [7, 14, 4]


def test_places_that_come_and_go_count():
    changes = [(5, 0), (20, 2)]
    assert begins([0, 1, 2, 3], [2, 2, 10, 10], [False, False, False, True], 1, changes=changes) == [0, 2, 20, 4]
    assert begins([0, 6], [1, 1], [False, True], 1, changes=[(5, 0)]) == [0, np.inf]


@pytest.mark.parametrize("seed", range(40))
def test_it_is_an_event_loop(seed):
    random = np.random.default_rng(seed)
    number, capacity = 60, int(random.integers(1, 4))
    arrivals = np.sort(random.integers(0, 200, number)).tolist()
    services = random.integers(0, 20, number).tolist()
    rushed = (random.random(number) < 0.3).tolist()
    changes = [(50, int(random.integers(0, 4))), (90, int(random.integers(1, 4)))] if seed % 2 else []
    assert begins(arrivals, services, rushed, capacity, changes=changes) == event_loop(
        arrivals, services, rushed, capacity, changes
    )


def event_loop(arrivals, services, rushed, capacity, changes):
    """Serve the line moment by moment: capacity changes, completions, then arrivals, one after the other."""
    starts = [None] * len(arrivals)
    working, line = [], []
    places = capacity

    def seat(now):
        while line and len(working) < places:
            line.sort(key=lambda column: (not rushed[column], column))
            column = line.pop(0)
            starts[column] = float(now)
            working.append(now + services[column])
            free(now)

    def free(now):
        for end in [end for end in working if end <= now]:
            working.remove(end)

    for now in range(10_000):
        places = next((count for since, count in reversed(changes) if since <= now), capacity)
        free(now)
        seat(now)
        for column in [column for column, arrival in enumerate(arrivals) if arrival == now]:
            line.append(column)
            seat(now)
    return starts


@pytest.mark.parametrize("changes", [(), [(30, 1), (60, 3)]])
def test_where_nobody_is_rushed_it_is_first_come_first_served(changes):
    random = np.random.default_rng(7)
    arrivals, services = np.sort(random.random((5, 80)) * 100, axis=1), random.random((5, 80)) * 4
    shifts = shifts_of(2, changes)
    taken = np.full((5, 3), -np.inf)
    last = np.full(5, -np.inf)
    nobody = np.zeros((5, 80), dtype=bool)
    expected = begin_in_shifts(arrivals, services, taken, last, shifts, 14)
    assert (begin_with_rush(arrivals, services, nobody, taken, last, shifts) == expected).all()


# In the engine: every station of a row, against the event loop


@pytest.mark.parametrize("seed", range(30))
def test_rushed_orders_through_a_row_of_stations(seed):
    """Two ways out, a belt and places that change: every start and end is the event loop's."""
    random = np.random.default_rng(seed)
    rows, number = int(random.choice([1, 20])), 40
    stations = [
        oracle.Station(int(random.integers(1, 4)), changes=((80.0, int(random.integers(1, 4))),)),
        oracle.Station(1, delay_seconds=9.5),
        oracle.Station(int(random.integers(1, 4))),
        oracle.Station(None),
    ]
    arrivals = np.sort(random.random((rows, number)) * 200, axis=1)
    services = [random.random((rows, number)) * mean for mean in (9, 6, 20, 30)]
    rushed = random.random((rows, number)) < 0.2
    skips = [random.random((rows, number)) < share for share in (0, 0.3, 0.5, 0.5)]
    starts, ends = through_engine(stations, arrivals, services, rushed, skips)
    for row in range(rows):
        routes = [tuple(place for place in range(4) if not skips[place][row, column]) for column in range(number)]
        orders = [
            oracle.Order(arrivals[row, column], 1, routes[column], bool(rushed[row, column]))
            for column in range(number)
        ]
        visits = oracle.run(stations, orders, lambda station, part: services[station][row, part.order])  # noqa: B023
        for (station, part), visit in visits.items():
            assert (starts[station][row, part.order], ends[station][row, part.order]) == (visit.start, visit.end)


def through_engine(stations, arrivals, services, rushed, skips):
    tandem = Tandem(
        len(arrivals),
        [station.capacity for station in stations],
        [station.delay_seconds for station in stations],
        [station.changes for station in stations],
        [skip.any() for skip in skips],
    )
    work = [np.where(skip, 0.0, service) for service, skip in zip(services, skips, strict=True)]
    lines = [np.arange(arrivals.shape[1])] + [np.arange(0)] * 3
    starts, ends = ([np.empty_like(arrivals) for _ in stations] for _ in range(2))
    for visits, start, end in zip(
        tandem.run(arrivals, work, lines, skips=skips, rushed=rushed), starts, ends, strict=True
    ):
        np.put_along_axis(start, visits.orders, visits.starts, axis=1)
        np.put_along_axis(end, visits.orders, visits.ends, axis=1)
    return starts, ends
