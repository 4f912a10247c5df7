"""Look at everything, within a time limit, whatever stands still.

What is asked of one source (the database, Valkey, the disk) is asked in one thread. A thread that hangs is left behind
and no other is started until it has ended, so there is at most one a source.
"""

import math
import threading
import time

from django.conf import settings
from django.db import connections

from broken import sentence_of
from operations import files, parts, stored
from operations.findings import Check, Finding
from pizzaProj import waits

Found = dict[str, tuple[Finding, ...]]  # by check
Figures = dict[str, dict[str, float | None]]  # likewise, each with its name


class Source:
    """What a group of checks asks: the first of them is whether it answers at all."""

    def __init__(self, name: str, checks: tuple[Check, ...]) -> None:
        self.name = name
        self.checks = checks
        self.thread: threading.Thread | None = None
        self.found: Found = {}
        self.figures: Figures = {}

    @property
    def silence(self) -> str:
        return f"{self.name} does not answer."

    def begin(self) -> None:
        """Begin to look, unless the last look still hangs."""
        if self.thread is None or not self.thread.is_alive():
            self.found, self.figures = {}, {}
            # A daemon: a process can end while it hangs.
            self.thread = threading.Thread(target=self.look, args=(self.found,), daemon=True)
            self.thread.start()

    def look(self, found: Found) -> None:
        try:
            self.look_now(found)
        finally:
            connections.close_all()

    def look_now(self, found: Found | None = None) -> Found:
        """Look in this thread, however long it takes. If the first check fails, ask this source nothing else."""
        found = {} if found is None else found
        for check in self.checks:
            try:
                found[check.name] = tuple(check.find())
                self.figures[check.name] = check.figures()
            except Exception as error:
                is_silent = check is self.checks[0]
                sentence = self.silence if is_silent else "This could not be looked at."
                reason = sentence_of(error) or f"The error was: {type(error).__name__}."
                found[check.name] = (Finding(sentence, reason),)
                if is_silent:
                    break
        return found

    def end(self, deadline: float) -> Found:
        """Return what was found until the deadline. The rest nobody knows."""
        assert self.thread is not None, "begin comes first"
        self.thread.join(max(0.0, deadline - time.monotonic()))
        found = dict(self.found)
        for check in self.checks:
            is_first = check is self.checks[0]
            sentence = self.silence if is_first else f"Not known: {self.silence.replace('The', 'the', 1)}"
            found.setdefault(check.name, (Finding(sentence),))
        return found


class Lookout:
    """The last look of this process. It counts for a moment, so that strangers can't make it a load."""

    def __init__(self, *sources: Source) -> None:
        self.sources = sources
        self.wells = {check.name: check.well for source in sources for check in source.checks}
        self.lock = threading.Lock()
        self.found: Found = {}
        self.figures: Figures = {}  # of the same look
        self.looked_at = -math.inf

    def look(self) -> Found:
        """Return what is wrong, by check, at most LOOK_AGAIN_SECONDS old. Of several threads one looks."""
        with self.lock:
            if time.monotonic() - self.looked_at >= waits.LOOK_AGAIN_SECONDS:
                deadline = time.monotonic() + waits.LOOK_SECONDS
                for source in self.sources:
                    source.begin()
                self.found = {name: found for source in self.sources for name, found in source.end(deadline).items()}
                self.figures = {name: each for source in self.sources for name, each in source.figures.copy().items()}
                self.looked_at = time.monotonic()
            return self.found

    def forget(self) -> None:
        self.looked_at = -math.inf


def findings(found: Found) -> list[Finding]:
    """Return all that was found, what is bad first."""
    return sorted((one for each in found.values() for one in each), key=lambda one: not one.is_bad)


def is_ready(found: Found) -> bool:
    return not any(one.is_bad for one in findings(found))


has_live_servers = settings.LIVE_REDIS_URLS != [settings.REDIS_URL]
database = Source("The database", stored.CHECKS)
lookout = Lookout(
    database,
    Source("Valkey", parts.CHECKS),
    Source("The disk", files.CHECKS),
    *([Source("A server of live updates", parts.LIVE_CHECKS)] if has_live_servers else []),
)
