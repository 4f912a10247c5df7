"""Celery tasks of `studies`: the parts of a study, shared out among all workers.

A part has the lowest priority: links of live orders in the queue go before it.
"""

import logging
from collections.abc import Iterable

from django.db import InterfaceError, OperationalError, transaction
from django.utils import timezone

from celery_app import Replaceable, app
from kitchen.models import Study
from kitchen.planner import studies
from pizzaProj import waits

logger = logging.getLogger(__name__)

LAST = 9  # the last of Celery's priorities on Redis, where 0 comes first


@app.task(
    name="kitchen.study_part",
    base=Replaceable,
    autoretry_for=(OperationalError, InterfaceError),
    retry_backoff=True,
    retry_backoff_max=30,
    max_retries=5,
    time_limit=waits.STUDY_PART_SECONDS,
)
def study_part(pk: int) -> None:
    try:
        study = studies.work(pk)
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        logger.exception("Part %d of a study can't be simulated", pk)
        fail(pk)
        return
    if study:
        go_on(study)


@app.task(name="kitchen.study_sweep", base=Replaceable)
def study_sweep() -> None:
    """Send again what was lost (a worker killed, the broker emptied)."""
    studies.tidy()
    for study in studies.running():
        go_on(study)


def go_on(study: Study) -> None:
    send(studies.advance(study, timezone.now()))


def start(study: Study) -> None:
    """Start a study after the commit (robust: the sweep sends what can't be sent now)."""
    transaction.on_commit(lambda: go_on(study), robust=True)


def send(parts: Iterable[int]) -> None:
    for pk in parts:
        study_part.apply_async((pk,), priority=LAST)


def fail(pk: int) -> None:
    study = Study.objects.filter(parts=pk).first()
    if study:
        studies.end(study, Study.Status.FAILED, None, timezone.now())
