"""Count attempts in the database, so that they survive a restart or a lost Redis.

`note` records an attempt and `allow` says whether another one is allowed. `spend` does both; `spending` and `failing`
wrap code, of which with `failing` the failures alone count. The person or address is stored only as a digest.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.db.models import QuerySet
from django.utils import timezone

from accounts.limits.keys import key_of
from accounts.limits.too_many import TOO_MANY, Busy, TooMany
from accounts.models import Attempt
from pizzaProj import limits

LIMITS = limits.ATTEMPTS
# Webs' clocks differ by less. An attempt further ahead was made before the clock was set back.
AHEAD = timedelta(seconds=60)
LONGEST = max(limit.seconds for limit in LIMITS.values())


def allow(action: str, *who: object, now: datetime | None = None) -> bool:
    """Return whether `who` (an account, an address, or both) can try this once more."""
    return seconds_until_allowed(action, *who, now=now or timezone.now()) <= 0


def check(*tries: tuple[object, ...], words: str = TOO_MANY, now: datetime | None = None) -> None:
    """Raise TooMany if one of these (action, *who) is not allowed now."""
    now = now or timezone.now()
    seconds = max((seconds_until_allowed(str(action), *who, now=now) for action, *who in tries), default=0)
    if seconds > 0:
        raise TooMany(seconds, words)


def note(action: str, *who: object, now: datetime | None = None) -> int:
    """Record an attempt and return its primary key. Attempts of this kind outside the window are deleted."""
    key, now = key_of(action, who), now or timezone.now()
    Attempt.objects.filter(key=key, at__lte=now - window_of(action)).delete()
    _pull_back(key, now)
    return Attempt.objects.create(key=key, at=now).pk


def spend(*tries: tuple[object, ...], words: str = TOO_MANY, now: datetime | None = None) -> list[int]:
    """Record an attempt at each (action, *who) and return their primary keys.

    If any of them exceeds its limit, record nothing and raise TooMany. Each attempt is written before the count is
    read; otherwise a hundred at the same moment would all be allowed.
    """
    now = now or timezone.now()
    check(*tries, words=words, now=now)  # who comes on and on is refused without a write
    noted = [note(str(action), *who, now=now) for action, *who in tries]
    if any(_has_exceeded(str(action), *who, now=now) for action, *who in tries):
        _forget(noted)
        raise TooMany(1, words)  # others tried at this very moment, and may succeed
    return noted


@contextmanager
def spending(*tries: tuple[object, ...], now: datetime | None = None) -> Iterator[list[int]]:
    """Call `spend`, then run the block; if it could not be tried at all, the attempts do not count."""
    noted = spend(*tries, now=now)
    try:
        yield noted
    except Busy:
        _forget(noted)
        raise


@contextmanager
def failing(*tries: tuple[object, ...], now: datetime | None = None) -> Iterator[None]:
    """Do the same, and if the block succeeds, the attempts do not count either."""
    with spending(*tries, now=now) as noted:
        yield
        _forget(noted)


def outdated(now: datetime) -> QuerySet[Attempt]:
    """Return the attempts that are outside every window, including those of people who never came back."""
    return Attempt.objects.filter(at__lte=now - timedelta(seconds=LONGEST))


def window_of(action: str) -> timedelta:
    return timedelta(seconds=LIMITS[action].seconds)


def seconds_until_allowed(action: str, *who: object, now: datetime) -> float:
    """Return how long the oldest attempt that is in the way still counts."""
    tries, window = LIMITS[action].tries, window_of(action)
    key = key_of(action, who)
    moments = Attempt.objects.filter(key=key, at__gt=now - window).order_by("-at")
    in_the_way = moments.values_list("at", flat=True)[tries - 1 : tries].first()
    if in_the_way and in_the_way > now + AHEAD:
        _pull_back(key, now)
        in_the_way = now
    return (in_the_way + window - now).total_seconds() if in_the_way else 0.0


def _pull_back(key: str, now: datetime) -> None:
    """Let attempts that the clock has made lie in the future count from now on, and no longer than others."""
    Attempt.objects.filter(key=key, at__gt=now + AHEAD).update(at=now)


def _has_exceeded(action: str, *who: object, now: datetime) -> bool:
    moments = Attempt.objects.filter(key=key_of(action, who), at__gt=now - window_of(action))
    return moments.count() > LIMITS[action].tries


def _forget(noted: list[int]) -> None:
    Attempt.objects.filter(pk__in=noted).delete()
