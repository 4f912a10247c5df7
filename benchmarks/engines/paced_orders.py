"""Drive this shop at its own pace: customers come by chance, and work takes the time that it takes."""

import math
import random
import time
from decimal import Decimal

from benchmarks import ours
from benchmarks.drive import wait_for
from home.models import Order, Pizza
from kitchen import flow
from kitchen.models import Shop, Station

SEED = 1  # the same customers in each round


def open_kitchen(speed: float, orders_per_second: float, load: float) -> None:
    """Give each station as many places as make this load of this many orders."""
    Order.objects.all().delete()
    Shop.objects.update(speed=speed)
    for station in Station.objects.all():
        at_work = orders_per_second * station.mean_seconds / speed
        Station.objects.filter(pk=station.pk).update(capacity=math.ceil(at_work / load))


def place(orders_per_second: float, seconds: float) -> int:
    """Place orders of one pizza as customers come, and let the worker cook them. Return how many."""
    pizza, _ = Pizza.objects.get_or_create(name="Margherita", defaults={"price": Decimal("9.50")})
    chance, start, due, placed = random.Random(SEED), time.monotonic(), 0.0, 0
    while (due := due + chance.expovariate(orders_per_second)) < seconds:
        time.sleep(max(0.0, start + due - time.monotonic()))
        flow.place([(pizza, 1)])
        placed += 1
    return placed


def wait_and_count() -> int:
    """Wait until all is delivered. Return how many changes there were."""
    wait_for(ours.DELIVERED, Order.objects.count())
    ours.check()
    return ours.changes()
