"""Refuse what is too large or too slow while it arrives, before Daphne keeps it and Django sees it.

Daphne reads a whole body, first to a file and then into memory, before anybody asks how large it is; and Twisted
parses each form in the event loop, for nobody, while all other pages and sockets wait. `bound` mends both.
"""

import json
from collections import deque
from html import escape
from typing import Any, ClassVar, cast

from daphne import http_protocol
from twisted.internet import reactor

from pizzaProj import limits, waits

TOO_LARGE = "That is more than we can take at once."
MANY_UPLOADS = f"Many pictures are coming in right now. Try again in {waits.UPLOAD_RETRY_SECONDS} seconds."
PAGE = '<!doctype html><html lang="en"><meta name="viewport" content="width=device-width"><title>{0}</title><p>{0}</p>'
REASONS = {413: "Content Too Large", 429: "Too Many Requests"}
WITH_UPLOADS = (b"/profile/", b"/admin/")


def bound() -> None:
    """Let Daphne, if that is the server, make requests of this kind."""
    http_protocol.WebRequest = BoundedRequest


def most_bytes(path: bytes) -> int:
    return limits.UPLOAD_BYTES if path.startswith(WITH_UPLOADS) else limits.BODY_BYTES


class BoundedRequest(http_protocol.WebRequest):  # type: ignore[misc]
    uploads: ClassVar[set["BoundedRequest"]] = set()  # whose bodies are in memory now
    queue: ClassVar[deque["BoundedRequest"]] = deque()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.received_bytes = 0
        self.most_bytes = limits.BODY_BYTES
        self.wants_json = False
        self.is_refused = False
        self._deadline: Any = None
        super().__init__(*args, **kwargs)
        self._parsePOSTFormSubmission = False  # Django parses forms, in a thread

    # While it arrives

    def gotLength(self, length: int | None) -> None:
        """Begin to read a body; the length is None if it comes in chunks."""
        super().gotLength(length)
        self.most_bytes = most_bytes(self.channel._path)
        self.wants_json = self.channel._path.startswith(b"/api/")
        if length is not None and length > self.most_bytes:
            self.refuse(413, TOO_LARGE)
        elif length != 0:
            self._call_later(waits.BODY_SECONDS)

    def handleContentChunk(self, data: bytes) -> None:
        self.received_bytes += len(data)
        if not self.is_refused and self.received_bytes > self.most_bytes:
            self.refuse(413, TOO_LARGE)
        if not self.is_refused:
            super().handleContentChunk(data)

    def requestReceived(self, *args: Any) -> None:
        if not self.is_refused:
            self._stop_waiting()
            super().requestReceived(*args)

    # When it is there

    def process(self) -> Any:
        """Hand it to the application. Of large ones a few at a time, as each is in memory then."""
        if self.received_bytes <= limits.BODY_BYTES or len(self.uploads) < limits.UPLOADS_AT_ONCE:
            return self._hand_over()
        if len(self.queue) < limits.UPLOADS_WAITING:
            self.queue.append(self)
        else:
            self.refuse(429, MANY_UPLOADS, waits.UPLOAD_RETRY_SECONDS)

    def _hand_over(self) -> Any:
        if self.received_bytes > limits.BODY_BYTES:
            self.uploads.add(self)
        return super().process()

    def finish(self) -> None:
        super().finish()
        self._leave()

    def connectionLost(self, reason: Any) -> None:
        self._stop_waiting()
        super().connectionLost(reason)
        self._leave()

    def _leave(self) -> None:
        if self in self.queue:
            self.queue.remove(self)
        if self in self.uploads:
            self.uploads.remove(self)
            if self.queue:
                self.queue.popleft()._hand_over()

    # Refused

    def refuse(self, status: int, sentence: str, retry_after_seconds: int | None = None) -> None:
        """Answer now and read on for a moment: a client that still sends would lose the answer otherwise."""
        self.is_refused = True
        self.requestHeaders.removeHeader(b"Expect")
        transport = self.channel.transport
        transport.write(answer(status, sentence, self.wants_json, retry_after_seconds))
        transport.loseWriteConnection()
        self._stop_waiting()
        self._call_later(waits.LINGER_SECONDS)

    def _call_later(self, seconds: float) -> None:
        """End the connection after so long, unless something happens first."""
        self._deadline = cast(Any, reactor).callLater(seconds, self.channel.transport.abortConnection)

    def _stop_waiting(self) -> None:
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()


def answer(status: int, sentence: str, is_json: bool, retry_after_seconds: int | None = None) -> bytes:
    """Return the bytes of a whole answer."""
    body = json.dumps({"status": False, "error": sentence}) if is_json else PAGE.format(escape(sentence))
    lines = [
        f"HTTP/1.1 {status} {REASONS[status]}",
        f"Content-Type: {'application/json' if is_json else 'text/html; charset=utf-8'}",
        f"Content-Length: {len(body.encode())}",
        "Cache-Control: no-store",
        "Content-Security-Policy: default-src 'none'",
        "X-Content-Type-Options: nosniff",
        "Connection: close",
    ]
    if retry_after_seconds is not None:
        lines.append(f"Retry-After: {retry_after_seconds}")
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()
