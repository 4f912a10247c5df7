"""Capacity over time: beside an event loop, in chunks, and in a whole run."""

import heapq

import numpy as np
import pytest

from simulation import replications
from simulation.simulator import read_spec, simulate, stations_forward


def by_events(arrivals, work, places, changes):
    """Event by event, as one would by hand: completions, then changes, then arrivals."""
    events = [(at, 1, number, wanted) for number, (at, wanted) in enumerate(changes)]
    events += [(at, 2, number, 0) for number, at in enumerate(arrivals)]
    heapq.heapify(events)
    line, busy, begins = [], 0, {}
    while events:
        at, kind, number, wanted = heapq.heappop(events)
        busy -= kind == 0
        places = wanted if kind == 1 else places
        line += [number] if kind == 2 else []
        while line and busy < places:
            first = line.pop(0)
            begins[first] = at
            busy += 1
            heapq.heappush(events, (at + work[first], 0, first, 0))
    return [begins[number] for number in range(len(arrivals))]


@pytest.mark.parametrize("seed", range(40))
def test_places_that_come_and_go_are_as_event_by_event(seed):
    random = np.random.default_rng(seed)
    rows, orders = 3, 30
    arrivals = np.sort(random.random((rows, orders)) * 900, axis=1)
    work = random.exponential(80, (rows, orders))
    moments = np.sort(random.random(4) * 1000)
    changes = [*zip(moments, random.integers(0, 5, 4).tolist(), strict=True), (1200.0, 2)]
    places = int(random.integers(1, 4))
    (starts,), (ends,) = stations_forward(arrivals, [work], [places], changes=[changes])
    for row in range(rows):
        assert starts[row] == pytest.approx(by_events(arrivals[row], work[row], places, changes))
    assert (ends == starts + work).all()


def test_changes_that_change_nothing_change_nothing():
    random = np.random.default_rng(1)
    arrivals = np.sort(random.random((7, 40)) * 1000, axis=1)
    work = [random.exponential(60, (7, 40)) for _ in range(3)]
    at_station, working = [1, 0, 2] + [0] * 37, [True, False, True] + [False] * 37
    arrivals[:, :3] = 0
    places = [2, 1, 3]
    state = {"at_station": at_station, "working": working}
    plain = stations_forward(arrivals, work, places, **state)
    same = [[(300.0, count), (600.0, count)] for count in places]
    assert np.array_equal(plain, stations_forward(arrivals, work, places, changes=same, **state))


STATIONS = [
    {"places": 2, "changes": [[0.5, 1], [1.25, 0], [1.5, 3]], "service": {"law": "exponential", "mean": 100}},
    {"service": {"law": "conveyor", "headway": 30, "delay": 200}},
    {"places": 6, "changes": [[1, 2]], "service": {"law": "lognormal", "mean": 150, "cv": 1}},
]


@pytest.mark.parametrize("chunk", [1, 7, 60])
def test_chunks_change_nothing(monkeypatch, chunk):
    moments = np.cumsum(np.random.default_rng(8).exponential(60, 150)).tolist()
    state = [{"station": 2, "elapsed": 10}] * 8 + [{"station": 0, "elapsed": 5}, {"station": 0, "waiting": True}]
    arrivals = {"law": "times", "seconds": moments}
    spec = {"stations": STATIONS, "arrivals": arrivals, "state": state, "trace": True, "seed": 2}
    whole = simulate(read_spec(spec)).as_dict()["orders_trace"]
    monkeypatch.setattr(replications, "CHUNK", chunk)
    assert simulate(read_spec(spec)).as_dict()["orders_trace"] == whole


def test_utilisation_is_of_the_places_there_were():
    """Work for two all the time, two places for the first of two hours and four for the second."""
    arrivals = {"law": "times", "seconds": [60.0 * (n // 2) for n in range(240)]}
    row = {"places": 2, "changes": [[1, 4]], "service": {"law": "fixed", "mean": 60}}
    answer = simulate(read_spec({"stations": [row], "arrivals": arrivals, "slots": [0, 1, 2]})).as_dict()
    assert answer["stations"][0]["utilisation"]["value"] == pytest.approx(2 / 3)
    assert answer["by_slot"]["utilisation"] == [[1.0, 0.5]]
    assert answer["by_slot"]["orders"] == [120, 120]
