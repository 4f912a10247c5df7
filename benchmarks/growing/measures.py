"""What is measured in a kitchen that grows, a file each."""

from collections.abc import Callable

from benchmarks.growing import boarding, forecasting, promising

Figures = dict[str, float]  # by name

MEASURES: dict[str, Callable[[], Figures]] = {
    "forecast": forecasting.rounds,
    "promise": promising.answers,
    "board": boarding.frames,
}
