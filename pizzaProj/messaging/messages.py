"""The times in messages: when a link is due, and when a message expires, by the database's clock.

Celery writes both by the sender's clock and compares them with the receiver's. If these differ by a second, each
recovery sweep expires unseen; if they differ by an hour, each link comes that much too early or too late.
"""

from datetime import timedelta
from typing import Any

from celery.worker.request import Request

from kitchen import clock
from telemetry import tasks


class Message(Request):  # type: ignore[misc]
    """A message that was received. Its times are turned into the worker's own, with which Celery compares them."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        ahead = timedelta(seconds=clock.offset_seconds())
        if self._eta is not None:
            self._eta += ahead
        if self._expires is not None:
            self._expires += ahead

    def on_timeout(self, soft: bool, timeout: float) -> None:
        """Count a task whose process is killed now, as it took too long."""
        super().on_timeout(soft, timeout)
        if not soft:
            tasks.note_killed(self.name)
