"""Stop asking a server that does not answer, for a moment: only the first who asks waits for it."""

import logging
import math
import os
import threading
from time import monotonic

from pizzaProj import waits

logger = logging.getLogger(__name__)


class Outage:
    """What this process knows of a server: whether it answers, and whose turn it is to try.

    After a failure nobody tries for BROKER_PAUSE_SECONDS, then one does for all.
    """

    def __init__(self, server: str, instead: str) -> None:
        self.server = server
        self.instead = instead  # what brings later what is not sent now
        self.forget()

    def forget(self) -> None:
        """Start from scratch, as a fork must: another thread may have held the lock."""
        self._lock = threading.Lock()
        self._slowness = threading.local()
        self.is_on = False
        self.dropped = 0  # not sent during this outage
        self._next_try_at = 0.0

    def is_paused(self) -> bool:
        """Return whether not to ask the server now. What was to be sent is then counted as dropped."""
        if not self.is_on:  # read without the lock: this is nearly always so
            return False
        with self._lock:
            return self._is_paused(monotonic())

    def may_try(self) -> bool:
        """Return whether to ask the server now. In an outage one does, and the others wait for the result."""
        if not self.is_on:
            return True
        with self._lock:
            now = monotonic()
            if self._is_paused(now):
                return False
            self._next_try_at = now + waits.BROKER_PAUSE_SECONDS
            return True

    def _is_paused(self, now: float) -> bool:
        is_paused = self.is_on and now < self._next_try_at
        self.dropped += is_paused
        return is_paused

    def failed(self, reason: str, dropped: int = 1) -> None:
        """Begin a pause. An outage is logged once, when it begins."""
        with self._lock:
            began, self.is_on = not self.is_on, True
            self.dropped += dropped
            self._next_try_at = monotonic() + waits.BROKER_PAUSE_SECONDS
        if began:
            logger.warning("%s does not answer; %s: %s", self.server, self.instead, reason)

    def answered(self) -> None:
        """End the outage, if there is one."""
        if not self.is_on:
            return
        with self._lock:
            ended, self.is_on = self.is_on, False
            dropped, self.dropped = self.dropped, 0
        if ended:
            logger.warning("%s answers again; not sent meanwhile: %d", self.server, dropped)

    def took(self, seconds: float) -> None:
        """Begin a pause if this thread has waited too long for slow answers: 40 of them are one request's."""
        if seconds < waits.BROKER_SLOW_SECONDS:
            return
        now, slowness = monotonic(), self._slowness
        if now - getattr(slowness, "since", -math.inf) > waits.BROKER_PAUSE_SECONDS + waits.BROKER_BUDGET_SECONDS:
            slowness.since, slowness.seconds = now, 0.0
        slowness.seconds += seconds
        if slowness.seconds > waits.BROKER_BUDGET_SECONDS:
            slowness.since = -math.inf
            self.failed(f"slow answers took {slowness.seconds:.1f} s", dropped=0)


broker = Outage("The broker", "the recovery sweep will bring what is not sent")
os.register_at_fork(after_in_child=broker.forget)
