"""Limit how often something can be tried. Counts are in the database, so they survive a restart or a lost Redis.

`note` records an attempt and `allow` says whether another one is allowed. `spend` does both, and `failing` wraps code
whose failures alone count. The person or address is stored only as a digest.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address

from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils import timezone

from accounts.models import Attempt
from pizzaProj import limits

NEIGHBOURHOOD_BITS = 64  # of an IPv6 address: its owner has every address with the same prefix
LIMITS = limits.ATTEMPTS
LONGEST = max(limit.seconds for limit in LIMITS.values())
TOO_MANY = "Too many attempts. Try again in a quarter of an hour."
TOO_MANY_CODE = "too_many"


class TooMany(ValidationError):
    """A limit is exceeded. It is a ValidationError, so a form shows it like any other; the view answers with 429."""

    def __init__(self) -> None:
        super().__init__(TOO_MANY, code=TOO_MANY_CODE)


def allow(action: str, *who: object, now: datetime | None = None) -> bool:
    """Return whether `who` (an account, an address, or both) can try this once more."""
    return _tries(action, _key(action, who), now or timezone.now()) < LIMITS[action].tries


def note(action: str, *who: object, now: datetime | None = None) -> int:
    """Record an attempt and return its primary key. Attempts of this kind outside the window are deleted."""
    key, now = _key(action, who), now or timezone.now()
    Attempt.objects.filter(key=key, at__lte=now - window_of(action)).delete()
    return Attempt.objects.create(key=key, at=now).pk


def spend(*tries: tuple[object, ...], now: datetime | None = None) -> list[int]:
    """Record an attempt at each (action, *who) and return their primary keys.

    If any of them exceeds its limit, record nothing and raise TooMany. Each attempt is written before the count is
    read; otherwise a hundred at the same moment would all be allowed.
    """
    now = now or timezone.now()
    noted = [note(str(action), *who, now=now) for action, *who in tries]
    if any(_tries(str(action), _key(str(action), who), now) > LIMITS[str(action)].tries for action, *who in tries):
        Attempt.objects.filter(pk__in=noted).delete()
        raise TooMany
    return noted


@contextmanager
def failing(*tries: tuple[object, ...], now: datetime | None = None) -> Iterator[None]:
    """Call `spend`, then run the block; if it succeeds, the attempts do not count."""
    noted = spend(*tries, now=now)
    yield
    Attempt.objects.filter(pk__in=noted).delete()


def clear(now: datetime | None = None) -> None:
    """Delete the attempts that are outside every window, including those of people who never came back."""
    Attempt.objects.filter(at__lte=(now or timezone.now()) - timedelta(seconds=LONGEST)).delete()


def address_of(request: HttpRequest) -> str:
    """Return the request's address from Daphne, which trusts our proxy's word for it (docker-compose.yml)."""
    return neighbourhood(request.META.get("REMOTE_ADDR", ""))


def neighbourhood(address: str) -> str:
    """Return the part of an address that its owner can't change at will."""
    try:
        ip = ip_address(address)
    except ValueError:
        return address  # a Unix socket has none
    if isinstance(ip, IPv6Address):
        return str(ip.ipv4_mapped or IPv6Address(int(ip) >> NEIGHBOURHOOD_BITS << NEIGHBOURHOOD_BITS))
    return address


def window_of(action: str) -> timedelta:
    return timedelta(seconds=LIMITS[action].seconds)


def _tries(action: str, key: str, now: datetime) -> int:
    return Attempt.objects.filter(key=key, at__gt=now - window_of(action)).count()


def _key(action: str, who: tuple[object, ...] | list[object]) -> str:
    """Return the digest of the parts, each with its length, so that no name can imitate somebody else's key."""
    parts = [action, *(str(part) for part in who)]
    return hashlib.sha256("".join(f"{len(part)}:{part}" for part in parts).encode(errors="replace")).hexdigest()
