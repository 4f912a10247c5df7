"""Log what happened to an order: an event with fields, which becomes one JSON object on one line (pizzaProj.logs).

    news = News("kitchen.changes")
    if news.is_wanted():
        news.tell("started", {"order": 17, "seq": 4})

Fields are numbers and words of our own, never a secret or what a person typed: they are not masked.
"""

import logging
import os
import time
from typing import Any

Fields = dict[str, Any]


class News:
    """A logger for a worker's every step. `Logger.info` takes three times as long, most of it to look who calls it."""

    def __init__(self, name: str, level: int = logging.INFO) -> None:
        self.logger = logging.getLogger(name)
        self.level = level
        self.like = self._record()

    def is_wanted(self) -> bool:
        return self.logger.isEnabledFor(self.level)

    def tell(self, event: str, fields: Fields) -> None:
        if self.like["process"] != os.getpid():  # a fork has other names
            self.like = self._record()
        record = logging.LogRecord.__new__(logging.LogRecord)
        now = time.time()
        record.__dict__ = {**self.like, "msg": event, "fields": fields, "created": now, "msecs": now % 1 * 1000}
        self.logger.handle(record)

    def _record(self) -> dict[str, Any]:
        """Return the attributes that all entries of this process share; their thread is not looked up."""
        name, level = self.logger.name, self.level
        return {**vars(logging.LogRecord(name, level, name, 0, "", (), None)), "thread": None, "threadName": None}
