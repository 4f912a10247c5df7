"""Parse what clients send, which can be anything at all."""

import json
from typing import Any

from realtime.refused import Refused

MAX_TEXT = 10_000  # characters that a client is allowed to send at once


def parse_object(text: str | None, most: int = MAX_TEXT) -> dict[str, Any]:
    """Return the JSON object that a client sent, or raise Refused. `text` is None if the client sent bytes."""
    if text is None or len(text) > most:
        raise Refused(f"Send text of at most {most} characters.")
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        raise Refused("That is not JSON.") from None
    if not isinstance(content, dict):
        raise Refused("That is not a JSON object.")
    return content
