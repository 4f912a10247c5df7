"""Beat's jobs run also after the clock was set back."""

from datetime import timedelta

import pytest
from django_celery_beat import schedulers
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from celery_app import app
from kitchen.tests.clock import at
from pizzaProj.messaging import beat

HOUR_SECONDS = 3600


@pytest.fixture
def sent(monkeypatch):
    """Collect the tasks that beat sends. It must not close the connection, with the test's transaction."""
    monkeypatch.setattr(schedulers, "close_old_connections", lambda: None)
    tasks = []
    monkeypatch.setattr(beat.Scheduler, "apply_async", lambda self, entry, **kwargs: tasks.append(entry.task))
    monkeypatch.setattr(beat.Scheduler, "producer", None)
    return tasks


@pytest.fixture
def clock(monkeypatch):
    """clock(seconds) sets the clock of beat to so many seconds after noon."""

    def clock(seconds):
        monkeypatch.setattr(app, "now", lambda: at(seconds), raising=False)

    clock(0)
    return clock


@pytest.fixture
def job(db):
    PeriodicTask.objects.all().delete()
    interval = IntervalSchedule.objects.create(every=2, period="seconds")
    return PeriodicTask.objects.create(name="Sweep", task="kitchen.sweep", interval=interval, last_run_at=at(0))


def run(scheduler):
    """Let beat look until nothing is due; return how long it would sleep."""
    for _ in range(9):
        if seconds := scheduler.tick():
            return seconds
    raise AssertionError("Beat never rests.")


def test_jobs_that_last_ran_in_the_future_run_at_once(job, clock, sent, caplog):
    PeriodicTask.objects.update(last_run_at=at(HOUR_SECONDS))
    run(beat.Scheduler(app=app))
    assert sent == ["kitchen.sweep"]
    assert caplog.messages == ["The clock was set back: jobs that had last run in the future run now (1 of 1)"]


def test_jobs_run_on_when_the_clock_is_set_back_under_beat(job, clock, sent, caplog):
    scheduler = beat.Scheduler(app=app)
    for seconds in (0, 2, 4, 4 - HOUR_SECONDS, 6 - HOUR_SECONDS, 8 - HOUR_SECONDS):
        clock(seconds)
        run(scheduler)
    assert len(sent) == 5
    assert len(caplog.messages) == 1


def test_a_job_at_fixed_times_waits_for_its_next_one(job, clock, sent):
    at_four = CrontabSchedule.objects.create(hour="4", minute="0")
    PeriodicTask.objects.update(interval=None, crontab=at_four, last_run_at=at(HOUR_SECONDS))
    run(beat.Scheduler(app=app))
    assert sent == []


def test_set_back_by_what_the_log_can_hold_is_nothing_to_say(job, clock, sent, caplog):
    PeriodicTask.objects.update(last_run_at=at(0) + timedelta(seconds=2))
    run(beat.Scheduler(app=app))
    assert (sent, caplog.messages) == ([], [])
