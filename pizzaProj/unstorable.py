"""Refuse at the door what no database can store: NUL, and text that is no Unicode.

PostgreSQL takes no NUL, and neither database half of a surrogate pair; SQLite finds nothing where PostgreSQL fails. So
an address that has them leads nowhere, and a cookie that has them is not ours. What is sent in a body says so itself:
each form, and realtime.incoming for JSON.
"""

import codecs
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.contrib.admin.views.main import ERROR_FLAG
from django.core.exceptions import BadRequest
from django.db import DataError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect

from realtime.incoming import is_storable

SENTENCE = "There are characters in this address that nobody can read. Check the link, or type it again."
NOT_UTF_8 = "Forms have to be sent in UTF-8."
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


class Door:
    """A middleware before all that read the request: sessions, the log-in, the pages."""

    sync_capable = async_capable = True

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        refuse(request)
        request.COOKIES = {name: value for name, value in request.COOKIES.items() if is_storable(name + value)}
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Let a list of the admin drop a filter with a number or a date that no database holds, as it does others."""
        is_list = request.path.startswith("/admin/") and request.method in ("GET", "HEAD")
        if is_list and isinstance(error, (DataError, OverflowError, ValueError)) and ERROR_FLAG not in request.GET:
            return HttpResponseRedirect(f"{request.path}?{ERROR_FLAG}=1")
        return None


def refuse(request: HttpRequest) -> None:
    """Raise Http404 or BadRequest, which become an answer in words (pizzaProj.refusals)."""
    if not is_storable(request.path):
        raise Http404(SENTENCE)
    if request.content_type in FORMS and not is_utf_8(request.encoding):
        raise BadRequest(NOT_UTF_8)
    if not all(is_storable(text) for name, values in request.GET.lists() for text in (name, *values)):
        raise BadRequest(SENTENCE)


def is_utf_8(encoding: str | None) -> bool:
    """Return whether that is how we read a form: in others, a letter can be half of a surrogate pair, or no text."""
    return encoding is None or codecs.lookup(encoding).name == "utf-8"
