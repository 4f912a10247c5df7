"""Beat, whose jobs run also after the clock was set back.

A job whose last run lies in the future is not due until then, and beat would say nothing. Beat goes by the same clock
as the kitchen.
"""

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from celery.schedules import schedule
from celery.utils.time import maybe_make_aware
from django_celery_beat.schedulers import DatabaseScheduler, ModelEntry

from kitchen import clock
from kitchen.locks import HELD_SECONDS

logger = logging.getLogger(__name__)

HELD = timedelta(seconds=HELD_SECONDS)


class Job(ModelEntry):  # type: ignore[misc]
    """A job, which knows when it last ran."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.schedule.nowfun = self._default_now  # otherwise the clock of this machine

    def _default_now(self) -> datetime:
        now: datetime = self.app.now()
        return now

    def is_ahead(self) -> bool:
        last_run_at: datetime = maybe_make_aware(self.model.last_run_at)  # the entry's own is from when it was read
        return last_run_at - self._default_now() > HELD

    def pull_back(self) -> None:
        """Let a job that runs at intervals be due now; any other waits for its next time."""
        is_at_intervals = type(self.schedule) is schedule
        back = self.schedule.run_every if is_at_intervals else timedelta(0)
        self.last_run_at = self.model.last_run_at = self._default_now() - back


class Scheduler(DatabaseScheduler):  # type: ignore[misc]
    Entry = Job
    ticked_at: datetime | None = None

    def tick(self, *args: Any, **options: Any) -> float:
        clock.the_databases.ask_now_and_then()
        now = self.app.now()
        if self.ticked_at is not None and self.ticked_at - now > HELD:
            self.pull_back(self.schedule.values())
            self._heap = None  # it is in the order of the old clock
        self.ticked_at = now
        seconds: float = super().tick(*args, **options)
        return seconds

    def all_as_schedule(self) -> dict[str, Job]:
        clock.the_databases.ask_now_and_then()
        entries: dict[str, Job] = super().all_as_schedule()
        self.pull_back(entries.values())
        return entries

    def pull_back(self, entries: Iterable[Job]) -> None:
        jobs = list(entries)
        ahead = [job for job in jobs if job.is_ahead()]
        for job in ahead:
            job.pull_back()
        if ahead:
            self._last_sync = None  # write soon that they have run
            words = "The clock was set back: jobs that had last run in the future run now (%d of %d)"
            logger.warning(words, len(ahead), len(jobs))
