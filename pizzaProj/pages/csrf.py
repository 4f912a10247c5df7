"""Accept forms that a page of ours has sent, however old it is, and say in words why any other form is refused.

A browser writes the Origin of a POST, and no script can forge it, so an Origin of ours proves the same as the CSRF
token. Unlike the token it outlives a log-in in another tab and a night. Without an Origin, Django asks for the token.
"""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.middleware.csrf import REASON_NO_CSRF_COOKIE, CsrfViewMiddleware, get_token
from django.shortcuts import render, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme

from pizzaProj.unavailable import wants_json

FOREIGN = "This came from a page of another site, so we did nothing with it. Open our own page to do this."
NO_COOKIE = (
    "Your browser sent us no cookie, and without one we can’t know you. Perhaps cookies are switched off. Allow them "
    "for our shop, open the page again and press the button once more. Nothing was changed."
)
OLD = (
    "The page was old, so we couldn’t be sure that it was you. Nothing was changed. Open the page again and press the "
    "button once more."
)
TITLES = {FOREIGN: "That didn’t come from us", NO_COOKIE: "We need a cookie", OLD: "Please press the button again"}


class OwnPages(CsrfViewMiddleware):
    """Stand before Django's own check, and spare a page of ours the token.

    Where even the CSRF cookie is missing, Django's check goes on to refuse: without cookies nobody can log in.
    """

    def process_request(self, request: HttpRequest) -> None:
        """Leave the cookie to Django's own check."""

    def process_view(self, request: HttpRequest, callback: Any, args: Any, kwargs: Any) -> None:
        if settings.CSRF_COOKIE_NAME in request.COOKIES and is_ours(request):
            self._accept(request)  # type: ignore[attr-defined]

    def process_response(self, request: HttpRequest, response: Any) -> Any:
        return response


def is_ours(request: HttpRequest) -> bool:
    """Return True for an Origin of ours. A browser writes it, so a script of another site can't."""
    check: Any = CsrfViewMiddleware(_no_response)
    return "Origin" in request.headers and bool(check._origin_verified(request))


def _no_response(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


def refuse(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer what Django's check refuses (settings.CSRF_FAILURE_VIEW)."""
    words = words_for(request, reason)
    if words != FOREIGN and is_done_already(request):
        return HttpResponseRedirect(target_of(request))
    if wants_json(request):
        return JsonResponse({"status": False, "error": words}, status=403)
    get_token(request)  # brings the cookie that was missing, so that the same form goes through the next time
    context = {"title": TITLES[words], "words": words, "page": page_behind(request) if words != FOREIGN else ""}
    return render(request, "403_csrf.html", context, status=403)


def words_for(request: HttpRequest, reason: str) -> str:
    if "Origin" in request.headers and not is_ours(request):
        return FOREIGN
    return NO_COOKIE if reason == REASON_NO_CSRF_COOKIE else OLD


def is_done_already(request: HttpRequest) -> bool:
    """Return whether somebody wants to log in who is logged in by now, or to log out who is logged out."""
    name = request.resolver_match.url_name if request.resolver_match else None
    return name in (("login", "sign_up") if request.user.is_authenticated else ("logout",))


def target_of(request: HttpRequest) -> str:
    """Return where a log-in leads: `next` if that is a page of ours."""
    target = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure())
    return target if safe else resolve_url(settings.LOGIN_REDIRECT_URL)


def page_behind(request: HttpRequest) -> str:
    """Return the page that was sent from, as far as the browser says, else the menu."""
    page = request.headers.get("Referer", "")
    safe = url_has_allowed_host_and_scheme(page, {request.get_host()}, require_https=request.is_secure())
    return page if safe else resolve_url("index")
