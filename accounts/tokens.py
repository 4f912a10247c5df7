"""Keys for scripts: made, recognised, revoked. The key is shown once; the database knows only its digest."""

import hashlib
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.models import PREFIX_LENGTH, Token

KEY_START = "fv_"  # so that a key is recognised where it should not be, by people and by scanners
KEY_BYTES = 32
LONGEST_KEY = 100  # characters; ours have 46
USE_NOTED_EVERY = timedelta(minutes=1)


def make(user: User, name: str, expires_at: datetime | None = None) -> str:
    """A new key, which nobody can read again. Without `expires_at` it ends only when it is revoked."""
    key = KEY_START + secrets.token_urlsafe(KEY_BYTES)
    Token.objects.create(user=user, name=name, prefix=key[:PREFIX_LENGTH], digest=_digest(key), expires_at=expires_at)
    return key


def user_and_token(key: str) -> tuple[User, Token] | None:
    """Whose key it is. None alike for one that is unknown or expired, or whose user is inactive."""
    if not (key.startswith(KEY_START) and key.isascii() and len(key) <= LONGEST_KEY):
        return None
    now = timezone.now()
    token = _good(now).filter(digest=_digest(key)).select_related("user").first()
    if token is None:
        return None
    _note_use(token, now)
    return token.user, token


def still_good(token_pks: Iterable[int]) -> set[int]:
    """Those of them that are not revoked or expired, and whose user is active. One query."""
    return set(_good(timezone.now()).filter(pk__in=list(token_pks)).values_list("pk", flat=True))


def revoke(user: User, pk: int) -> bool:
    """From now on the key opens nothing. False if this user has no such token."""
    return bool(Token.objects.filter(user=user, pk=pk).delete()[0])


def _good(now: datetime) -> QuerySet[Token]:
    return Token.objects.filter(Q(expires_at=None) | Q(expires_at__gt=now), user__is_active=True)


def _digest(key: str) -> str:
    """A plain SHA-256: a key of 256 random bits can't be guessed from it, however fast the hash."""
    return hashlib.sha256(key.encode()).hexdigest()


def _note_use(token: Token, now: datetime) -> None:
    """Once a minute is enough for a list, and spares a write at every call."""
    unnoted = Q(last_used_at=None) | Q(last_used_at__lte=now - USE_NOTED_EVERY)
    if token.last_used_at is None or token.last_used_at <= now - USE_NOTED_EVERY:
        Token.objects.filter(unnoted, pk=token.pk).update(last_used_at=now)
