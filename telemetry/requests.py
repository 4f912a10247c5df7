"""Time each request, by method, by the name of its route and by the class of its status.

Never by its path: the addresses of orders are secrets, and there is no end to them.
"""

from collections.abc import Callable
from time import monotonic
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import ResolverMatch

from telemetry.counts import counts
from telemetry.sending import sender

METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
OTHER = "other"  # a client can invent methods and addresses without end
ROUTE = "shop.route"  # the key in a request's scope
LEFT, FAILED = "left", "5xx"  # the client went before there was an answer; what a server answers if nobody else does


class Timed:
    """An ASGI application whose requests are timed, with all that they wait for inside it."""

    def __init__(self, application: Any) -> None:
        self.application = application

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        sender.begin("web")
        began, status = monotonic(), LEFT

        async def note_status(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = f"{message['status'] // 100}xx"
            await send(message)

        try:
            await self.application(scope, receive, note_status)
        except Exception:
            status = FAILED if status == LEFT else status
            raise
        finally:
            method = scope["method"] if scope["method"] in METHODS else OTHER
            counts.observe("shop_request_seconds", monotonic() - began, method, route_in(scope), status)


def route_in(scope: Any) -> str:
    """Return the name of the route that was found, if Django has looked for one."""
    return str(scope.get(ROUTE) or ("static" if scope["path"].startswith("/static/") else OTHER))


class NamedRoute:
    """Middleware that tells the route's name to Timed, which knows no routes."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *args: Any) -> None:
        if request.resolver_match is not None:
            name(request, name_of(request.resolver_match))


def name(request: HttpRequest, route: str) -> None:
    scope = getattr(request, "scope", None)  # there is none without ASGI
    if scope is not None:
        scope[ROUTE] = route


def name_of(found: ResolverMatch) -> str:
    """Return the name of a route, or its pattern; one for all pages of the admin."""
    if found.app_name == "admin":
        return "admin"
    return found.view_name if found.url_name else found.route
