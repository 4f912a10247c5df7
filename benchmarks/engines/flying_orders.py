"""Drive this shop with very many orders that are all out for delivery."""

import time
from datetime import timedelta
from math import inf
from typing import Any

from home.models import Order, OrderItem
from kitchen import clock, stages, tasks
from kitchen.models import Shop, Station

STAGE = stages.remaining(stages.FIRST)[-1]  # the last in which there is work
BATCH = 5000

due: dict[str, Any] = {}  # when the first falls due, and how many a second


def take_off(orders: int, lead_seconds: float, per_second: float) -> float:
    """Put orders on the road, evenly due from `lead_seconds` on, and send a chain for each.

    Return how many seconds are left until the first is due.
    """
    Order.objects.all().delete()
    Shop.objects.update(speed=1)
    Station.objects.filter(stage=STAGE).update(capacity=2 * orders)
    now, monotonic = clock.now(), time.monotonic()
    due.update(first=now + timedelta(seconds=lead_seconds), per_second=per_second)
    Order.objects.bulk_create((on_the_road(number, now) for number in range(orders)), BATCH)
    placed = list(Order.objects.order_by("pk"))
    OrderItem.objects.bulk_create(
        (OrderItem(order=order, number=1, stage=STAGE, is_done=True) for order in placed), BATCH
    )
    for order in placed:
        assert order.due_at is not None
        order.due_monotonic = monotonic + (order.due_at - now).total_seconds()
        tasks.enqueue(order)
    return lead_seconds - (time.monotonic() - monotonic)


def on_the_road(number: int, now: Any) -> Order:
    due_at = due["first"] + timedelta(seconds=number / due["per_second"])
    return Order(order_id=f"{number:020}", stage=STAGE, epoch=1, seq=1, joined_at=now, started_at=now, due_at=due_at)


def landed(seconds: float) -> list[float]:
    """Return by how many seconds each order was late that fell due in these first seconds; infinity if still there."""
    ids = [f"{number:020}" for number in range(int(seconds * due["per_second"]))]
    found = dict(Order.objects.filter(order_id__in=ids).values_list("order_id", "delivered_at"))
    return [late(number, found[order_id]) for number, order_id in enumerate(ids)]


def late(number: int, delivered_at: Any) -> float:
    due_at = due["first"] + timedelta(seconds=number / due["per_second"])
    return inf if delivered_at is None else float((delivered_at - due_at).total_seconds())
