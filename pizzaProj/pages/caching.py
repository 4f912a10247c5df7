"""Keep what is a person's out of every cache, the browser's included, unless a view says what may be kept.

After a log-out, "Back" would otherwise show a private room or somebody's orders. Nearly every page names the person
who is logged in, so private is the rule; what is the same for everybody is public by the view's own Cache-Control:
pictures (home.media) and static files, which WhiteNoise answers.
"""

from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import sync_and_async_middleware

PRIVATE = "private, no-store"


@sync_and_async_middleware
def private_by_default(get_response: Any) -> Callable[..., Any]:
    def mark(response: HttpResponse) -> HttpResponse:
        response.headers.setdefault("Cache-Control", PRIVATE)
        return response

    def answer(request: HttpRequest) -> HttpResponse:
        return mark(get_response(request))

    async def answer_async(request: HttpRequest) -> HttpResponse:
        return mark(await get_response(request))

    return answer_async if iscoroutinefunction(get_response) else answer
