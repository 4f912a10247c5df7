"""What a round of the forecast costs."""

import time
from statistics import median

from django.utils import timezone

from benchmarks.growing.cooking import cook
from benchmarks.history.serving import processor_seconds
from kitchen.promises import tasks

ROUNDS = 62  # two minutes: in the first all orders get a forecast, the second counts
EVERY_SECONDS = 2.0


def rounds() -> dict[str, float]:
    """Return the processor time of rounds of the task, in ms, with all that is due cooked in between."""
    costs = []
    for _ in range(ROUNDS):
        time.sleep(EVERY_SECONDS)
        cook(timezone.now())
        began = processor_seconds()
        tasks.look_ahead()
        costs.append(1000 * (processor_seconds() - began))
    costs = costs[ROUNDS // 2 :]  # the first ones find all orders without a forecast
    return {"a round, median": median(costs), "a round, the longest": max(costs)}
