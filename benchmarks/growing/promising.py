"""What an answer to "when, if I ordered now" costs, and each in a burst of orders."""

from statistics import median

from django.utils import timezone

from benchmarks.history.serving import processor_seconds
from home.models import Pizza
from kitchen import flow
from kitchen.promises import forecast

BASKETS = 20
BURST = 100  # orders


def answers() -> dict[str, float]:
    """Return the processor time of the first answer, of each later one, and of each order's in a burst, in ms."""
    first = cost(ask)
    baskets = [cost(ask) for _ in range(BASKETS)]
    pizza, burst = Pizza.objects.all()[0], []
    for _ in range(BURST):
        burst.append(cost(ask))
        flow.place([(pizza, 2)])
    return {
        "the first promise": first,
        "a basket’s promise, median": median(baskets),
        "an order’s in a burst, median": median(burst),
        "the longest in a burst": max(burst),
    }


def ask() -> None:
    assert forecast.promise(2, timezone.now()) is not None


def cost(work: object) -> float:
    began = processor_seconds()
    assert callable(work)
    work()
    return 1000 * (processor_seconds() - began)
