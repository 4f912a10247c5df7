"""Remove old rows in the background, for a moment at a time, so that the kitchen's tasks have theirs."""

import logging
import time
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import InterfaceError, OperationalError

from archive import months
from celery_app import Replaceable, app
from keeping import ages, archiving, batches
from keeping.ages import Steps
from kitchen import clock
from pizzaProj import waits
from telemetry.counts import counts

logger = logging.getLogger(__name__)

LAST = 9  # the last of Celery's priorities on Redis, where 0 comes first
PATIENT: dict[str, Any] = {
    "base": Replaceable,
    "autoretry_for": (OperationalError, InterfaceError),
    "retry_backoff": True,
    "max_retries": 5,  # then tomorrow
}


@app.task(name="keeping.remove", **PATIENT)
def remove() -> None:
    """Remove what is older than the settings allow, once a day."""
    now = clock.now()
    kept = {kind: days for kind, days in settings.KEEP_DAYS.items() if days}
    if not remove_for_a_while(ages.AGED, {kind: now - timedelta(days=days) for kind, days in kept.items()}):
        go_on(remove)


@app.task(name="kitchen.clear_sessions", **PATIENT)
def clear_sessions() -> None:
    """Delete expired sessions and attempts, once a day."""
    if not remove_for_a_while(ages.EXPIRED, dict.fromkeys(ages.EXPIRED, clock.now())):
        go_on(clear_sessions)


@app.task(name="keeping.archive", **PATIENT)
def archive(after: int = 0) -> None:
    """Move the orders of past months into the archive, once a day; `after`: go on behind this key."""
    if not settings.ARCHIVE_MONTHS:
        return
    before = months.due_before(clock.now(), settings.ARCHIVE_MONTHS)
    if not after:
        archiving.mend()
    last = archive_for_a_while(before, after)
    if last is None:
        archiving.note_done(before)
    else:
        go_on(archive, last)


def go_on(task: Any, *arguments: Any) -> None:
    """Come back in a moment: other tasks run meanwhile. If that is lost, the next day goes on."""
    task.apply_async(arguments, countdown=waits.REMOVING_PAUSE_SECONDS, priority=LAST)


def archive_for_a_while(before: date, after: int) -> int | None:
    """Move orders, count and log how many; return behind which key to go on, None if those were all."""
    until = time.monotonic() + waits.REMOVING_TURN_SECONDS
    number, last = 0, None
    for moved in archiving.move(before, after):
        number += moved.number
        if time.monotonic() >= until:
            last = moved.last
            break
    if number:
        counts.add("shop_archived_total", amount=number)
        going_on = "" if last is None else ", and going on"
        logger.info("Moved %d orders from before %s into the archive%s", number, months.named(before), going_on)
    return last


def remove_for_a_while(kinds: Mapping[str, Steps], before: Mapping[str, datetime]) -> bool:
    """Remove these kinds, count and log what was removed; return whether that was all."""
    until = time.monotonic() + waits.REMOVING_TURN_SECONDS
    removed = {}
    for kind, moment in before.items():
        removed[kind] = batches.run(kinds[kind](moment), until)
        counts.add("shop_removed_total", kind, amount=removed[kind].number)
        if not removed[kind].is_all:
            break
    is_all = all(row.is_all for row in removed.values())
    numbers = [f"{row.number} {kind}" for kind, row in removed.items() if row.number]
    if numbers:
        logger.info("Removed what is kept no longer: %s%s", ", ".join(numbers), "" if is_all else ", and going on")
    return is_all
