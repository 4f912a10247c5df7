"""Log one line a second at most, however many requests or sockets fail for the same reason."""

import logging
from time import monotonic

EVERY_SECONDS = 1.0


class Seldom:
    """A warning that is counted each time and logged at most once a second, or as often as it says."""

    def __init__(self, logger: logging.Logger, words: str, every_seconds: float = EVERY_SECONDS) -> None:
        self.every_seconds = every_seconds
        self.logger, self.words = logger, words  # with %d for how many since the last line, and %s for the reason
        self.unsaid = 0
        self.said_at: float | None = None

    def warn(self, error: BaseException) -> None:
        self.unsaid += 1
        now = monotonic()
        if self.said_at is None or now - self.said_at >= self.every_seconds:
            self.logger.warning(self.words, self.unsaid, first_line(error))
            self.unsaid, self.said_at = 0, now


def first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
