"""The tutorial's kitchen: a chain of tasks, each of which loads the order, sets its status and saves it."""

from celery import chain

from benchmarks.tutorial.celery_app import app
from benchmarks.tutorial.models import STATUSES, Order


@app.task(name="tutorial.set_status")
def set_status(pk: int, status: str) -> None:
    order = Order.objects.get(pk=pk)
    order.status = status
    order.save()


def cook(order: Order) -> None:
    """No countdown at all: the fastest that this pattern can be."""
    chain(*(set_status.si(order.pk, status) for status in STATUSES[1:])).apply_async()
