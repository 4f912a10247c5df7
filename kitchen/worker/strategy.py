"""What a worker does with the message of a link as it comes: it acknowledges it, and notes when it is due.

Nothing can be lost by that: the database says what is due (kitchen.worker.keeper). Time limits, events and `revoke` of
Celery say nothing about such a link; `celery -A celery_app inspect links` shows what is under way.
"""

import logging
from collections.abc import Callable
from datetime import datetime
from time import monotonic
from typing import Any

from celery.worker.strategy import default

from kitchen import clock
from kitchen.worker.keeper import keeper

logger = logging.getLogger(__name__)


def gathered(task: Any, app: Any, consumer: Any) -> Callable[..., None]:
    """Return what Celery calls with each message of this task. In a worker without a keeper it is Celery's own."""
    if keeper.thread is None:
        handler: Callable[..., None] = default(task, app, consumer)
        return handler

    def note(message: Any, body: Any, ack: Callable[..., None], *args: Any, **options: Any) -> None:
        ack(logger, consumer.connection_errors)
        keeper.wake([due_monotonic(message.headers.get("eta"))])

    return note


def due_monotonic(eta: Any) -> float:
    """Return when a message is due by `time.monotonic`. It says so by the database's clock; if not, it is due now."""
    now = monotonic()
    try:
        return now + max(0.0, (datetime.fromisoformat(eta) - clock.now()).total_seconds())
    except (TypeError, ValueError):  # none, rubbish, or a moment without a zone
        return now
