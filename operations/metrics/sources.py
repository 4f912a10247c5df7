"""Ask a source of figures in a thread, with an end to the wait: one that stands still holds nothing up.

As for the probes (operations.lookout), a thread that hangs is left behind, and no other is started until it has ended.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable

from django.db import connections
from prometheus_client.core import Metric

from realtime.seldom import Seldom

silent = Seldom(logging.getLogger(__name__), "Looks at figures that found a source silent: %d. The reason: %s")


class Source:
    """What is asked together: the database, or Valkey."""

    def __init__(self, name: str, read: Callable[[], Iterable[Metric]]) -> None:
        self.name, self.read = name, read
        self.thread: threading.Thread | None = None
        self.found: list[list[Metric]] = []  # what the last thread has read, once it has

    def begin(self) -> None:
        """Begin to read, unless the last one still does."""
        if self.thread is None or not self.thread.is_alive():
            self.found = []
            # A daemon: a process can end while it hangs.
            self.thread = threading.Thread(target=self.read_now, args=(self.found,), daemon=True)
            self.thread.start()

    def read_now(self, found: list[list[Metric]]) -> None:
        try:
            found.append(list(self.read()))
        except Exception as error:
            silent.warn(error)
        finally:
            connections.close_all()

    def end(self, deadline: float) -> list[Metric] | None:
        """Return what was read until the deadline; None if nothing was."""
        assert self.thread is not None, "begin comes first"
        self.thread.join(max(0.0, deadline - time.monotonic()))
        return self.found[0] if self.found and not self.thread.is_alive() else None
