"""Who calls the API: a page of ours, or a script."""

import hashlib
import json

from django.conf import settings
from django.core.signing import BadSignature, TimestampSigner
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware
from ninja.errors import HttpError

from home.guests import make_guest

MAX_KEY_LENGTH = 200
MARK = "X-Simulated"  # the header that says: this customer is made up
MARK_SECONDS = 300  # how long a mark is good for

_marker = TimestampSigner(salt="simulated customer")


class _Check(CsrfViewMiddleware):
    def _reject(self, request: HttpRequest, reason: str) -> str:
        return reason


def _no_response(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


def is_browser(request: HttpRequest) -> bool:
    """Does it bring a session, or say from which page it comes? A script does neither."""
    return settings.SESSION_COOKIE_NAME in request.COOKIES or "Origin" in request.headers


def check_csrf(request: HttpRequest) -> None:
    """HttpError 403 for a browser without the CSRF token. A script has no cookie that another site could use."""
    if not is_browser(request):
        return
    check = _Check(_no_response)
    check.process_request(request)
    reason = check.process_view(request, _no_response, (), {})
    if reason:
        raise HttpError(403, f"{reason} Send the page's token as X-CSRFToken.")


def guest_for(request: HttpRequest) -> str:
    """Under which word a new order is kept: none for members (it is their account's) and for scripts."""
    if request.user.is_authenticated or not is_browser(request):
        return ""
    return make_guest(request)


def click_digest(request: HttpRequest) -> str | None:
    """Whose click, and its Idempotency-Key, so that nobody else's equal key finds their order; None without a key.

    A visitor is known by the CSRF cookie, which the page has set: the answer that brings the session may be the
    one that got lost.
    """
    key = request.headers.get("Idempotency-Key", "")
    if not key:
        return None
    if len(key) > MAX_KEY_LENGTH:
        raise HttpError(400, f"The Idempotency-Key has more than {MAX_KEY_LENGTH} characters.")
    return hashlib.sha256(json.dumps([*who_calls(request), key]).encode()).hexdigest()


def who_calls(request: HttpRequest) -> list[str]:
    """The kind of the caller stands before the value, so that no cookie can pretend to be an account."""
    if request.user.is_authenticated:
        return ["account", str(request.user.pk)]
    cookie = request.COOKIES.get(settings.CSRF_COOKIE_NAME)
    if cookie:
        return ["visitor", cookie]
    # Behind a proxy everyone has its address. The header can be forged, but only to be someone else than oneself.
    return ["address", request.META.get("REMOTE_ADDR", ""), request.headers.get("X-Forwarded-For", "")]


def simulated_mark() -> str:
    """What `rush` sends as the header MARK. Only who knows the shop's SECRET_KEY can make one."""
    return _marker.sign("rush")


def is_simulated(request: HttpRequest) -> bool:
    """Does the caller say, and prove, that the order is a simulated one? HttpError 403 if the proof is none."""
    mark = request.headers.get(MARK, "")
    if not mark:
        return False
    try:
        _marker.unsign(mark, max_age=MARK_SECONDS)
    except BadSignature:
        raise HttpError(403, f"The {MARK} mark is not ours, or too old.") from None
    return True
