"""Capacity over time in a whole run: in chunks, beside a belt, from a state."""

import numpy as np
import pytest

from simulation import replications
from simulation.simulator import read_spec, simulate

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
    monkeypatch.setattr(replications, "LONE_CHUNK", chunk)
    assert simulate(read_spec(spec)).as_dict()["orders_trace"] == whole


def test_utilisation_is_relative_to_the_capacity_over_time():
    """Work for two all the time, two places for the first of two hours and four for the second."""
    arrivals = {"law": "times", "seconds": [60.0 * (n // 2) for n in range(240)]}
    row = {"places": 2, "changes": [[1, 4]], "service": {"law": "fixed", "mean": 60}}
    answer = simulate(read_spec({"stations": [row], "arrivals": arrivals, "slots": [0, 1, 2]})).as_dict()
    assert answer["stations"][0]["utilisation"]["value"] == pytest.approx(2 / 3)
    assert answer["by_slot"]["utilisation"] == [[1.0, 0.5]]
    assert answer["by_slot"]["orders"] == [120, 120]
