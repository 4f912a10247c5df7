"""Answer the heartbeats of pages, and close the sockets of pages whose heartbeats have ceased.

A page asks with {"type": "heartbeat"} every few seconds, and with "hidden": true while nobody looks at it. The answer
carries the newest seq of the order or room, so a page that knows less starts again. A client that has asked once has
promised to go on. One that never asks gets no such frame: for it the server's ping and its answer decide.
"""

import json
from time import monotonic
from typing import Any, Protocol

from pizzaProj.waits import HIDDEN_PAGE_SECONDS, PAGE_SECONDS
from realtime.periodic import PeriodicCheck

SILENT = 4408  # the close code
LONGEST = 100  # characters of a heartbeat


class Promised(Protocol):
    """The part of a socket (realtime.sockets.Identified) that the check uses."""

    heard_at: float  # on time.monotonic
    is_hidden: bool

    async def close(self, code: int | bool | None = None, reason: str | None = None) -> None: ...


class SilenceCheck(PeriodicCheck[Promised]):
    """Close the sockets of pages that have promised heartbeats and have been silent for too long."""

    every_seconds = 5.0

    async def check(self) -> None:
        now = monotonic()
        await self.tell_each([one for one in self.sockets if is_overdue(one, now)], lambda one: one.close(SILENT))


def is_overdue(socket: Promised, now: float) -> bool:
    return now - socket.heard_at > (HIDDEN_PAGE_SECONDS if socket.is_hidden else PAGE_SECONDS)


def looks_like_heartbeat(text: str | None) -> bool:
    """Return whether it is worth parsing."""
    return text is not None and len(text) <= LONGEST and '"heartbeat"' in text


def parse_heartbeat(text: str | None) -> dict[str, Any] | None:
    """Return the message if it is a heartbeat, None for any other."""
    if not looks_like_heartbeat(text):
        return None
    try:
        content = json.loads(text or "")
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) and content.get("type") == "heartbeat" else None


def answer(seq: int | None) -> str:
    return json.dumps({"type": "heartbeat"} if seq is None else {"type": "heartbeat", "seq": seq})


silence_check = SilenceCheck()
