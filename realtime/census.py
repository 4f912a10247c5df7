"""Count open sockets, and how those that ended did."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from telemetry.counts import counts
from telemetry.levels import levels
from telemetry.sending import sender

BY_CLIENT, BY_ERROR = "client", "error"


class Socket(Protocol):
    """The part of a socket (realtime.sockets.Identified) that is counted."""

    kind: str
    ended_by: str  # the close code, if it was the shop


@contextmanager
def counted(socket: Socket) -> Iterator[None]:
    """Count a socket as open for as long as the block runs, then as ended."""
    sender.begin("web")
    levels.change("shop_sockets_open", 1, socket.kind)
    try:
        yield
    except Exception:
        socket.ended_by = BY_ERROR
        raise
    finally:
        levels.change("shop_sockets_open", -1, socket.kind)
        note_end(socket.kind, socket.ended_by)


def note_end(kind: str, ended_by: str) -> None:
    counts.add("shop_sockets_closed_total", kind, ended_by)


def note_refusal(reason: str) -> None:
    """Count one that was turned away before anybody asked what it is about."""
    counts.add("shop_sockets_refused_total", reason)
