"""Add what this process counts to the shop's totals in Valkey, every few seconds and at its end.

Web, worker and beat begin to send; commands don't. A batch stays as it is until Valkey has taken it, and carries a
number, so what was counted is neither lost nor counted twice when an answer is. A process that is killed takes the
last few seconds with it.
"""

import atexit
import os
import secrets
import threading
from typing import Any

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from pizzaProj import waits
from telemetry import stored
from telemetry.counts import Batch, Counts, counts
from telemetry.levels import Levels, levels


class Sender:
    """The one that sends, in a thread of its own."""

    def __init__(self, counts: Counts, levels: Levels) -> None:
        self.counts, self.levels = counts, levels
        self.forget()

    def forget(self) -> None:
        """Be another process that has not begun, as a fork is."""
        self.lock = threading.Lock()  # held while something is sent
        self.kind = ""  # web, worker or beat, once it has begun
        self.process = secrets.token_hex(8)
        self.number = 0  # of the batch
        self.batch: Batch | None = None  # what Valkey has not taken yet
        self.has_ended = threading.Event()
        self.client: Any = None

    def begin(self, kind: str) -> None:
        """Send from now on. Nothing happens if that was said before: each request says it, and must not wait."""
        if self.kind:
            return
        with self.lock:
            is_first, self.kind = not self.kind, kind
        if is_first:  # of several threads
            threading.Thread(target=self.run, name="telemetry", daemon=True).start()

    def run(self) -> None:
        while not self.has_ended.wait(waits.SEND_COUNTS_SECONDS):
            self.send()

    def send(self) -> bool:
        """Send what was counted. Return whether all of it has arrived; what has not comes with the next try."""
        with self.lock:
            return self._send()

    def end(self) -> None:
        """Try a last time, for a moment: the process ends."""
        if self.kind and not self.has_ended.is_set():
            self.has_ended.set()
            if self.lock.acquire(timeout=2 * waits.COUNTS_ANSWER_SECONDS):
                self.levels.asked.clear()  # nothing is here any more
                self.levels.forget()
                was_pending = self.batch is not None
                if self._send() and was_pending:
                    self._send()
                self.lock.release()

    def _send(self) -> bool:
        if self.batch is None:
            self.batch, self.number = self.counts.take(), self.number + 1
        arguments = stored.arguments(self.process, self.number, self.batch, self.levels.now())
        try:
            self._script()(stored.keys(self.process), arguments)
        except (redis.RedisError, OSError):
            return False
        self.batch = None
        return True

    def _script(self) -> Any:
        if self.client is None:
            wait = waits.COUNTS_ANSWER_SECONDS
            self.client = redis.Redis.from_url(
                settings.REDIS_URL, retry=Retry(NoBackoff(), 0), socket_timeout=wait, socket_connect_timeout=wait
            )
        return self.client.register_script(stored.SCRIPT)


sender = Sender(counts, levels)
os.register_at_fork(after_in_child=sender.forget)
atexit.register(sender.end)
