"""Give each request an id, which its answer names and which goes with whatever follows from it."""

from typing import Any

from telemetry import trace

HEADER = b"x-request-id"


class Traced:
    """An ASGI application whose requests have an id: the proxy's, or one that is made here."""

    def __init__(self, application: Any) -> None:
        self.application = application

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        request = proxys_id(scope) or trace.new_id()

        async def send_named(message: Any) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), (HEADER, request.encode())]}
            await send(message)

        with trace.in_course_of(request):
            await self.application(scope, receive, send_named)


def proxys_id(scope: Any) -> str:
    """Return the id that our proxy has given to the request; empty if there is none, or anyone can have written it."""
    if not is_behind_proxy(scope):
        return ""
    return trace.checked(dict(scope["headers"]).get(HEADER, b"").decode("latin1"))


def is_behind_proxy(scope: Any) -> bool:
    """Return whether the server believes the headers of who has connected.

    Then it took the client's address from one (Daphne's --proxy-headers), and knows no port: no other client has 0.
    """
    client = scope.get("client")
    return bool(client) and client[1] == 0
