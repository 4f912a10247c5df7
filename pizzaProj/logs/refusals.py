"""Count what clients did wrong, instead of a line for each: an address that is not there, a stale form, a wrong Host.

Django warns of every such answer, with its address, which can be an order's; some with a traceback.
"""

import logging
from collections import Counter
from time import monotonic

from pizzaProj.waits import LOG_SECONDS

logger = logging.getLogger(__name__)


class Tally:
    """Say how many requests were refused, at most once a minute."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.said_at = monotonic()

    def count(self, record: logging.LogRecord) -> None:
        self.counts[str(getattr(record, "status_code", 400))] += 1
        if monotonic() - self.said_at >= LOG_SECONDS:
            self.say()

    def say(self) -> None:
        counts, self.counts, self.said_at = self.counts, Counter(), monotonic()
        told = ", ".join(f"{status} {times} times" for status, times in sorted(counts.items()))
        logger.info("Requests refused since the last such line: %s", told)


class Refused(logging.Filter):
    """Count answers of 400 to 499, and let the others pass: those of 500 and above are our own fault."""

    def filter(self, record: logging.LogRecord) -> bool:
        if getattr(record, "status_code", 500) >= 500:
            return True
        tally.count(record)
        return False


class Security(logging.Handler):
    """Count whatever Django finds suspicious: it has refused all of it."""

    def emit(self, record: logging.LogRecord) -> None:
        tally.count(record)


tally = Tally()
