"""The Celery tasks of the kitchen: entry points only, the rules are in `flow`.

A chain of these links is sent for each work that has begun, and any worker can run it. Ours gathers what is due
(kitchen.worker): to it a message only says when that will be.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from celery.exceptions import Ignore
from django.conf import settings
from django.db import InterfaceError, OperationalError, transaction
from django.dispatch import receiver

from celery_app import Replaceable, app
from home.models import Order, OrderItem
from kitchen import clock, flow, incomplete, outlook, stages
from kitchen.flow import loading_awaited, work_begun
from kitchen.incomplete import Incomplete
from kitchen.locks import Work
from kitchen.models import Station
from kitchen.worker import step
from pizzaProj import waits
from telemetry import sweeps, trace

logger = logging.getLogger(__name__)
step.add_to(app)

SWEEP_EXPIRE_SECONDS = 1  # as migration 0002 tells beat to send it
GATHERED_SECONDS = 8.0  # a keeper finds work whose message was lost within a second; if none does, the sweep sends it


class Gathered(Replaceable):
    """A task of the kitchen's that a worker gathers with others, if it may (settings.GATHER_LINKS)."""

    abstract = True
    Strategy = "kitchen.worker.strategy:gathered"


PATIENT: dict[str, Any] = {
    "base": Gathered,
    "bind": True,
    "autoretry_for": (OperationalError, InterfaceError),
    "retry_backoff": True,
    "retry_backoff_max": waits.TASK_RETRY_SECONDS,
    "max_retries": None,
}


@contextmanager
def complete_kitchen() -> Iterator[None]:
    """End the task in silence if a station is missing: once it is back, the recovery sweep brings what is overdue."""
    try:
        yield
    except Incomplete as error:
        incomplete.tell(error)
        raise Ignore from None


@app.task(name="kitchen.finish", **PATIENT)
def finish(self: Any, pk: int, epoch: int, stage: str) -> None:
    """Run a link of an order: finish the work of one stage. End the chain if the order does not go on."""
    run_link(self, flow.finish, pk, epoch, stage)


@app.task(name="kitchen.finish_item", **PATIENT)
def finish_item(self: Any, pk: int, number: int, epoch: int, stage: str) -> None:
    """Run a link of an item: likewise."""
    run_link(self, flow.finish_item, pk, number, epoch, stage)


def run_link(task: Any, verb: Callable[..., Work | None], pk: int, *args: Any) -> None:
    work = None
    try:
        with complete_kitchen():
            work = verb(pk, *args)
    except Order.DoesNotExist:
        logger.info("Order %d is gone", pk)
    except flow.TooEarly as early:
        raise task.retry(countdown=early.seconds) from None
    continue_chain(task.request, work)


@app.task(name="kitchen.load", **PATIENT)
def load(self: Any, stage: str, busy_until: str) -> None:
    """Load a belt with the next in line, as soon as it can take it."""
    try:
        with complete_kitchen():
            flow.load(stage, datetime.fromisoformat(busy_until))
    except flow.TooEarly as early:
        raise self.retry(countdown=early.seconds) from None


@app.task(name="kitchen.sweep", base=Replaceable, bind=True)
def sweep(self: Any) -> None:
    """Run the recovery sweep: orders whose link was lost (a worker killed, Redis wiped) get a new chain."""
    try:
        with complete_kitchen():
            flow.recover(lag_seconds(self.request.expires, clock.now()) + patience_seconds())
            flow.seat_all()
    except Ignore:
        sweeps.note("incomplete", 1)
        raise


def lag_seconds(expires: str | None, now: datetime) -> float:
    """Return how long a sweep has been in the queue. Links are in the same one, and can be as late as that.

    Beat gave it SWEEP_EXPIRE_SECONDS when it sent it; a worker that holds it by then runs it however late.
    """
    if expires is None:
        return 0.0
    sent_at = datetime.fromisoformat(expires) - timedelta(seconds=SWEEP_EXPIRE_SECONDS)
    return max(0.0, (now - sent_at).total_seconds())


def patience_seconds() -> float:
    """Return for how much longer a sweep leaves overdue work to the keepers, to whom its message would say nothing."""
    return GATHERED_SECONDS if settings.GATHER_LINKS else 0.0


@receiver(work_begun)
def cook(order: Order, item: OrderItem | None = None, **kwargs: Any) -> None:
    """Enqueue the chain of a work that has just begun, after the commit (robust: it is saved already).

    Not if the transaction has moved this instance on since: where it is then, another chain has begun, or none is due.
    """
    work = item or order
    begun = work.epoch, work.stage

    def enqueue_if_still_begun() -> None:
        if (work.epoch, work.stage) == begun:
            with trace.in_course_of(order.request_id):  # not of the click that has made room for it
                enqueue(work)

    transaction.on_commit(enqueue_if_still_begun, robust=True)


@receiver(loading_awaited)
def wake_belt(station: Station, due_monotonic: float, **kwargs: Any) -> None:
    """Enqueue the next loading of a belt, after the commit. It is nobody's: each loads what comes next."""

    def enqueue_nobodys() -> None:
        with trace.in_course_of(""):
            enqueue_loading(station, due_monotonic)

    transaction.on_commit(enqueue_nobodys, robust=True)


def enqueue(work: Work) -> None:
    """Send one link per stage that is left. The first has a countdown; each sets that of the next (continue_chain)."""
    first, *rest = links(work)
    # The message that `chain(first, *rest).apply_async()` sends, without first cloning and freezing each link.
    first.set(**countdown(work.due_monotonic)).apply_async(chain=rest[::-1])


def links(work: Work) -> list[Any]:
    """Return the links of a chain. That of an item ends where its order goes on as a whole."""
    if isinstance(work, Order):
        return [finish.si(work.pk, work.epoch, stage) for stage in stages.remaining(work.stage, work.way)]
    left = stages.remaining(work.stage, work.order.way)
    codes = [stage for stage in left if outlook.stations.is_of_items(stage)] or left[:1]
    return [finish_item.si(work.order.pk, work.number, work.epoch, stage) for stage in codes]


def enqueue_loading(station: Station, due_monotonic: float) -> None:
    assert station.busy_until is not None, "only a belt that is busy is waited for"
    load.si(station.stage, station.busy_until.isoformat()).apply_async(**countdown(due_monotonic))


def continue_chain(request: Any, work: Work | None) -> None:
    """Let the chain of this link go on when the work that has just begun is done; end it if there is none.

    The countdown is set now, not when the chain was made: distributions, speed and capacity can have changed since.
    """
    if work is None:
        # `raise Ignore()` has the same effect, but Celery serialises a traceback: a tenth of the time of a kitchen
        # with lines.
        request.chain = None
    elif request.chain:
        request.chain[-1]["options"].update(countdown(work.due_monotonic))
    else:
        enqueue(work)  # the chain was made when its stations came to an end here


def countdown(due_monotonic: float) -> dict[str, float]:
    """Return the wall seconds until the work is done, as an option of its link.

    There is none if that is no longer than flow.finish forgives: a countdown costs the worker more. The clock is the
    one that the kitchen read behind its lock, not this process's own.
    """
    seconds = due_monotonic - time.monotonic()
    return {"countdown": seconds} if seconds > flow.EARLY_SECONDS else {}
