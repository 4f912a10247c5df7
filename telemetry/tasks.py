"""Time each task, by its name and how it ended, in whatever process runs it; and begin to send in workers and beat."""

from time import monotonic
from typing import Any

from celery.signals import (
    beat_init,
    task_postrun,
    task_prerun,
    task_revoked,
    worker_process_init,
    worker_process_shutdown,
    worker_ready,
)

from telemetry.counts import counts
from telemetry.sending import sender

UNKNOWN = "unknown"


@task_prerun.connect
def note_begin(task: Any, **kwargs: Any) -> None:
    task.request.begun_monotonic = monotonic()


@task_postrun.connect
def note_end(task: Any, state: str | None, **kwargs: Any) -> None:
    begun = getattr(task.request, "begun_monotonic", None)
    if begun is not None:
        counts.observe("shop_task_seconds", monotonic() - begun, task.name, (state or UNKNOWN).lower())


@task_revoked.connect
def note_expired(sender: Any, expired: bool, **kwargs: Any) -> None:
    if expired:
        counts.add("shop_tasks_not_run_total", sender.name, "expired")


def note_killed(task_name: str) -> None:
    """Count a task that took too long, in the process that has killed the one that ran it."""
    counts.add("shop_tasks_not_run_total", task_name, "killed")


@worker_ready.connect
@worker_process_init.connect
def begin_in_a_worker(**kwargs: Any) -> None:
    """A pool's process counts for itself, and so does the one that has the pool."""
    sender.begin("worker")


@beat_init.connect
def begin_in_beat(**kwargs: Any) -> None:
    sender.begin("beat")


@worker_process_shutdown.connect
def end_in_a_worker(**kwargs: Any) -> None:
    """Send the rest: a pool's process ends without Python's own farewell."""
    sender.end()
