"""Tasks are timed by name and outcome, also those that fail, are sent again, expire or are killed."""

import pytest
from celery import Celery
from celery.exceptions import Ignore
from celery.signals import task_revoked

from pizzaProj.messaging.messages import Message
from telemetry import tasks

TIMED, NOT_RUN = "shop_task_seconds", "shop_tasks_not_run_total"


@pytest.fixture
def app():
    app = Celery("tests", set_as_current=False)
    app.conf.update(task_always_eager=True, task_eager_propagates=False)
    return app


def test_each_task_is_timed_by_how_it_ended(app, counted):
    @app.task(name="bake", shared=False)
    def bake(): ...

    @app.task(name="burn", shared=False)
    def burn():
        raise ValueError

    @app.task(name="skip", shared=False)
    def skip():
        raise Ignore

    for task in (bake, bake, burn, skip):
        task.apply()
    assert counted(TIMED) == {("bake", "success"): 2, ("burn", "failure"): 1, ("skip", "ignored"): 1}


def test_one_that_expired_is_counted_and_one_that_was_revoked_is_not(app, counted):
    @app.task(name="bake", shared=False)
    def bake(): ...

    for expired in (True, False):
        task_revoked.send(bake, request=None, terminated=False, signum=None, expired=expired)
    assert counted(NOT_RUN) == {("bake", "expired"): 1}


def test_one_whose_process_is_killed_is_counted(app, counted, monkeypatch):
    message = Message.__new__(Message)
    message.name = "bake"
    monkeypatch.setattr(Message.__base__, "on_timeout", lambda *args: None)
    for is_soft in (True, False):
        message.on_timeout(is_soft, 60)
    assert counted(NOT_RUN) == {("bake", "killed"): 1}


def test_workers_and_beat_begin_to_send_and_a_pools_process_sends_the_rest(monkeypatch):
    said = []
    monkeypatch.setattr(tasks.sender, "begin", said.append)
    monkeypatch.setattr(tasks.sender, "end", lambda: said.append("end"))
    tasks.worker_process_init.send(None)
    tasks.worker_process_shutdown.send(None, pid=1, exitcode=0)
    assert said == ["worker", "end"]
