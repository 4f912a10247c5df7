"""The keeper as a part of Celery's worker: it begins after the pool has forked, and ends with the worker."""

from typing import Any

from celery import Celery, bootsteps
from django.conf import settings

from kitchen.worker import inspection  # noqa: F401  registers the command
from kitchen.worker.keeper import keeper


class Keeping(bootsteps.StartStopStep):  # type: ignore[misc]
    requires = ("celery.worker.components:Pool",)

    def include_if(self, parent: Any) -> bool:
        return bool(settings.GATHER_LINKS)

    def start(self, parent: Any) -> None:
        keeper.start()

    def stop(self, parent: Any) -> None:
        keeper.stop()

    terminate = stop


def add_to(app: Celery) -> None:
    app.steps["worker"].add(Keeping)
