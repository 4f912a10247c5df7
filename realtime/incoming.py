"""Parse what clients send, which can be anything at all."""

import json
from math import isfinite
from typing import Any

from realtime.refused import Refused

MAX_TEXT = 10_000  # characters that a client is allowed to send at once
DEEPEST = 32  # lists and objects within each other; what is deeper breaks whoever walks through it

TOO_DEEP = "There are too many lists within lists in that."
TOO_LARGE = "There is a number in that which is too large."
UNSTORABLE = "There are characters in that which can't be stored."


class Unkeepable(Refused):
    """It is JSON, but it can't be stored, or is too deep to walk through. `content` is the object that was sent."""

    def __init__(self, sentence: str, content: Any) -> None:
        super().__init__(sentence)
        self.content: dict[str, Any] = content if isinstance(content, dict) else {}


def is_storable(text: str) -> bool:
    """Return whether a database takes the text: PostgreSQL has no NUL, and UTF-8 no half of a surrogate pair."""
    try:
        return b"\0" not in text.encode()
    except UnicodeEncodeError:
        return False


def parse_json(sent: str | bytes) -> Any:
    """Return what the JSON says. ValueError if it is not JSON, Unkeepable if nobody can keep what it says."""
    text = sent if isinstance(sent, str) else sent.decode(json.detect_encoding(sent))
    try:
        content = json.loads(text, parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if problem := why_not_keep(content):
        raise Unkeepable(problem, content)
    return content


def parse_object(text: str | None, most: int = MAX_TEXT) -> dict[str, Any]:
    """Return the JSON object that a client sent, or raise Refused. `text` is None if the client sent bytes."""
    if text is None or len(text) > most:
        raise Refused(f"Send text of at most {most} characters.")
    try:
        content = parse_json(text)
    except ValueError:
        raise Refused("That is not JSON.") from None
    if not isinstance(content, dict):
        raise Refused("That is not a JSON object.")
    return content


def why_not_keep(content: Any) -> str:
    """Return a sentence if the content is too deep, or has a text or a number that can't be stored."""
    level, depth = [content], 0
    while level:
        if depth > DEEPEST:
            return TOO_DEEP
        if any(isinstance(one, float) and not isfinite(one) for one in level):
            return TOO_LARGE
        if not all(is_storable(one) for one in level if isinstance(one, str)):
            return UNSTORABLE
        level, depth = [inner for one in level for inner in _within(one)], depth + 1
    return ""


def _within(content: Any) -> list[Any]:
    if isinstance(content, dict):
        return [*content, *content.values()]
    return content if isinstance(content, list) else []


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")  # though Python would read it
