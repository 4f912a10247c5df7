"""Celery tasks of `runs`. A run has the lowest priority: links of live orders in the queue go before it."""

import logging
from typing import Any

from django.db import InterfaceError, OperationalError, transaction
from django.utils import timezone

from celery_app import Replaceable, app
from office import runs
from office.models import Run
from telemetry import sweeps

logger = logging.getLogger(__name__)

LAST = 9  # the last of Celery's priorities on Redis, where 0 comes first


@app.task(name="office.act", base=Replaceable)
def act(pk: int) -> None:
    """Go on with a run for a while, then make room for others in the queue."""
    try:
        goes_on = runs.work(pk)
    except (OperationalError, InterfaceError):
        raise  # the sweep sends it again
    except Exception:
        logger.exception("Action %d on many rows failed", pk)
        runs.finish(pk, Run.Status.FAILED, timezone.now())
        return
    if goes_on:
        send(pk)


@app.task(name="office.sweep", base=Replaceable)
def sweep() -> None:
    """Send again what was lost (a worker killed, the broker emptied)."""
    now = timezone.now()
    free = list(runs.let_go(now))
    abandoned = runs.count_abandoned(now) if free else 0
    if abandoned:
        logger.warning("%d actions on many rows had lost their worker: another one goes on", abandoned)
        sweeps.note("action", abandoned)
    for pk in free:
        send(pk)


def start(table: str, action: str, rows: list[Any], by: Any) -> Run:
    """Store a run and send it after the commit (robust: the sweep sends what can't be sent now)."""
    with transaction.atomic():
        run = runs.store(table, action, rows, by)
        transaction.on_commit(lambda: send(run.pk), robust=True)
    return run


def send(pk: int) -> None:
    act.apply_async((pk,), priority=LAST)
