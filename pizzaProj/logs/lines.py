"""Write each entry of the log as one JSON object on one line, or, on a terminal, for people.

The fields of news (telemetry.news) become keys of the object, and what happened is its "event". They are numbers and
words of our own, and are written as they are; everything else is masked (pizzaProj.logs.discreet).
"""

import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from telemetry import trace

Mask = Callable[[str], str]
INDENT = "  "
to_json = json.JSONEncoder(ensure_ascii=False).encode  # json.dumps makes an encoder each time


class Lines(logging.Formatter):
    """One JSON object on a line; a traceback is a string in it."""

    def __init__(self, mask: Mask) -> None:
        super().__init__()
        self.mask = mask

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {"at": moment(record.created), "level": record.levelname, "logger": record.name}
        fields = fields_of(record)
        if fields is not None:  # of news, of which there are many
            entry["event"] = record.msg
            entry.update(fields)
            return to_json(entry)
        entry["message"] = self.mask(record.getMessage())
        entry.update({key: value for key, value in trace.present()._asdict().items() if value})
        if record.exc_info and record.exc_info[0]:
            entry["exception"] = self.mask(self.formatException(record.exc_info))
        # half a surrogate pair is escaped, as no file takes it
        return to_json(entry).encode(errors="backslashreplace").decode()


def moment(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC).isoformat(timespec='milliseconds')[:-6]}Z"


class Words(logging.Formatter):
    """An entry as another formatter writes it, with its fields behind it."""

    def __init__(self, mask: Mask, inner: logging.Formatter) -> None:
        super().__init__()
        self.mask, self.inner = mask, inner

    def format(self, record: logging.LogRecord) -> str:
        known = {key: value for key, value in (fields_of(record) or {}).items() if value is not None}
        return " ".join([self.mask(self.inner.format(record)), *(f"{key}={value}" for key, value in known.items())])


def fields_of(record: logging.LogRecord) -> dict[str, Any] | None:
    fields: dict[str, Any] | None = getattr(record, "fields", None)
    return fields


def in_words(line: str) -> list[str]:
    """Return a line of a log as people read it in a terminal, a traceback in lines of its own; none if it is no news.

    What is not JSON was printed, and stays as it is.
    """
    try:
        entry = json.loads(line)
        level, message = entry["level"], entry["message"]
    except (ValueError, TypeError, KeyError):
        return [] if is_news(line) else [line]
    return [f"{level} {message}", *(INDENT + one for one in entry.get("exception", "").splitlines())]


def is_news(line: str) -> bool:
    """Return whether a line says what happened to an order, and not what is wrong."""
    return line.startswith('{"at": ') and '"event": ' in line
