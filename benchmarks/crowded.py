"""A kitchen with thousands of open orders, written straight into the tables: to place them takes minutes."""

from datetime import timedelta
from itertools import cycle, islice
from typing import Any

from django.utils import timezone

from home.models import PROMISE_FIELDS, Order, OrderItem, new_order_id

Fields = dict[str, Any]

# Of ten orders: the stage, whether it is under way or on hold, and how many pizzas.
MIX = [
    ("received", "waiting", 2),
    ("received", "waiting", 1),
    ("received", "working", 2),
    ("baking", "waiting", 3),
    ("baking", "held", 1),
    ("baked", "waiting", 2),
    ("out_for_delivery", "waiting", 1),
    ("out_for_delivery", "working", 4),
    ("out_for_delivery", "held", 1),
    ("ready", "working", 2),
]
OF_ITEMS = ("received", "baking")


def fill(count: int, promised: bool = True) -> None:
    """Write so many open orders. At the make line and the oven the first pizza of an order is what is under way."""
    now = timezone.now()
    orders: list[Order] = []
    items: list[OrderItem] = []
    for number, (stage, state, pizzas) in enumerate(islice(cycle(MIX), count)):
        joined_at = now - timedelta(seconds=count - number)
        of_work: Fields = {"stage": stage, "held": state == "held", "joined_at": joined_at}
        begun: Fields = {"started_at": joined_at, "due_at": now + timedelta(minutes=9)} if state == "working" else {}
        is_whole = stage not in OF_ITEMS
        own: Fields = {**of_work, **begun} if is_whole else {"stage": stage, "joined_at": joined_at}
        order = Order(
            order_id=new_order_id(),
            way="carry_out" if stage == "ready" else "delivery",
            pizzas=pizzas,
            summary=f"{pizzas} × Margherita",
            seq=1,
            epoch=1,
            created_at=joined_at,
            **dict.fromkeys(PROMISE_FIELDS, now + timedelta(seconds=30 * (number % 7 - 1)) if promised else None),
            **own,
        )
        orders.append(order)
        for piece in range(pizzas):
            of_piece: Fields = {**of_work, **(begun if piece == 0 else {})}
            of_piece = {"is_done": True, "stage": "baked"} if is_whole else of_piece
            items.append(OrderItem(order=order, number=piece + 1, name="Margherita", epoch=1, **of_piece))
    Order.objects.bulk_create(orders)
    OrderItem.objects.bulk_create(items)
