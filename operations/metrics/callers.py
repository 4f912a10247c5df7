"""Decide who can read the figures: staff with the right, by session or token, and whoever asks from inside."""

from ipaddress import IPv6Address, ip_address

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from ninja.errors import HttpError

from accounts import limits, rights
from home.api.callers import has_token, user_of_token

LOG_IN = "Log in, or send “Authorization: Token <key>” with a key from the profile page of a staff account."
# What a proxy adds: a request with one of these was sent by somebody else than the peer.
OF_PROXIES = ("Forwarded", "X-Forwarded-For", "X-Real-IP", "Via")


def is_inside(request: HttpRequest) -> bool:
    """Return whether the peer itself asks, from a network that METRICS_FROM names.

    Daphne's --proxy-headers puts the client's address in place of the proxy's, and leaves the headers as they are.
    """
    if any(name in request.headers for name in OF_PROXIES):
        return False
    try:
        address = ip_address(request.META.get("REMOTE_ADDR", ""))
    except ValueError:  # a Unix socket has none
        return False
    if isinstance(address, IPv6Address):
        address = address.ipv4_mapped or address
    return any(address in network for network in settings.METRICS_FROM)


def refusal(request: HttpRequest) -> HttpResponse | None:
    """Return the answer to somebody who must not read the figures, None for all others. TooMany is not caught."""
    if is_inside(request):
        return None
    user = request.user
    if has_token(request):
        try:
            user = user_of_token(request.headers["Authorization"], limits.address_of(request))
        except HttpError as error:
            return unknown(str(error))
    if not user.is_authenticated:
        return unknown(LOG_IN)
    if rights.has(user, rights.SEE_FIGURES):
        return None
    return in_words(rights.refusal(user, rights.SEE_FIGURES), 403)


def unknown(sentence: str) -> HttpResponse:
    answer = in_words(sentence, 401)
    answer["WWW-Authenticate"] = 'Token realm="figures"'
    return answer


def in_words(sentence: str, status: int) -> HttpResponse:
    return HttpResponse(f"{sentence}\n", status=status, content_type="text/plain; charset=utf-8")
