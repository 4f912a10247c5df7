"""Drive the tutorial's shop, with the same functions as benchmarks.ours."""

import time
from typing import Any

from django.contrib.auth.models import User
from django.db import connection

from benchmarks.tutorial import tasks
from benchmarks.tutorial.models import STATUSES, Order, Pizza

ALL = "SELECT count(*) FROM tutorial_order"
MOVED = f"SELECT count(*) FROM tutorial_order WHERE status <> '{STATUSES[0]}'"
DELIVERED = f"SELECT count(*) FROM tutorial_order WHERE status = '{STATUSES[-1]}'"


def place(orders: int, wide: bool, pizzas: int = 1) -> list[str]:
    """Save orders that are not yet cooking. There are no capacities here that `wide` could raise, and an order is one
    pizza, whatever `pizzas` says."""
    Order.objects.all().delete()
    user, _ = User.objects.get_or_create(username="alice")
    pizza, _ = Pizza.objects.get_or_create(name="Margherita", defaults={"price": 9})
    return [Order.objects.create(pizza=pizza, user=user).order_id for _ in range(orders)]


def cook() -> None:
    for order in Order.objects.all():
        tasks.cook(order)


def changes() -> int:
    """Count the stage changes: whatever an order is of, it moves as a whole."""
    return (len(STATUSES) - 1) * Order.objects.count()


def check() -> int:
    """Count the rows of the history: none here."""
    return 0


def change(order_id: str) -> tuple[str, float]:
    """Move one order one stage on. Return its new status and when that was committed."""
    order = Order.objects.get(order_id=order_id)
    order.status = STATUSES[STATUSES.index(order.status) + 1]
    committed = 0.0

    def watch(execute: Any, sql: str, *arguments: Any) -> Any:
        nonlocal committed
        result = execute(sql, *arguments)
        committed = time.monotonic()  # without a transaction the UPDATE is its own commit; then comes post_save
        return result

    with connection.execute_wrapper(watch):
        order.save()
    return order.status, committed
