"""What a round of the forecast costs."""

import time
from statistics import median

from django.utils import timezone

from benchmarks.growing.cooking import cook
from benchmarks.history.serving import processor_seconds
from kitchen.promises import tasks

ROUNDS = 20  # one every two seconds, more than it takes to come to each order once
EVERY_SECONDS = 2.0


def rounds() -> dict[str, float]:
    """Return the processor time of rounds of the task, in ms, with all that is due cooked in between."""
    tasks.look_ahead()  # what is remembered from now on
    costs = []
    for _ in range(ROUNDS):
        time.sleep(EVERY_SECONDS)
        cook(timezone.now())
        began = processor_seconds()
        tasks.look_ahead()
        costs.append(1000 * (processor_seconds() - began))
    return {"a round, median": median(costs), "a round, the longest": max(costs)}
