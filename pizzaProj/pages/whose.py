"""Refuse what a page sends once it is no longer the page of the person who is logged in.

Forms bring the word in a hidden field (pizzaProj.pages.tags), scripts in a header, sockets in their address
(realtime.sockets). Programs bring none, and nothing changes for them.
"""

from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponse, JsonResponse, UnreadablePostError
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.whose import now_it_is, whose
from pizzaProj.pages.csrf import page_behind
from pizzaProj.unavailable import wants_json

FIELD = "page_of"
HEADER = "X-Page-Of"
SAFE = ("GET", "HEAD", "OPTIONS")
# Routes that change who is there, so that it does not matter who was
FOR_ANYBODY = (
    "log-in/",
    "log-out/",
    "sign-up/",
    "forgotten-password/",
    "new-password/<uidb64>/<token>/",
    "admin/login/",
    "admin/logout/",
)


class WhosePage:
    """Compare the word that came along with the person who is there now."""

    sync_capable = async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        if request.method in SAFE or is_for_anybody(request):
            return None
        said = request.headers.get(HEADER) or said_by_form(request, view)
        return refuse(request) if said and said != whose(request.user) else None


def is_for_anybody(request: HttpRequest) -> bool:
    return request.resolver_match is not None and request.resolver_match.route in FOR_ANYBODY


def said_by_form(request: HttpRequest, view: Any) -> str:
    """Return the form's word. The API reads its bodies itself; Django would read them only once."""
    if getattr(view, "csrf_exempt", False):
        return ""
    try:
        return request.POST.get(FIELD, "")
    except UnreadablePostError:  # the client has left
        return ""


def refuse(request: HttpRequest) -> HttpResponse:
    words = now_it_is(request.user)
    if wants_json(request):
        return JsonResponse({"status": False, "error": words}, status=409)
    return render(request, "409.html", {"words": words, "page": page_behind(request)}, status=409)


@require_safe
def who_is_here(request: HttpRequest) -> HttpResponse:
    """Tell an open page (static/js/whose.js) who is logged in now."""
    return JsonResponse({"whose": whose(request.user), "username": request.user.get_username()})
