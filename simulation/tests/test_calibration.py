"""The correction of the next promises by the last ones."""

from random import Random
from statistics import mean

import numpy as np
import pytest

from simulation.calibration import FEWEST, NONE, WINDOW, Correction, Lessons, likeness

INTERVAL = (80.0, 100.0, 140.0)


def learn(rows):
    return Lessons(rows).correction()


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


def test_what_comes_far_too_late_counts_in_time_not_in_widths():
    """One order in ten comes an hour late, each time when the interval was narrow."""
    rows = outcomes(WINDOW)
    late = [((990.0, 1000.0, 1010.0), 4600.0)] * (WINDOW // 10)
    low, middle, high = learn(rows[len(late) :] + late).apply((700.0, 1000.0, 1600.0))
    assert low < middle == pytest.approx(1000, rel=0.1)
    assert 4000 < high < 14_000  # 3,600 s are 360 of the narrow one's widths


@pytest.mark.parametrize("off", [-0.99, -0.2, -0.1, 0.1, 0.4, 3.0, 50.0])
def test_the_ends_are_as_far_off_as_what_came_however_far_that_was(off):
    shares = [0.0] * 60 + [off] * 40
    rows = [(tuple(size * end for end in INTERVAL), 100 * size * (1 + shares[size % 100])) for size in range(1, 301)]
    low, middle, high = learn(rows).apply(INTERVAL)
    assert middle == pytest.approx(100)
    assert (low if off < 0 else high) == pytest.approx(100 * (1 + off))


def test_nothing_is_promised_for_the_past():
    assert Correction(1.0, -9.0, 0.0, 1.0).apply(INTERVAL) == (0.0, 100.0, 140.0)


def test_nonsense_teaches_nothing():
    assert learn([((0.0, 0.0, 0.0), 0.0)] * FEWEST) == NONE


def in_two_ways(number, seed=1):
    """When it takes 400 s it comes as promised; when it takes 3,200, three times as far off as was said."""
    dice = Random(seed)
    errors = [dice.gauss(0, 1 / 1.645) for _ in range(number)]
    short = [((320.0, 400.0, 480.0), 400 + 80 * error) for error in errors[::2]]
    return short + [((3000.0, 3200.0, 3400.0), 3200 + 600 * error) for error in errors[1::2]]


def test_outcomes_that_are_alike_count_most():
    lessons, later = Lessons(in_two_ways(WINDOW)), in_two_ways(4000, seed=2)
    for rows, alike in ((later[:2000], 0.97), (later[2000:], 0.82)):
        by_likeness = mean(
            low <= actual <= high for (low, _, high), actual in ((lessons.correct(i), a) for i, a in rows)
        )
        assert by_likeness == pytest.approx(0.9, abs=0.04)
        assert share_kept(lessons.correction(), rows) == pytest.approx(alike, abs=0.04)


def test_what_is_unlike_all_that_was_seen_is_corrected_by_what_comes_nearest():
    lessons = Lessons(outcomes(WINDOW))
    for middle in (1.0, 1e6):
        low, _, high = lessons.correct((0.8 * middle, middle, 1.4 * middle))
        assert 0.4 * middle < low < middle < high < 3 * middle


@pytest.mark.parametrize("middle", [1.0, 400.0, 1100.0, 3200.0, 1e9])
def test_outcomes_are_worth_a_hundred_at_least_however_few_are_alike(middle):
    weights = likeness(np.array([400.0] * 300 + [3200.0] * 10), middle)
    assert weights.sum() ** 2 / (weights**2).sum() >= FEWEST


def test_a_lesson_is_learned_once_for_all_that_are_nearly_the_same():
    lessons = Lessons(outcomes(WINDOW))
    assert lessons.correction((80.0, 1000.0, 2000.0)) is lessons.correction((900.0, 1005.0, 1100.0))
    assert lessons.correction((80.0, 1000.0, 2000.0)) != lessons.correction((900.0, 2000.0, 2100.0))


def test_where_all_count_alike_the_ends_are_those_of_their_rank():
    """Of 199 marks the 10th and the 190th, but one further out where a float is just below the rank."""
    rows = [((0.0, 100.0, 200.0), 100.0 + number) for number in range(-99, 100)]
    learned = learn(rows)
    assert learned.level == 1 and learned.median == 0
    assert (learned.low, learned.high) == pytest.approx((-0.91, 0.90), abs=0.011)


def test_too_few_outcomes_teach_nothing_about_any_order():
    assert Lessons([]).correct(INTERVAL) == INTERVAL
    assert Lessons(outcomes(FEWEST - 1)).correct(INTERVAL) == INTERVAL
