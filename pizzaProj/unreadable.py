"""Refuse requests that Daphne can't read with an answer of 400. By itself it answers 500, with a traceback for each.

It decodes what should be ASCII outside any handler. It also lets anyone choose the address that the shop believes to
be at (`Daphne-Root-Path`): our proxy sends no such header.
"""

from typing import Any

from daphne import http_protocol

ROOT_PATH, PROTOCOL = b"daphne-root-path", b"sec-websocket-protocol"


def is_readable(request: Any) -> bool:
    protocols = request.requestHeaders.getRawHeaders(PROTOCOL, [])
    return all(part.isascii() for part in (request.method, request.clientproto, *protocols))


def refuse() -> None:
    """Look at every request before Daphne does."""
    kind = http_protocol.WebRequest
    process = kind.process

    def look_first(request: Any) -> Any:
        request.requestHeaders.removeHeader(ROOT_PATH)
        if is_readable(request):
            return process(request)
        return request.basic_error(400, b"Bad Request", "Something in this request is not ASCII.")

    kind.process = look_first
