"""Answer the probes before anything else looks at the request: its Host, its scheme, its session.

The figures likewise, if they are asked for from inside: Prometheus names the web as it is called there.
"""

from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import sync_and_async_middleware

from operations.metrics.callers import is_inside
from operations.metrics.views import metrics
from operations.views import PROBES, healthz
from telemetry import requests


@sync_and_async_middleware
def probes(get_response: Any) -> Callable[..., Any]:
    def view_of(request: HttpRequest) -> Callable[[HttpRequest], HttpResponse] | None:
        name = request.path_info.removeprefix("/")
        view = metrics if name == "metrics" and is_inside(request) else PROBES.get(name)
        if view is not None:
            requests.name(request, name)
        return view

    def answer(request: HttpRequest) -> HttpResponse:
        view = view_of(request)
        return view(request) if view else get_response(request)

    async def answer_async(request: HttpRequest) -> HttpResponse:
        view = view_of(request)
        if view is None:
            response: HttpResponse = await get_response(request)
            return response
        # The event loop itself says that it is alive; what looks around must not hold it up.
        return view(request) if view is healthz else await sync_to_async(view)(request)

    return answer_async if iscoroutinefunction(get_response) else answer
