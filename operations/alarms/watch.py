"""Watch the shop, and raise an alarm if it is not well for long.

Each web and beat has a watch in a thread: no part can tell that it is gone itself, and a task would tell nothing while
there is no worker. The webs see that worker, beat, sweep, database or Valkey are silent; beat sees that no web is left
either.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from time import monotonic
from typing import Any

from celery.signals import beat_init
from django.db import connections

from operations import files, parts
from operations.alarms import tally
from operations.alarms.ledger import AWAY, Ledger
from operations.alarms.recipients import Alarm, deliver
from operations.alarms.words import NOT_READY, found_words, not_ready_words, over_words
from operations.lookout import Found, Lookout, Source, database, findings, lookout
from operations.signs import WEB, signs
from pizzaProj import limits, waits

logger = logging.getLogger(__name__)


class Watch:
    """The looks of one process."""

    def __init__(self, look: Callable[[], Found]) -> None:
        self.look = look
        self.ledger = Ledger()
        self.unready_seconds = 0.0
        self.looked_at: float | None = None

    def step(self) -> list[Alarm]:
        """Look once. Return what is to be sent now."""
        return [*self.look_at_parts(monotonic()), *self.look_at_sweeps()]

    def look_at_parts(self, now: float) -> Iterator[Alarm]:
        wrong = [one.sentence for one in findings(self.look()) if one.is_bad]
        self.note_time(bool(wrong), now)
        if wrong:
            self.ledger.see(NOT_READY)
        if self.unready_seconds >= waits.ALARM_UNREADY_SECONDS and self.ledger.may_tell(NOT_READY):
            yield Alarm(NOT_READY, not_ready_words(self.unready_seconds, wrong), len(wrong))
        if not wrong and self.ledger.is_over(NOT_READY):
            yield Alarm(NOT_READY, over_words(NOT_READY))

    def note_time(self, is_wrong: bool, now: float) -> None:
        """Add up for how long something was wrong. A pause of the whole machine is no time in which we looked."""
        elapsed = 0.0 if self.looked_at is None else now - self.looked_at
        self.unready_seconds += min(elapsed, 2 * waits.ALARM_LOOK_SECONDS)
        self.looked_at = now
        if not is_wrong:
            self.unready_seconds = 0.0

    def look_at_sweeps(self) -> Iterator[Alarm]:
        for what, limit in limits.ALARMS.items():
            try:
                count = tally.within(what, limit.seconds)
            except AWAY:
                return  # which is told above
            if count >= limit.tries:
                self.ledger.see(what)
                if self.ledger.may_tell(what):
                    yield Alarm(what, found_words(what, count, limit.seconds), count)
            elif self.ledger.is_over(what):
                yield Alarm(what, over_words(what))


def begin(watch: Watch, sign: str | None = None) -> None:
    """Watch for as long as this process lives, if anybody is to be told."""
    if tally.is_anybody_told():
        threading.Thread(target=go_on, args=(watch, sign), name="watch", daemon=True).start()


def go_on(watch: Watch, sign: str | None) -> None:
    pause = threading.Event()
    while not pause.wait(waits.ALARM_LOOK_SECONDS):
        if sign:
            signs.give(sign)
        try_to_step(watch)


def try_to_step(watch: Watch) -> None:
    """Look, and send in threads of their own: a webhook that hangs must not blind the watch."""
    try:
        for alarm in watch.step():
            logger.warning("Alarm “%s”: %s", alarm.what, alarm.text)
            threading.Thread(target=deliver, args=(alarm,), name="alarms", daemon=True).start()
    except Exception as error:
        logger.warning("The watch could not look: %s", type(error).__name__)
    finally:
        connections.close_all()


def of_web() -> None:
    begin(Watch(lookout.look), WEB)


@beat_init.connect
def of_beat(**kwargs: Any) -> None:
    begin(Watch(lookout_of_beat.look))


lookout_of_beat = Lookout(
    database,
    Source("Valkey", (*parts.CHECKS, parts.WEB_CHECK)),
    Source("The disk", files.CHECKS),
)
