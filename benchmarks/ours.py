"""Drive this shop, through the same functions as benchmarks.tutorial.driver."""

import time
from decimal import Decimal
from statistics import median
from typing import Any

from django.db import transaction
from django.db.models import Count

from home import live
from home.models import Order, OrderEvent, OrderItem, Pizza
from kitchen import clock, flow, stages, tasks
from kitchen.flow import work_begun
from kitchen.locks import Work
from kitchen.models import Shop, Station

SPEED = 100_000  # a driver's 1200 s are 12 ms: waiting in lines and processor time remain
PLACING_SPEED = 0.01  # nothing falls due before it is sent: a worker can find due rows by itself
WIDE = 1000  # so that no order waits

ALL = "SELECT count(*) FROM home_order"
MOVED = f"SELECT count(*) FROM home_orderitem WHERE stage <> '{stages.FIRST}'"
DELIVERED = f"SELECT count(*) FROM home_order WHERE stage = '{stages.LAST}'"

ALONE = tuple(  # stages that are worked on pizza by pizza
    station.stage for station in Station.objects.all() if station.is_of_items
)
WHOLE = tuple(stage for stage in stages.remaining(stages.FIRST) if stage not in ALONE)

begun: list[Work] = []
default_capacities = {station.pk: station.capacity for station in Station.objects.all()}


def place(orders: int, wide: bool, pizzas: int = 1) -> list[str]:
    """Place orders that are not yet cooking, with the stations' own places or with one for everybody."""
    work_begun.disconnect(tasks.cook)
    work_begun.connect(keep)
    Order.objects.all().delete()
    Shop.objects.update(speed=PLACING_SPEED)
    for pk, capacity in default_capacities.items():
        Station.objects.filter(pk=pk).update(capacity=WIDE if wide else capacity)
    pizza, _ = Pizza.objects.get_or_create(name="Margherita", defaults={"price": Decimal("9.50")})
    begun.clear()
    return [flow.place([(pizza, pizzas)]).order_id for _ in range(orders)]


def keep(order: Order, item: OrderItem | None = None, **kwargs: Any) -> None:
    """Collect what has begun instead of cooking it at once."""
    begun.append(item or order)


def cook() -> None:
    """Let all that has begun be due now, and send its chains."""
    Shop.objects.update(speed=SPEED)
    now, monotonic = clock.now(), time.monotonic()
    for rows in (Order.objects, OrderItem.objects):
        rows.filter(due_at__isnull=False).update(due_at=now)
    for work in begun:
        work.due_at, work.due_monotonic = now, monotonic
        tasks.enqueue(work)


def changes() -> int:
    """Count the stage changes: each pizza's into and out of the oven, each order's onto its way and to the door."""
    orders, items = Order.objects.count(), OrderItem.objects.count()
    return len(ALONE) * items + len(WHOLE) * orders


def check() -> int:
    """Count the events that were written. Fails unless every order has each of its changes once, without gaps."""
    for pk, stage, seq, events in Order.objects.values_list("pk", "stage", "seq", Count("events")):
        assert stage == stages.LAST and events == seq, f"order {pk} is {stage}, with {events} events of {seq}"
    moves = OrderEvent.objects.filter(event__in=["started", "delivered"]).count()
    assert moves == changes() + Order.objects.count(), f"{moves} starts and deliveries"
    return OrderEvent.objects.count()


def change(order_id: str) -> tuple[str, float]:
    """Move one order one stage on. Return its new status and when that was committed."""
    committed: list[float] = []
    order = Order.objects.only("pk", "stage").get(order_id=order_id)
    with transaction.atomic():
        transaction.on_commit(lambda: committed.append(time.monotonic()))  # connected before the shop's own receiver
        flow.advance(order.pk)
    return stages.BY_CODE[stages.after(order.stage)].label, committed[0]


def announce(times: int, per_second: float) -> float:
    """Announce an order at a steady pace. Return the median of the milliseconds that a call took."""
    order = Order.objects.with_items().get(order_id=place(1, wide=True)[0])
    live.announce(order)  # the first makes the thread
    start, took = time.monotonic(), []
    for number in range(times):
        time.sleep(max(0.0, start + number / per_second - time.monotonic()))
        began = time.perf_counter()
        live.announce(order)
        took.append(time.perf_counter() - began)
    return median(took) * 1000
