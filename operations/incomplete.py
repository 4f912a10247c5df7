"""Say in words that a page needs a station, or the shop's own row, that was deleted."""

from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from kitchen.incomplete import AGAIN_SECONDS, Incomplete, tell
from kitchen.models import Shop


class Incompleteness:
    """Answer with 503 where a page needs a station, or the shop's own row, that was deleted."""

    sync_capable = async_capable = True

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not isinstance(error, (Incomplete, Shop.DoesNotExist)):
            return None
        tell(error)
        answer = render(request, "kitchen/incomplete.html", status=503)
        answer["Retry-After"] = str(AGAIN_SECONDS)
        return answer
