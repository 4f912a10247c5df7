"""The time by the database's clock, in a process whose own can be wrong.

On PostgreSQL the machines of a shop agree on the database's clock: the kitchen reads it behind its lock, and messages
carry times by it (pizzaProj.messaging). In between, a process goes on from what it was last told, by its monotonic
clock, which nobody can set. SQLite has no clock: there all processes are on one machine and use its own.
"""

import logging
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic

from django.db import Error, connection
from django.utils import timezone

from pizzaProj import waits

logger = logging.getLogger(__name__)

TRUSTED_SECONDS = 0.25  # an answer that took longer says little about when the clock was read
SAID_SECONDS = 1.0  # a difference of this much is said, and again when it has changed by as much


@dataclass(frozen=True)
class Reading:
    """What the database's clock said, and when that was by this process's monotonic clock."""

    told: datetime
    at: float


class Clock:
    """The database's clock as this process knows it."""

    def __init__(self) -> None:
        self.last: Reading | None = None
        self.asked_at = -waits.CLOCK_ASKED_SECONDS
        self.said_seconds = 0.0

    def note(self, told: datetime, asked: float, answered: float) -> None:
        """Note what the database answered; the monotonic moments are those just before and just after."""
        if self.last is None or answered - asked <= TRUSTED_SECONDS:
            self.last = Reading(told, (asked + answered) / 2)

    def now(self) -> datetime:
        """Return the time, without a query: the process's own as long as the database has told none."""
        last = self.last
        return timezone.now() if last is None else last.told + timedelta(seconds=monotonic() - last.at)

    def offset_seconds(self) -> float:
        """Return how far this process's own clock is ahead of the database's; negative: behind."""
        return 0.0 if self.last is None else (timezone.now() - self.now()).total_seconds()

    def ask(self) -> None:
        """Ask the database for the time, and say aloud if this process's clock differs. SQLite has none to tell."""
        self.asked_at = monotonic()
        if connection.vendor != "postgresql":
            return
        with connection.cursor() as cursor:
            asked = monotonic()
            cursor.execute("SELECT clock_timestamp()")
            (told,) = cursor.fetchone()
        self.note(told, asked, monotonic())
        self.say()

    def ask_now_and_then(self) -> None:
        """Ask if the last time is some seconds ago. A database that is away is no reason to fail here."""
        if monotonic() - self.asked_at < waits.CLOCK_ASKED_SECONDS:
            return
        try:
            self.ask()
        except Error as error:
            logger.info("The database does not tell the time: %s", type(error).__name__)

    def say(self) -> None:
        seconds = self.offset_seconds()
        if abs(seconds - self.said_seconds) < SAID_SECONDS:
            return
        self.said_seconds = seconds
        if abs(seconds) < SAID_SECONDS:
            logger.warning("This machine's clock is right again")
            return
        way = "ahead of" if seconds > 0 else "behind"
        logger.warning(
            "This machine's clock is %.1f s %s the database's. The kitchen goes by the database's: set it right.",
            abs(seconds),
            way,
        )

    def keep_asking(self) -> None:
        """Ask for as long as this process lives, in a thread: its own may have no time, or no right to wait."""
        threading.Thread(target=self._keep_asking, name="clock", daemon=True).start()

    def _keep_asking(self) -> None:
        while not threading.Event().wait(waits.CLOCK_ASKED_SECONDS):
            self.ask_now_and_then()
            connection.close()


the_databases = Clock()
now = the_databases.now
offset_seconds = the_databases.offset_seconds
