"""A file that worker and beat touch as long as they are alive, for whoever checks this very process.

It says nothing of other parts: a worker that looks for its broker is alive, and so is a beat whose database is away.
"""

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from celery.signals import beat_init, worker_init
from django.conf import settings


class Alive:
    """The file of this process, once it is known to be a worker or beat. A fork has none."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        self.path: Path | None = None

    def be(self, part: str) -> None:
        self.path = Path(settings.DATA_DIR) / f"{part}.alive"
        self.touch()

    def touch(self) -> None:
        """Touch it. A full disk must not disturb who is alive."""
        if self.path is not None:
            with suppress(OSError):
                self.path.touch(0o600)


alive = Alive()
os.register_at_fork(after_in_child=alive.forget)


@worker_init.connect
def is_worker(**kwargs: Any) -> None:
    alive.be("worker")


@beat_init.connect
def is_beat(**kwargs: Any) -> None:
    alive.be("beat")
