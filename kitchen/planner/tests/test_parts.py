"""Packed results come back as they were."""

from dataclasses import fields

import numpy as np
import pytest

from kitchen.planner.parts import pack, unpack
from simulation.simulator import merge, read_spec, replicate

FIXED = {"law": "exponential", "mean": 60}
SPEC = {
    "stations": [
        {"name": "make", "places": 2, "unit": "item", "service": FIXED},
        {"name": "drivers", "places": 8, "service": FIXED},
    ],
    "orders_have": {"items": {"law": "discrete", "values": [1, 3], "weights": [2, 1]}},
    "routes": [
        {"name": "delivery", "share": 1, "stations": ["make", "drivers"]},
        {"name": "carry_out", "share": 1, "stations": ["make"]},
    ],
    "arrivals": {"law": "poisson", "per_hour": 20},
    "orders": 50,
    "promise_seconds": 200,
}


@pytest.mark.parametrize("replications", [20, 2000])
def test_the_kinds_of_orders_are_packed(replications: int) -> None:
    """Few times in the system are all kept, many are counted in cells."""
    spec = read_spec({**SPEC, "replications": replications})
    part = replicate(spec, 0, replications)
    (again,) = unpack(pack((part,))) or ()
    assert merge(spec, [again]).as_dict() == merge(spec, [part]).as_dict()
    for name in (item.name for item in fields(part) if isinstance(getattr(part, item.name), np.ndarray)):
        assert getattr(again, name).tobytes() == getattr(part, name).tobytes(), name
