"""Create, recognise and revoke keys for scripts. A key is shown once; the database holds only its digest."""

import hashlib
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.models import PREFIX_LENGTH, Token

KEY_START = "fv_"  # lets people and scanners recognise a leaked key
KEY_BYTES = 32
LONGEST_KEY = 100  # characters; ours have 46
USE_NOTED_EVERY = timedelta(minutes=1)


def make(user: User, name: str, expires_at: datetime | None = None) -> str:
    """Create a key and return it; it can't be read again. Without `expires_at` it is valid until it is revoked."""
    key = KEY_START + secrets.token_urlsafe(KEY_BYTES)
    Token.objects.create(user=user, name=name, prefix=key[:PREFIX_LENGTH], digest=_digest(key), expires_at=expires_at)
    return key


def user_and_token(key: str) -> tuple[User, Token] | None:
    """Return the key's user and token. None if it is unknown or expired, or if the user is inactive."""
    if not (key.startswith(KEY_START) and key.isascii() and len(key) <= LONGEST_KEY):
        return None
    now = timezone.now()
    token = _valid(now).filter(digest=_digest(key)).select_related("user").first()
    if token is None:
        return None
    _note_use(token, now)
    return token.user, token


def still_valid(token_pks: Iterable[int]) -> set[int]:
    """Return those that are neither revoked nor expired and whose user is active. Takes one query."""
    return set(_valid(timezone.now()).filter(pk__in=list(token_pks)).values_list("pk", flat=True))


def revoke(user: User, pk: int) -> bool:
    """Revoke the token. Return False if this user has no such token."""
    return bool(Token.objects.filter(user=user, pk=pk).delete()[0])


def _valid(now: datetime) -> QuerySet[Token]:
    return Token.objects.filter(Q(expires_at=None) | Q(expires_at__gt=now), user__is_active=True)


def _digest(key: str) -> str:
    """Return a plain SHA-256. However fast the hash, a key of 256 random bits can't be guessed from it."""
    return hashlib.sha256(key.encode()).hexdigest()


def _note_use(token: Token, now: datetime) -> None:
    """Record the use, at most once a minute: enough for a list, and it saves a write on every call."""
    unnoted = Q(last_used_at=None) | Q(last_used_at__lte=now - USE_NOTED_EVERY)
    if token.last_used_at is None or token.last_used_at <= now - USE_NOTED_EVERY:
        Token.objects.filter(unnoted, pk=token.pk).update(last_used_at=now)
