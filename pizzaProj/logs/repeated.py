"""Write what happens again and again once a minute: the first of a kind in full, with how many there were since."""

import logging
import traceback
from collections.abc import Hashable
from dataclasses import dataclass
from time import monotonic

from pizzaProj.limits import LOGGED_TRACEBACKS, LOGGED_WARNINGS
from pizzaProj.waits import LOG_SECONDS

MOST_KINDS = 1000
TRACEBACK = "Traceback (most recent call last)"


@dataclass
class Kind:
    """One kind of entry, in the present minute."""

    began: float  # on time.monotonic
    written: int = 0
    left_out: int = 0


class Repeated(logging.Filter):
    """Let the first entries of a kind pass in each minute.

    Two are of one kind if the same line of code wrote them, and the same line raised their exceptions.
    """

    def __init__(self) -> None:
        super().__init__()
        self.kinds: dict[Hashable, Kind] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING:
            return True
        kind = self.kind_of(record)
        if kind.written >= (LOGGED_TRACEBACKS if has_traceback(record) else LOGGED_WARNINGS):
            kind.left_out += 1
            return False
        kind.written += 1
        return True

    def kind_of(self, record: logging.LogRecord) -> Kind:
        """Return the kind; a new minute begins with it, and the entry says what the last one left out."""
        key, now = key_of(record), monotonic()
        kind = self.kinds.get(key)
        if kind is None or now - kind.began >= LOG_SECONDS:
            if kind is not None and kind.left_out:
                record.msg, record.args = f"{record.getMessage()} ({kind.left_out} more like it)", ()
            if len(self.kinds) >= MOST_KINDS:
                self.kinds.clear()
            kind = self.kinds[key] = Kind(now)
        return kind


def has_traceback(record: logging.LogRecord) -> bool:
    """Return whether there is one, also in the text, where Daphne writes its own."""
    return bool(record.exc_info and record.exc_info[0]) or TRACEBACK in record.getMessage()


def key_of(record: logging.LogRecord) -> Hashable:
    return record.name, record.pathname, record.lineno, record.levelno, *cause_of(record)


def cause_of(record: logging.LogRecord) -> tuple[Hashable, ...]:
    """Return the exception's kind, and where it was raised, if there is one."""
    if record.exc_info and record.exc_info[0]:
        kind, _, trace = record.exc_info
        return kind, *((frame.filename, frame.lineno) for frame in traceback.extract_tb(trace)[-1:])
    text = record.getMessage()
    return (text.strip().rpartition("\n")[2].partition(":")[0],) if TRACEBACK in text else ()
