"""How often something may be tried: counted in the database, so that no restart and no lost Redis forgives it.

`note` writes a try down, `allow` says whether one more is in order; `spend` does both, `failing` around what may fail.
Who tried stands there only as a digest.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address
from typing import NamedTuple

from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils import timezone

from accounts.models import Attempt

NEIGHBOURHOOD_BITS = 64  # of an IPv6 address: whoever has one has all that begin alike


class Limit(NamedTuple):
    tries: int
    window: timedelta


QUARTER = timedelta(minutes=15)
MINUTE = timedelta(minutes=1)
# What is limited, and for whom. An action that is not here is a mistake in the code: KeyError.
LIMITS = {
    "log_in": Limit(10, QUARTER),  # failures, of a name at an address
    "log_in_name": Limit(100, QUARTER),  # failures, of a name wherever from: high, as it locks its owner out too
    "log_in_address": Limit(50, QUARTER),  # failures, of an address
    "sign_up": Limit(20, QUARTER),  # accounts made, of an address
    "sign_up_form": Limit(60, QUARTER),  # refused forms, of an address: they tell which user names are taken
    "reset": Limit(3, QUARTER),  # mails asked for, to an e-mail address
    "reset_address": Limit(20, QUARTER),  # mails asked for, of an address
    "confirm": Limit(10, QUARTER),  # wrong passwords, of somebody who is logged in
    "token": Limit(50, QUARTER),  # bad tokens, of an address
    "token_made": Limit(20, QUARTER),  # tokens made, of an account
    "search": Limit(30, MINUTE),  # people looked for, of an account
    "friend": Limit(60, QUARTER),  # requests and the like, of an account
    "room": Limit(20, QUARTER),  # rooms made, of an account or an address
}
LONGEST_WINDOW = max(limit.window for limit in LIMITS.values())
TOO_MANY = "Too many tries. Wait a quarter of an hour."
TOO_MANY_CODE = "too_many"


class TooMany(ValidationError):
    """As one, so that a form shows it like every other mistake; the view answers with 429."""

    def __init__(self) -> None:
        super().__init__(TOO_MANY, code=TOO_MANY_CODE)


def allow(action: str, *who: object, now: datetime | None = None) -> bool:
    """May `who` (an account, an address, both) try this once more?"""
    return _tries(action, _key(action, who), now or timezone.now()) < LIMITS[action].tries


def note(action: str, *who: object, now: datetime | None = None) -> int:
    """One try more. Returns its primary key. What of these nobody counts any longer is thrown away on the way."""
    key, now = _key(action, who), now or timezone.now()
    Attempt.objects.filter(key=key, at__lte=now - LIMITS[action].window).delete()
    return Attempt.objects.create(key=key, at=now).pk


def spend(*tries: tuple[object, ...], now: datetime | None = None) -> list[int]:
    """One try more of one or several (action, *who). Returns their primary keys.

    TooMany, and nothing is counted, if that is one too many of any. Each is written down before it is looked at, else
    a hundred in the same moment would all be allowed.
    """
    now = now or timezone.now()
    noted = [note(str(action), *who, now=now) for action, *who in tries]
    if any(_tries(str(action), _key(str(action), who), now) > LIMITS[str(action)].tries for action, *who in tries):
        Attempt.objects.filter(pk__in=noted).delete()
        raise TooMany
    return noted


@contextmanager
def failing(*tries: tuple[object, ...], now: datetime | None = None) -> Iterator[None]:
    """Around what may fail: as `spend`, but what succeeds does not count."""
    noted = spend(*tries, now=now)
    yield
    Attempt.objects.filter(pk__in=noted).delete()


def clear(now: datetime | None = None) -> None:
    """Throw away what nobody counts any longer, also of those who never came back."""
    Attempt.objects.filter(at__lte=(now or timezone.now()) - LONGEST_WINDOW).delete()


def address_of(request: HttpRequest) -> str:
    """Where the request comes from, as Daphne says: behind our proxy it takes its word (docker-compose.yml)."""
    return neighbourhood(request.META.get("REMOTE_ADDR", ""))


def neighbourhood(address: str) -> str:
    """The part of an address that its owner can't change at will."""
    try:
        ip = ip_address(address)
    except ValueError:
        return address  # a unix socket has none
    if isinstance(ip, IPv6Address):
        return str(ip.ipv4_mapped or IPv6Address(int(ip) >> NEIGHBOURHOOD_BITS << NEIGHBOURHOOD_BITS))
    return address


def _tries(action: str, key: str, now: datetime) -> int:
    return Attempt.objects.filter(key=key, at__gt=now - LIMITS[action].window).count()


def _key(action: str, who: tuple[object, ...] | list[object]) -> str:
    """With the lengths of its parts, so that nobody can write another one's key as their name."""
    parts = [action, *(str(part) for part in who)]
    return hashlib.sha256("".join(f"{len(part)}:{part}" for part in parts).encode(errors="replace")).hexdigest()
