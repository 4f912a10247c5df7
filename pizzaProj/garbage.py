"""Scan for garbage what is new, and what is old only when there is as much again.

Python scans all that lives whenever a quarter has been added: 0.3 s in a web with 2,500 open pages, and meanwhile
nothing moves on any of them. Here what has survived a scan is left out of the next ones (`gc.freeze`). What of it is
out of use later goes with its last reference; circles wait for a scan of everything. That comes when twice as much is
there as the last one left, so memory at most doubles.
"""

import gc

OLDEST = 2  # generation
LEAST_OBJECTS = 300_000  # that are added before everything is scanned


def set_aside() -> None:
    """Leave out of scans what exists now, as needed for as long as the process lives: what was imported."""
    gc.collect()
    gc.freeze()


class Scans:
    """Decide after each scan of the oldest generation what the next one reads."""

    def __init__(self) -> None:
        self.old = 0  # objects that were there after the last scan of everything
        self.added = 0  # since then, at most: some of them are there no more
        self.of_everything = False  # the scan that comes next

    def begin(self) -> None:
        set_aside()
        self.old = gc.get_freeze_count()
        gc.callbacks.append(self.note)

    def note(self, phase: str, info: dict[str, int]) -> None:
        """Follow Python's own scans, as `gc.callbacks` tells of them."""
        if phase == "stop" and info["generation"] == OLDEST:
            self.after(len(gc.get_objects(OLDEST)))

    def after(self, survivors: int) -> None:
        """Set these aside, or let the next scan read everything."""
        gc.freeze()
        if self.of_everything:
            self.old, self.added = survivors, 0
        else:
            self.added += survivors
        most = max(LEAST_OBJECTS, self.old)
        if self.added > most:
            self.added = gc.get_freeze_count() - self.old  # counts them one by one, so it is not asked each time
        self.of_everything = self.added > most
        if self.of_everything:
            gc.unfreeze()


scans = Scans()
