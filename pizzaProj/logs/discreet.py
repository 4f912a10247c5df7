"""Mask secrets in the log: ids of orders, names of private rooms, tokens, sessions, addresses of e-mail.

The first defence is not to log them. This is the last: it reads entries as they are written, tracebacks included.
"""

import io
import logging
import re

from pizzaProj.logs.repeated import Repeated

MASK = "…"
SECRETS = re.compile(
    r"""
      (?<=/order/) [^/\s'"?]+ | (?<=/ws/pizza/) [^/\s'"?]+       # an order's page and socket, however it is misspelt
    | (?<=/chat/) (?!\w+\.py) [^/\s'"?]+ (?= (?:/leave)? /? (?:[\s'"?] | $) )  # a room, but no folder in a traceback
    | (?<=/new-password/) [^/\s'"?]+ / [^/\s'"?]+
    | \b (?:private|order) - [\w-]+                              # the name of a private room or a conversation
    | \b fv_ [\w-]+                                              # a token
    | (?<![^\W_]) [a-z0-9]{20} (?![^\W_])                        # an order's id
    | (?<![^\W_]) (?= [a-zA-Z]* \d) [a-zA-Z0-9]{20,} (?![^\W_])  # a session's key, a visitor's word, a digest
    | [\w.+-]+ @ [\w-]+ (?: \. [\w-]+ )+                         # an e-mail address
    """,
    re.VERBOSE | re.MULTILINE,
)


def mask(text: str) -> str:
    return SECRETS.sub(MASK, text)


class Discreet(logging.Formatter):
    """Write entries as another formatter does, without secrets."""

    def __init__(self, inner: logging.Formatter) -> None:
        super().__init__()
        self.inner = inner

    def format(self, record: logging.LogRecord) -> str:
        return mask(self.inner.format(record))


def cover(logger: logging.Logger) -> None:
    """Let the files and terminals to which this logger writes get no secret, and nothing again and again."""
    handlers: list[logging.Handler | None] = [*logger.handlers] or [logging.lastResort]
    for handler in handlers:
        is_file = isinstance(getattr(handler, "stream", None), io.TextIOWrapper)  # not a test's list of entries
        if handler is not None and is_file and not isinstance(handler.formatter, Discreet):
            handler.setFormatter(Discreet(handler.formatter or logging.Formatter()))
            handler.addFilter(Repeated())
