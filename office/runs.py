"""Runs: an action on many rows, one by one, each in a transaction of its own together with its mark.

So a killed worker costs nothing and does nothing twice. A worker holds a run for a while; whoever finds it let go
carries on (office.tasks).
"""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from office.asking import request_of
from office.models import Run, Selection
from office.outcome import Outcome
from pizzaProj import limits, waits

Status = Run.Status
Clock = Callable[[], datetime]


def store(table: str, action: str, rows: list[Any], by: Any) -> Run:
    """Store a run; office.tasks starts it."""
    with transaction.atomic():
        run = Run.objects.create(table=table, action=action, by=by, total=len(rows))
        Selection.objects.create(run=run, rows=rows)
        old = Run.objects.exclude(status=Status.RUNNING).values_list("pk", flat=True)[limits.ACTION_RUNS_KEPT :]
        Run.objects.filter(pk__in=list(old)).delete()
    return run


def let_go(now: datetime) -> Iterable[int]:
    """Return the runs that no worker holds. One that is held until long after is from before the clock was set."""
    return Run.objects.filter(is_free(now), status=Status.RUNNING).order_by("pk").values_list("pk", flat=True)


def count_abandoned(now: datetime) -> int:
    """Return how many of these a worker began and never let go of. The others can be on their way to one."""
    return Run.objects.filter(is_free(now), status=Status.RUNNING).exclude(held_until=None).count()


def is_free(now: datetime) -> Q:
    hold = timedelta(seconds=waits.ACTION_HELD_SECONDS)
    return Q(held_until=None) | Q(held_until__lt=now) | Q(held_until__gt=now + hold)


def work(pk: int, clock: Clock = timezone.now) -> bool:
    """Take rows of a run for a while; return whether there are more. Nothing happens if another worker has it."""
    now = clock()
    hold = now + timedelta(seconds=waits.ACTION_HELD_SECONDS)
    if not Run.objects.filter(is_free(now), pk=pk, status=Status.RUNNING).update(held_until=hold):
        return False
    run = Run.objects.select_related("by").get(pk=pk)
    if not is_allowed(run):
        return finish(pk, Status.FAILED, now)
    rows = Selection.objects.values_list("rows", flat=True).get(run=pk)
    position: int | None = run.position
    while (
        position is not None and position < len(rows) and clock() < now + timedelta(seconds=waits.ACTION_TURN_SECONDS)
    ):
        position = step(run, rows[position], position, clock())
    if position == len(rows):
        return finish(pk, Status.DONE, clock())
    Run.objects.filter(pk=pk, held_until=hold).update(held_until=None)
    return position is not None


def step(run: Run, row: list[Any], position: int, now: datetime) -> int | None:
    """Take one row; return the position of the next. None if it was stopped, or another worker is at it."""
    with transaction.atomic():
        here = Run.objects.select_for_update(no_key=True).get(pk=run.pk)
        if here.status != Status.RUNNING or here.position != position:
            return None
        outcome = Outcome(here.done, here.refused)
        admin_of(run).attempt(outcome, run.action, *row, run.by)
        here.position, here.done, here.refused, here.moved_at = position + 1, outcome.done, outcome.refused, now
        here.save(update_fields=["position", "done", "refused", "moved_at"])
    return here.position


def finish(pk: int, status: str, now: datetime) -> bool:
    """End a run once. What was done stays done. Return False: there is nothing more to do."""
    with transaction.atomic():
        running = Run.objects.filter(pk=pk, status=Status.RUNNING)
        if running.update(status=status, ended_at=now, held_until=None):
            Selection.objects.filter(run=pk).delete()
    return False


def stop(pk: int, now: datetime) -> bool:
    """Stop a run after the row that is being taken; return False if it had ended."""
    is_running = Run.objects.filter(pk=pk, status=Status.RUNNING).exists()
    finish(pk, Status.STOPPED, now)
    return is_running and Run.objects.filter(pk=pk, status=Status.STOPPED).exists()


def admin_of(run: Run) -> Any:
    return admin.site.get_model_admin(apps.get_model(run.table))


def is_allowed(run: Run) -> bool:
    """Whether the person can still do that: an account can be closed, and a right taken away, meanwhile."""
    by = run.by
    return by is not None and by.is_active and by.is_staff and run.action in admin_of(run).get_actions(request_of(by))
