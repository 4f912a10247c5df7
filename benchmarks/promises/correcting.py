"""Promises as the shop makes them: the model, corrected by the newest outcomes of that way that were known by then."""

from collections.abc import Callable, Sequence

from benchmarks.promises.cases import Case
from benchmarks.promises.knowing import in_turn
from simulation import calibration
from simulation.calibration import Correction, Interval

LEARN_EVERY = 10  # orders, where the correction is the same for all
Lesson = tuple[Interval, float]


def ours(orders: Sequence[Case]) -> list[Interval]:
    """Look ahead with distributions as measured, and learn most from what was promised likewise."""
    lessons = lessons_in_turn(orders, lambda case: case.as_measured, Case.learns_from)
    return [
        calibration.Lessons(known).correct(order.as_measured) for order, known in zip(orders, lessons, strict=True)
    ]


def before(orders: Sequence[Case]) -> list[Interval]:
    """Look ahead with distributions as set, and learn from all alike, on a straight scale, as the shop did."""
    learned: dict[str, Correction] = {}
    intervals = []
    for number, known in enumerate(lessons_in_turn(orders, lambda case: case.as_set)):
        order = orders[number]
        if number % LEARN_EVERY == 0:
            learned.clear()
        if order.way not in learned:
            learned[order.way] = calibration.Lessons(known, beyond=0.0).correction()
        intervals.append(learned[order.way].apply(order.as_set))
    return intervals


def lessons_in_turn(
    orders: Sequence[Case],
    model: Callable[[Case], Interval],
    teaches: Callable[[Case, Case], bool] = lambda order, case: True,
) -> list[list[Lesson]]:
    """Return, for each order, the newest lessons of its way that were known when it came and that it learns from."""
    found = []
    for number, known in in_turn(orders):
        order = orders[number]
        newest = [orders[other] for other in known[-2 * calibration.WINDOW :]]
        those = [case for case in newest if case.way == order.way and teaches(order, case)][-calibration.WINDOW :]
        found.append([(model(case), case.seconds) for case in those])
    return found
