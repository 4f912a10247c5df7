"""Know how much of something there is in this process now, such as open sockets.

A process tells its levels again and again (telemetry.sending). Those of one that was killed are soon too old to count.
"""

import logging
import os
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping

from telemetry.counts import Series
from telemetry.table import LEVELS

logger = logging.getLogger(__name__)

Reading = float | Mapping[tuple[str, ...], float]  # the value, or one for each combination of labels


class Levels:
    """What is there now: changed step by step, or asked when it is told. Safe to use in any thread."""

    def __init__(self) -> None:
        self.asked: dict[str, Callable[[], Reading]] = {}
        self.forget()

    def forget(self) -> None:
        """Have nothing, as a fork does. What can be asked stays."""
        self.lock = threading.Lock()
        self.values: dict[Series, float] = defaultdict(float)

    def change(self, name: str, by: float, *labels: str) -> None:
        """Add to a level, or take away. KeyError if the table has no such name."""
        assert len(labels) == len(LEVELS[name].labels)
        with self.lock:
            self.values[name, labels] += by
            if not self.values[name, labels]:
                del self.values[name, labels]

    def ask(self, name: str, function: Callable[[], Reading]) -> None:
        """Let a level be what the function returns. KeyError if the table has no such name."""
        assert LEVELS[name]
        self.asked[name] = function

    def now(self) -> dict[Series, float]:
        with self.lock:
            found = dict(self.values)
        for name, function in self.asked.items():
            try:
                reading = function()
            except Exception:  # the others must still be told
                logger.debug("%s is not known", name, exc_info=True)
                continue
            by_labels = reading if isinstance(reading, Mapping) else {(): reading}
            found.update({(name, labels): value for labels, value in by_labels.items()})
        return found


levels = Levels()
os.register_at_fork(after_in_child=levels.forget)
