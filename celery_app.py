"""The Celery application: `celery -A celery_app worker -l info`."""

import os
from typing import Any

import billiard.pool
from celery import Celery
from celery.app.amqp import AMQP
from celery.signals import task_prerun
from kombu.connection import Connection

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pizzaProj.settings")

# A prefork child that ends waits until its parent has read its last result, which a parent that is ending too no
# longer does: up to 30 s (300 times 0.1 s) for every Ctrl-C that comes right after a task. One second is plenty.
billiard.pool.GUARANTEE_MESSAGE_CONSUMPTION_RETRY_LIMIT = 10

RECONNECT_SECONDS = 1.0


class PatientConnection(Connection):
    """Asks for a broker that is away once a second. Celery asks ever less often, up to every 30 s, and has no setting
    for it: after an outage the kitchen would stand still for so much longer."""

    def ensure_connection(self, *args: Any, **options: Any) -> Any:
        patience = {f"interval_{name}": RECONNECT_SECONDS for name in ("start", "step", "max")}
        return super().ensure_connection(*args, **{**patience, **options})  # type: ignore[no-untyped-call]


class PatientAMQP(AMQP):  # type: ignore[misc]
    Connection = PatientConnection


app = Celery("pizzaProj", amqp=PatientAMQP)
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.autodiscover_tasks(related_name="study_tasks")


@task_prerun.connect
def drop_dead_connections(task: Any, **kwargs: Any) -> None:
    """Celery is told to keep database connections (CELERY_DB_REUSE_MAX): a dead one must be noticed here."""
    from django.db import close_old_connections

    if not task.request.is_eager:
        close_old_connections()
