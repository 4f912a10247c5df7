"""The Celery tasks of the kitchen: entry points only, the rules are in `flow`."""

import logging
import time
from datetime import datetime, timedelta
from typing import Any

from django.db import InterfaceError, OperationalError, transaction
from django.dispatch import receiver
from django.utils import timezone
from kombu.exceptions import OperationalError as BrokerDown

from celery_app import app
from home.models import Order
from kitchen import flow, stages
from kitchen.flow import work_begun

logger = logging.getLogger(__name__)

SWEEP_EXPIRE_SECONDS = 1  # as migration 0002 tells beat to send it


@app.task(
    name="kitchen.finish",
    bind=True,
    autoretry_for=(OperationalError, InterfaceError),
    retry_backoff=True,
    retry_backoff_max=30,
    max_retries=None,
)
def finish(self: Any, pk: int, epoch: int, stage: str) -> None:
    """Run a link: finish the work of one stage. End the chain if the order does not go on."""
    order = None
    try:
        order = flow.finish(pk, epoch, stage)
    except Order.DoesNotExist:
        logger.info("Order %d is gone", pk)
    except flow.TooEarly as early:
        raise self.retry(countdown=early.seconds) from None
    continue_chain(self.request, order)


@app.task(name="kitchen.sweep", bind=True)
def sweep(self: Any) -> None:
    """Run the recovery sweep: orders whose link was lost (a worker killed, Redis wiped) get a new chain."""
    flow.recover(lag_seconds(self.request.expires, timezone.now()))
    flow.seat_all()


def lag_seconds(expires: str | None, now: datetime) -> float:
    """Return how long a sweep has been in the queue. Links are in the same one, and can be as late as that.

    Beat gave it SWEEP_EXPIRE_SECONDS when it sent it; a worker that holds it by then runs it however late.
    """
    if expires is None:
        return 0.0
    sent_at = datetime.fromisoformat(expires) - timedelta(seconds=SWEEP_EXPIRE_SECONDS)
    return max(0.0, (now - sent_at).total_seconds())


@receiver(work_begun)
def cook(order: Order, **kwargs: Any) -> None:
    """Enqueue the chain of an order whose work has just begun, after the commit (robust: it is saved already).

    Not if the transaction has moved this instance on since: where it is then, another chain has begun, or none is due.
    """
    begun = order.epoch, order.stage

    def enqueue_if_still_begun() -> None:
        if (order.epoch, order.stage) == begun:
            enqueue(order)

    transaction.on_commit(enqueue_if_still_begun, robust=True)


def enqueue(order: Order) -> None:
    """Send one link per stage that is left. The first has a countdown; each sets that of the next (continue_chain)."""
    first, *rest = [finish.si(order.pk, order.epoch, stage) for stage in stages.remaining(order.stage)]
    try:
        # The message that `chain(first, *rest).apply_async()` sends, without first cloning and freezing each link.
        first.set(**countdown(order)).apply_async(chain=rest[::-1])
    except BrokerDown as error:
        logger.warning("No chain for order %d now, the recovery sweep will bring it: %s", order.pk, error)


def continue_chain(request: Any, order: Order | None) -> None:
    """Let the chain of this link go on when the work that its order has just begun is done; end it if there is none.

    The countdown is set now, not when the chain was made: distributions, speed and capacity can have changed since.
    """
    if order is None:
        # `raise Ignore()` has the same effect, but Celery serialises a traceback: a tenth of the time of a kitchen
        # with lines.
        request.chain = None
    elif request.chain:
        request.chain[-1]["options"].update(countdown(order))


def countdown(order: Order) -> dict[str, float]:
    """Return the wall seconds until the work is done, as an option of its link.

    There is none if that is no longer than flow.finish forgives: a countdown costs the worker more. The clock is the
    one that the kitchen read behind its lock, not this process's own.
    """
    seconds = order.due_monotonic - time.monotonic()
    return {"countdown": seconds} if seconds > flow.EARLY_SECONDS else {}
