"""The one layout of random numbers, and what leaves them unchanged."""

from dataclasses import replace

import numpy as np
import pytest

from simulation.draws import BLOCK, Draws, block_of
from simulation.simulator import read_spec

SPEC = read_spec(
    {
        "stations": [
            {"places": 2, "per_pizza": True, "service": {"law": "lognormal", "mean": 120, "cv": 0.4}},
            {"per_pizza": True, "service": {"law": "conveyor", "headway": 60, "delay": 420}},
            {"places": 3, "service": {"law": "hyperexponential", "p": [0.4, 0.6], "means": [20, 90]}},
        ],
        "arrivals": {"law": "steps", "per_hour": [20, 40], "hours": [11, 12, 13]},
        "pizzas": {"1": 5, "2": 3, "4": 2},
        "replications": 300,
        "state": [{"station": 0, "elapsed": 30, "pizzas": 3}, {"station": 2, "elapsed": 20}],
    }
)


def draws(spec, first, rows, width=40):
    drawn = Draws(spec, first, rows)
    present = [drawn.present(number) for number in range(3)]
    remaining = [drawn.remaining(0, np.array([0])), drawn.remaining(2, np.array([1]))]
    arrivals = drawn.arrivals(0, width)
    return [arrivals, *drawn.services(0, arrivals.shape[1]), *present, *remaining]


def test_blocks_grow_and_then_have_one_size():
    blocks = [block_of(0)]
    while blocks[-1].end < 200:
        blocks.append(block_of(blocks[-1].end))
    assert [block.begin for block in blocks] == [0, 1, 2, 4, 8, 16, 32, 50, 100, 150]
    assert all(block_of(number) == block for block in blocks for number in range(*block))


@pytest.mark.parametrize(("first", "rows"), [(0, 1), (1, 2), (3, 9), (49, 2), (50, 50), (60, 120), (299, 1)])
def test_a_replication_has_its_draws_in_whatever_share_it_is(first, rows):
    for whole, part in zip(draws(SPEC, 0, 300), draws(SPEC, first, rows), strict=True):
        width = min(whole.shape[1], part.shape[1])
        assert (whole[first : first + rows, :width] == part[:, :width]).all()


def test_chunks_of_any_size_have_the_same_draws():
    whole, cut = Draws(SPEC, 0, BLOCK), Draws(SPEC, 0, BLOCK)
    moments = [cut.arrivals(first, 8) for first in range(0, 40, 8)]
    np.testing.assert_allclose(whole.arrivals(0, 40), np.concatenate(moments, axis=1), rtol=1e-12)
    chunks = zip(*(cut.services(first, 8) for first in range(0, 40, 8)), strict=True)
    for service, parts in zip(whole.services(0, 40), chunks, strict=True):
        assert (service == np.concatenate(parts, axis=1)).all()


def test_capacity_and_another_station_change_no_draw():
    first, *others = SPEC.stations
    more = (replace(first, capacity=5, changes=((12 * 3600, 1),)), *others)
    for old, new in zip(draws(SPEC, 0, 70), draws(replace(SPEC, stations=more), 0, 70), strict=True):
        assert (old == new).all()
    faster = (first, replace(others[0], service=first.service), others[1])
    old, new = draws(SPEC, 0, 70), draws(replace(SPEC, stations=faster), 0, 70)
    for number in (0, 1, 3):  # arrivals, and the stations beside the one that was changed
        assert (old[number] == new[number]).all()


def test_a_busier_day_has_the_same_orders_and_then_some():
    rate = replace(SPEC.arrivals, per_hour=(40, 80))
    old, new = draws(SPEC, 0, 70, 99), draws(replace(SPEC, arrivals=rate), 0, 70, 199)
    for number in (1, 2, 3):
        width = old[number].shape[1]
        assert width < new[number].shape[1]
        assert (old[number] == new[number][:, :width]).all()


def test_work_is_the_sum_over_the_pizzas():
    """A belt's headway tells the number of pizzas; compare means and variances of the sums given that number."""
    drawn = Draws(SPEC, 0, 2000)
    drawn.arrivals(0, 20)
    work, loading, _ = drawn.services(0, 20)
    pizzas = loading / 60
    for count, share in ((1, 0.5), (2, 0.3), (4, 0.2)):
        these = work[pizzas == count]
        assert these.size / work.size == pytest.approx(share, abs=4 * np.sqrt(share * (1 - share) / work.size))
        deviation = 48 * np.sqrt(count)
        assert these.mean() == pytest.approx(120 * count, abs=4 * deviation / np.sqrt(these.size))
        assert these.std() == pytest.approx(deviation, rel=0.06)
