"""Drive this shop, through the same functions as benchmarks.tutorial.driver."""

import time
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Count
from django.dispatch import receiver

from home.models import Order, OrderEvent, Pizza
from kitchen import flow, stages, tasks
from kitchen.flow import work_begun
from kitchen.models import Shop, Station

SPEED = 100_000  # a driver's 1200 s are 12 ms: waiting in lines and processor time remain
WIDE = 1000  # so that no order waits

ALL = "SELECT count(*) FROM home_order"
FIRST_LEFT = f"SELECT count(*) FROM home_order WHERE stage <> '{stages.FIRST}'"
DELIVERED = f"SELECT count(*) FROM home_order WHERE stage = '{stages.LAST}'"

begun: list[Order] = []
default_capacities = {station.pk: station.capacity for station in Station.objects.all()}


def place(orders: int, wide: bool) -> list[str]:
    """Place orders that are not yet cooking, with the stations' own places or with one for everybody."""
    Order.objects.all().delete()
    Shop.objects.update(speed=SPEED)
    for pk, capacity in default_capacities.items():
        Station.objects.filter(pk=pk).update(capacity=WIDE if wide else capacity)
    pizza, _ = Pizza.objects.get_or_create(name="Margherita", defaults={"price": Decimal("9.50")})
    begun.clear()
    return [place_one(pizza) for _ in range(orders)]


def place_one(pizza: Pizza) -> str:
    return flow.place([(pizza, 1)]).order_id


work_begun.disconnect(tasks.cook)


@receiver(work_begun)
def keep(order: Order, **kwargs: Any) -> None:
    """Collect the order instead of cooking it at once."""
    begun.append(order)


def cook() -> None:
    for order in begun:
        tasks.enqueue(order)


def check() -> int:
    """Count the events that were written. Fails unless every order has each of its changes once, without gaps."""
    for pk, stage, seq, events in Order.objects.values_list("pk", "stage", "seq", Count("events")):
        assert stage == stages.LAST and events == seq, f"order {pk} is {stage}, with {events} events of {seq}"
    moves = OrderEvent.objects.filter(event__in=["started", "delivered"]).count()
    assert moves == len(stages.STAGES) * Order.objects.count(), f"{moves} starts and deliveries"
    return OrderEvent.objects.count()


def change(order_id: str) -> tuple[str, float]:
    """Move one order one stage on. Return its new status and when that was committed."""
    committed: list[float] = []
    order = Order.objects.only("pk", "stage").get(order_id=order_id)
    with transaction.atomic():
        transaction.on_commit(lambda: committed.append(time.monotonic()))  # connected before the shop's own receiver
        flow.advance(order.pk)
    return stages.BY_CODE[stages.after(order.stage)].label, committed[0]
