"""Read who is behind the session or the token that a socket presented.

Sessions are read as rows, many in one query; Django's own session store would read them one by one.
"""

from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import AnonymousUser, User
from django.contrib.sessions.models import Session
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from accounts import guests, limits, tokens

BATCH = 500  # credentials per query
REMEMBERED = 4096  # decoded sessions to cache; a change makes a new entry


@dataclass(frozen=True)
class Credential:
    """The session or token that a socket presented. A token is known by its row: the key itself is never stored."""

    session_key: str = ""
    token_pk: int = 0
    owner_pk: int = 0  # the token's user


@dataclass(frozen=True)
class Who:
    """A person with an account, or a visitor."""

    user: User | AnonymousUser
    guest: str = ""  # the visitor's id in the session (accounts.guests), which identifies their orders


class Claims(NamedTuple):
    """The content of a session, not yet checked."""

    user_pk: int | None
    backend: str
    auth_hash: str
    guest: str


NOBODY = Who(AnonymousUser())


class TooManyTries(Exception):
    """Too many wrong tokens came from this address."""


def read_all(shown: Collection[Credential]) -> dict[Credential, Who]:
    """Return the person behind each credential, NOBODY if it is no longer valid.

    In at most three queries per BATCH: sessions, tokens, accounts.
    """
    everyone = list(shown)
    found: dict[Credential, Who] = {}
    for start in range(0, len(everyone), BATCH):
        found |= _read_batch(everyone[start : start + BATCH])
    return found


def by_token(key: object, address: str) -> tuple[Credential, Who] | None:
    """Return None for a wrong token and count the attempt. After too many, raise TooManyTries without checking."""
    if not isinstance(key, str) or not key:
        return None
    address = limits.neighbourhood(address)
    if not limits.allow("token", address):
        raise TooManyTries
    found = tokens.user_and_token(key)
    if found is None:
        limits.note("token", address)
        return None
    user, token = found
    return Credential(token_pk=token.pk, owner_pk=user.pk), Who(user)


def neighbourhood(address: str) -> str:
    """Return what counts as one address; empty for a Unix socket, behind which can be anybody."""
    return limits.neighbourhood(address)


def _read_batch(shown: list[Credential]) -> dict[Credential, Who]:
    claims = _claims_of({one.session_key for one in shown if one.session_key})
    token_pks = [one.token_pk for one in shown if one.token_pk]
    valid_tokens = tokens.still_valid(token_pks) if token_pks else set()
    user_pks = {said.user_pk for said in claims.values() if said.user_pk is not None}
    user_pks |= {one.owner_pk for one in shown if one.token_pk in valid_tokens}
    users = User.objects.filter(is_active=True).in_bulk(user_pks) if user_pks else {}
    found: dict[Credential, Who] = {}
    for one in shown:
        if one.token_pk:
            user = users.get(one.owner_pk) if one.token_pk in valid_tokens else None
            found[one] = Who(user) if user else NOBODY
        else:
            said = claims.get(one.session_key)
            found[one] = _verify(said, users) if said else NOBODY
    return found


def _claims_of(session_keys: set[str]) -> dict[str, Claims]:
    if not session_keys:
        return {}
    rows = Session.objects.filter(session_key__in=session_keys, expire_date__gt=timezone.now())
    return {key: _decode(data) for key, data in rows.values_list("session_key", "session_data")}


@lru_cache(REMEMBERED)
def _decode(session_data: str) -> Claims:
    content = Session(session_data=session_data).get_decoded()
    user_pk = content.get(SESSION_KEY)
    return Claims(
        user_pk=None if user_pk is None else int(user_pk),
        backend=content.get(BACKEND_SESSION_KEY, ""),
        auth_hash=content.get(HASH_SESSION_KEY, ""),
        guest=content.get(guests.KEY, ""),
    )


def _verify(said: Claims, users: dict[int, User]) -> Who:
    """Check the claims as django.contrib.auth.get_user does. A new password invalidates the old sessions."""
    user = users.get(said.user_pk) if said.user_pk is not None else None
    if user is None or said.backend not in settings.AUTHENTICATION_BACKENDS:
        return Who(AnonymousUser(), said.guest)
    good_hashes = (user.get_session_auth_hash(), *user.get_session_auth_fallback_hash())
    is_theirs = any(constant_time_compare(said.auth_hash, good) for good in good_hashes)
    return Who(user if is_theirs else AnonymousUser(), said.guest)
