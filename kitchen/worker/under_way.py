"""What is under way in the kitchen, for operators: Celery itself does not know it where links are gathered."""

from typing import Any

from django.db import Error, connection

from home.models import Order, OrderItem
from kitchen.worker.keeper import keeper

SHOWN = 20


def report() -> dict[str, Any]:
    """Return the works that are due next, and how many moments this worker has noted."""
    try:
        return {"noted": len(keeper.due), "next": soonest()}
    except Error as error:
        return {"noted": len(keeper.due), "error": f"The database does not answer: {type(error).__name__}"}
    finally:
        if not connection.in_atomic_block:
            connection.close()  # the pool may fork in this thread


def soonest() -> list[dict[str, Any]]:
    """Return the works that are due first. Orders are named by their numbers: their ids are secrets."""
    works: list[Order | OrderItem] = [
        *Order.objects.working().order_by("due_at")[:SHOWN],
        *OrderItem.objects.working().select_related("order").order_by("due_at")[:SHOWN],
    ]
    works.sort(key=lambda work: (work.due_at, work.pk))
    return [as_row(work) for work in works[:SHOWN]]


def as_row(work: Order | OrderItem) -> dict[str, Any]:
    is_order = isinstance(work, Order)
    return {
        "order": work.pk if is_order else work.order_id,
        "item": None if is_order else work.number,
        "stage": work.stage,
        "epoch": work.epoch,
        "due_at": work.due_at.isoformat() if work.due_at else None,
    }
