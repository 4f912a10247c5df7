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
    """Send the chain without any countdown, which makes this pattern as fast as possible."""
    chain(*(set_status.si(order.pk, status) for status in STATUSES[1:])).apply_async()
