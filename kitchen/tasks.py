"""The Celery face of `flow`: what happens in the background. Entry points only, the rules are in `flow`."""

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from random import Random
from typing import Any

from django.core.management import call_command
from django.db import InterfaceError, OperationalError, transaction
from django.utils import timezone
from kombu.exceptions import OperationalError as BrokerDown

from accounts import limits
from celery_app import app
from home.models import Order
from kitchen import demand, flow, stages
from kitchen.promises import forecast, ledger, measure

logger = logging.getLogger(__name__)

SWEEP_EXPIRE_SECONDS = 1  # as migration 0002 tells beat


@app.task(
    name="kitchen.finish",
    bind=True,
    autoretry_for=(OperationalError, InterfaceError),
    retry_backoff=True,
    retry_backoff_max=30,
    max_retries=None,
)
def finish(self: Any, pk: int, epoch: int, stage: str) -> None:
    """A link: the work of one stage is done. Ends the chain if the order is not the one to go on."""
    try:
        begun = flow.finish(pk, epoch, stage, timezone.now())
    except Order.DoesNotExist:
        logger.info("Order %d is gone", pk)
        begun = []
    except flow.TooEarly as early:
        raise self.retry(countdown=early.seconds) from None
    cook_all(order for order in begun if order.pk != pk)
    go_on(self.request, [order for order in begun if order.pk == pk])


@app.task(name="kitchen.sweep", bind=True)
def sweep(self: Any) -> None:
    """The recovery sweep: whoever was forgotten (a worker killed, Redis wiped) gets a new chain."""
    now = timezone.now()
    cook_all(flow.recover(now, lag_seconds(self.request.expires, now)))
    cook_all(flow.seat_all(now))


@app.task(name="kitchen.demand")
def bring_customers() -> None:
    """The board's switch: simulated customers, as many as the time since the last run brings."""
    for begun in demand.come_in(timezone.now(), Random()):
        cook_all(begun)


@app.task(name="kitchen.forecast")
def look_ahead() -> None:
    """When every open order will be there, as of now; and what has come of the promises."""
    now = timezone.now()
    ledger.settle(now)
    forecast.renew(now)


@app.task(name="kitchen.measure")
def measure_work() -> None:
    """How long the work takes at each station, from the event log."""
    measure.renew()


@app.task(name="kitchen.clear_sessions")
def clear_sessions() -> None:
    call_command("clearsessions")
    limits.clear()


def lag_seconds(expires: str | None, now: datetime) -> float:
    """How long a sweep has stood in the queue. Links stand in the same one: those due later than that may still come.

    Beat gave it SWEEP_EXPIRE_SECONDS when it sent it; a worker that holds it by then runs it however late.
    """
    if expires is None:
        return 0.0
    sent_at = datetime.fromisoformat(expires) - timedelta(seconds=SWEEP_EXPIRE_SECONDS)
    return max(0.0, (now - sent_at).total_seconds())


def cook_all(orders: Iterable[Order]) -> None:
    for order in orders:
        cook(order)


def cook(order: Order) -> None:
    """Enqueue the chain of an order whose work has just begun, after the commit (robust: it is saved already)."""
    transaction.on_commit(lambda: _enqueue(order), robust=True)


def _enqueue(order: Order) -> None:
    """One link per stage that is left. The first has a countdown; each tells the next one its own (see go_on)."""
    first, *rest = [finish.si(order.pk, order.epoch, stage) for stage in stages.remaining(order.stage)]
    try:
        # What `chain(first, *rest).apply_async()` sends in the end, without cloning and freezing each link before.
        first.set(**countdown(order)).apply_async(chain=rest[::-1])
    except BrokerDown as error:
        logger.warning("No chain for order %d now, the recovery sweep will bring it: %s", order.pk, error)


def go_on(request: Any, own: list[Order]) -> None:
    """Let the chain of this link go on when the work that its order has just begun is done; end it if there is none.

    The countdown is set now, not when the chain was made: then laws, clock and places may have been others.
    """
    if not own:
        # `raise Ignore()` says the same, but Celery then serialises a traceback: a tenth of the time of a kitchen
        # with lines.
        request.chain = None
    elif request.chain:
        request.chain[-1]["options"].update(countdown(own[0]))


def countdown(order: Order) -> dict[str, float]:
    """Wall seconds until the work is done, as an option of its link.

    None if that is no longer than flow.finish forgives: a countdown is dearer for the worker.
    """
    assert order.due_at is not None, "only work that has begun has a chain"
    seconds = (order.due_at - timezone.now()).total_seconds()
    return {"countdown": seconds} if seconds > flow.EARLY_SECONDS else {}
