"""The correction of the next promises by the last ones."""

from random import Random
from statistics import mean

import pytest

from simulation.calibration import FEWEST, NONE, WINDOW, Correction, learn

INTERVAL = (80.0, 100.0, 140.0)


def outcomes(number, actual=lambda low, middle, high: middle, seed=1):
    """Make intervals of all sizes, and outcomes of which 90 % are inside, as promised."""
    dice = Random(seed)
    rows = []
    for _ in range(number):
        middle = dice.uniform(500, 3000)
        spread = dice.uniform(0.05, 0.3) * middle
        rows.append(((middle - spread, middle, middle + 2 * spread), middle, spread, dice.gauss(0, 1 / 1.645)))
    return [(interval, m + s * z * (2 if z > 0 else 1)) for interval, m, s, z in rows]


def share_kept(correction, rows):
    intervals = [(correction.apply(interval), actual) for interval, actual in rows]
    return mean(low <= actual <= high for (low, _, high), actual in intervals)


def test_too_few_outcomes_teach_nothing():
    assert learn(outcomes(FEWEST - 1)) == NONE
    assert learn([]) == NONE
    assert NONE.apply(INTERVAL) == INTERVAL


def test_a_model_that_is_right_is_hardly_corrected():
    learned = learn(outcomes(WINDOW))
    assert learned.apply(INTERVAL) == pytest.approx(INTERVAL, rel=0.08)
    assert share_kept(learned, outcomes(2000, seed=2)) == pytest.approx(0.9, abs=0.04)


@pytest.mark.parametrize("slower", [0.8, 1.15, 2.0])
def test_a_kitchen_that_has_become_slower_or_faster_is_followed(slower):
    def drifted(number, seed):
        return [(interval, slower * actual) for interval, actual in outcomes(number, seed=seed)]

    later = drifted(2000, 2)
    assert share_kept(NONE, later) < 0.8
    learned = learn(drifted(WINDOW, 1))
    assert share_kept(learned, later) == pytest.approx(0.9, abs=0.04)
    assert learned.apply(INTERVAL) == pytest.approx([slower * end for end in INTERVAL], rel=0.1)


def test_intervals_that_are_too_narrow_become_wider():
    narrow = [((m - (m - low) / 3, m, m + (high - m) / 3), actual) for (low, m, high), actual in outcomes(WINDOW)]
    assert share_kept(NONE, narrow) < 0.6
    assert share_kept(learn(narrow), narrow) == pytest.approx(0.9, abs=0.01)


def test_a_kitchen_without_chance_has_marks_all_the_same():
    late = [((middle, middle, middle), middle * 1.03) for middle in range(1000, 1200)]
    low, middle, high = learn(late).apply((2000.0, 2000.0, 2000.0))
    assert low <= 2060 <= high and middle == pytest.approx(2060) and high - low < 1


def test_nothing_is_promised_for_the_past():
    assert Correction(1.0, -9.0, 0.0, 1.0).apply(INTERVAL) == (0.0, 100.0, 140.0)


def test_nonsense_teaches_nothing():
    assert learn([((0.0, 0.0, 0.0), 0.0)] * FEWEST) == NONE
