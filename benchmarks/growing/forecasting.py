"""What a round of the forecast costs."""

from statistics import median

from django.utils import timezone

from benchmarks.history.serving import processor_seconds
from kitchen.promises import tasks

ROUNDS = 20  # more than it takes to come to each order once


def rounds() -> dict[str, float]:
    """Return the processor time of rounds of the task, in ms, after the first, which finds all without a forecast."""
    tasks.look_ahead()
    costs = []
    for _ in range(ROUNDS):
        began = processor_seconds()
        tasks.look_ahead()
        costs.append(1000 * (processor_seconds() - began))
    return {"a round, median": median(costs), "a round, the longest": max(costs)}
