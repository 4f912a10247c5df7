"""Identify the API's caller: one of the shop's pages, or a script with or without a token."""

import hashlib
import json

from django.conf import settings
from django.contrib.auth.models import User
from django.core.signing import BadSignature, TimestampSigner
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware
from ninja.errors import HttpError
from ninja.security import APIKeyHeader

from accounts import limits, tokens
from accounts.guests import make_guest
from pizzaProj.pages.csrf import is_ours

SCHEME = "token"  # of the Authorization header, in any case
MAX_KEY_LENGTH = 200
MARK = "X-Simulated"  # the header that marks a simulated customer
MARK_SECONDS = 300  # how long a mark is good for

_marker = TimestampSigner(salt="simulated customer")


class _Check(CsrfViewMiddleware):
    def _reject(self, request: HttpRequest, reason: str) -> str:
        return reason


def _no_response(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


def is_browser(request: HttpRequest) -> bool:
    """Return True if the request brings a session or names the page it comes from. A script does neither."""
    return settings.SESSION_COOKIE_NAME in request.COOKIES or "Origin" in request.headers


class Token(APIKeyHeader):
    """`Authorization: Token <key>` makes the call the token's user's, whatever cookies come with it.

    Every call goes through here; without a token it is the session's user's, or nobody's.
    """

    param_name = "Authorization"
    openapi_description = "“Token ”, then a key from your profile page. Without it, a page's session counts."
    csrf = True  # ninja's docs page is a page too, and sends the token only with this

    def authenticate(self, request: HttpRequest, key: str | None) -> bool:
        """Return the caller. HttpError 401 for an invalid token, TooMany after too many of them."""
        if has_token(request):
            request.user = user_of_token(key or "", limits.address_of(request))
        return True


def has_token(request: HttpRequest) -> bool:
    """Return True if the header has a token. Other schemes are left alone: a proxy might have its own password."""
    return request.headers.get("Authorization", "").split(" ")[0].lower() == SCHEME


def user_of_token(header: str, address: str) -> User:
    limits.check(("token", address))
    found = tokens.user_and_token(header[len(SCHEME) :].strip())
    if found is None:
        limits.note("token", address)
        raise HttpError(401, "This token is not valid: unknown, revoked or expired. Make one on your profile page.")
    user, _ = found
    return user


def member(request: HttpRequest) -> User:
    """Return the calling account; HttpError 401 if there is none."""
    if not isinstance(request.user, User):
        raise HttpError(401, "Log in, or send “Authorization: Token <key>” with a key from your profile page.")
    return request.user


def check_csrf(request: HttpRequest) -> None:
    """Raise HttpError 403 for a browser with neither an Origin of ours nor the CSRF token.

    Other sites can use its cookies, but have neither.
    """
    if has_token(request) or not is_browser(request) or is_ours(request):
        return
    check = _Check(_no_response)
    check.process_request(request)
    reason = check.process_view(request, _no_response, (), {})
    if reason:
        raise HttpError(403, f"{reason} Send the page's token as X-CSRFToken.")


def guest_for(request: HttpRequest) -> str:
    """Return the visitor's word for a new order: none for members, whose account owns it, and for scripts."""
    if request.user.is_authenticated or not is_browser(request):
        return ""
    return make_guest(request)


def idempotency_key(request: HttpRequest) -> str | None:
    """Return a digest of the caller and the Idempotency-Key, None without one; nobody else's key finds this order.

    A visitor is known by the CSRF cookie, which the page has set: the answer that brings the session can be the
    one that got lost.
    """
    key = request.headers.get("Idempotency-Key", "")
    if not key:
        return None
    if len(key) > MAX_KEY_LENGTH:
        raise HttpError(400, f"The Idempotency-Key has more than {MAX_KEY_LENGTH} characters.")
    return hashlib.sha256(json.dumps([*identify_caller(request), key]).encode()).hexdigest()


def identify_caller(request: HttpRequest) -> list[str]:
    """Return the caller with its kind in front, so that no cookie can pretend to be an account."""
    if request.user.is_authenticated:
        return ["account", str(request.user.pk)]
    cookie = request.COOKIES.get(settings.CSRF_COOKIE_NAME)
    if cookie:
        return ["visitor", cookie]
    return ["address", request.META.get("REMOTE_ADDR", "")]


def simulated_mark() -> str:
    """Sign what `rush` sends as the header MARK. It takes the shop's SECRET_KEY to make one."""
    return _marker.sign("rush")


def is_simulated(request: HttpRequest) -> bool:
    """Return True if the caller proves that the order is simulated. HttpError 403 if the proof is not valid."""
    mark = request.headers.get(MARK, "")
    if not mark:
        return False
    try:
        _marker.unsign(mark, max_age=MARK_SECONDS)
    except BadSignature:
        raise HttpError(403, f"The {MARK} mark was not made by this shop, or is too old.") from None
    return True
