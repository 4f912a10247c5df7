"""Limits of long commands: ask before they run, end them in time, and show their progress on the terminal.

The bar goes to stderr, so stdout has only the answer.
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.core.management import CommandError
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from simulation.pace import LONG_SECONDS, in_words

EXIT_USAGE = 2
PATIENCE_SECONDS = 1.0  # a shorter run needs no bar


def seconds(text: str) -> float:
    """Read a number above 0 from the command line."""
    value = float(text)
    if not 0 < value < float("inf"):
        raise ValueError
    return value


def refuse_hours(expected_seconds: float) -> None:
    """Raise CommandError if a run takes long: it has to be confirmed."""
    if expected_seconds > LONG_SECONDS:
        raise CommandError(
            f"This takes {in_words(expected_seconds)}. Add --yes to run it anyway, or --seconds 60 for what can be"
            " done in that time.",
            returncode=EXIT_USAGE,
        )


@contextmanager
def bar(words: str = "Simulating") -> Iterator[Callable[[float], None]]:
    """Yield a function that takes the share that is done."""
    if not sys.stderr.isatty():
        yield lambda share: None
        return
    columns = (TextColumn(words), BarColumn(None), TaskProgressColumn(), TimeRemainingColumn())
    progress = Progress(*columns, console=Console(stderr=True), transient=True)
    task, begun = progress.add_task("", total=1.0), time.monotonic()

    def tell(share: float) -> None:
        progress.update(task, completed=share)
        if not progress.live.is_started and time.monotonic() - begun > PATIENCE_SECONDS:
            progress.start()

    try:
        yield tell
    finally:
        progress.stop()
