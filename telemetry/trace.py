"""Say in whose course something happens: which click began it, and which task is at it.

A click is a request, or a frame on a socket that asks for something. Its id goes with whatever follows from it: into
the threads of a request, into the tasks that it sends and the ones that these send (telemetry.messages), and with the
announcement to the processes that have the sockets. What no click began, such as a sweep or one of beat's other jobs,
has no such id; its task's own stands in the log.
"""

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

# Ours have 16 digits, those of nginx 32. No order's id looks like one, so the log need not mask them.
REQUEST_ID = re.compile(r"[0-9a-f]{16}|[0-9a-f]{32}")
REQUEST_ID_LENGTH = 32


class Trace(NamedTuple):
    """What goes on in this thread or coroutine; what is empty is not known."""

    request: str = ""
    task: str = ""
    task_name: str = ""


NOTHING = Trace()
_present: ContextVar[Trace] = ContextVar("trace", default=NOTHING)


def present() -> Trace:
    return _present.get()


def new_id() -> str:
    return secrets.token_hex(8)


def checked(sent: Any) -> str:
    """Return the id if it is one; empty if it is anything else."""
    return sent if isinstance(sent, str) and REQUEST_ID.fullmatch(sent) else ""


@contextmanager
def in_course_of(request: str) -> Iterator[None]:
    """Let all that happens meanwhile be a consequence of this click; of none if the id is empty."""
    before = _present.set(present()._replace(request=request))
    try:
        yield
    finally:
        _present.reset(before)


@contextmanager
def in_task(request: str, task_name: str) -> Iterator[None]:
    """Let all that happens meanwhile be done by this task, in the course of this click."""
    before = _present.set(Trace(request, task_name=task_name))
    try:
        yield
    finally:
        _present.reset(before)


def begin_task(request: str, task: str, task_name: str) -> None:
    _present.set(Trace(request, task, task_name))


def end_task() -> None:
    _present.set(NOTHING)
