"""Mask secrets in the log: ids of orders, names of private rooms, tokens, sessions, addresses of e-mail.

The first defence is not to log them. This is the last: it reads entries as they are written, tracebacks included.
"""

import io
import logging
import re

from django.conf import settings

from pizzaProj.logs import levels
from pizzaProj.logs.lines import Lines, Words
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


def cover(logger: logging.Logger) -> None:
    """Let the files and terminals to which this logger writes get no secret, and nothing again and again.

    Files and pipes get JSON, terminals words.
    """
    handlers: list[logging.Handler | None] = [*logger.handlers] or [logging.lastResort]
    for handler in handlers:
        stream = getattr(handler, "stream", None)
        if handler is not None and isinstance(stream, io.TextIOWrapper):  # not a test's list of entries
            cover_handler(handler, stream.isatty())


def cover_handler(handler: logging.Handler, is_terminal: bool) -> None:
    if not isinstance(handler.formatter, Lines | Words):
        inner = handler.formatter or logging.Formatter()
        handler.setFormatter(Words(mask, inner) if is_terminal else Lines(mask))
        handler.addFilter(Repeated())
        handler.setLevel(levels.least(settings.LOG_LEVEL))
