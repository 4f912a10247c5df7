"""Logging in by user name or by e-mail address, with the same work for a name that exists and one that doesn't."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from django.db.models import Q, QuerySet
from django.http import HttpRequest

# An e-mail address is not proven to be anybody's, so several accounts may have the same: the password decides.
MAX_SHARING = 3  # each costs a hash (a fifth of a second), also for an address that nobody has


class NameOrEmailBackend(ModelBackend):
    """Django's own, but for how the account is found."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> User | None:
        if username is None or password is None:
            return None
        tries = MAX_SHARING if "@" in username else 1
        candidates = list(_candidates(username)[:tries])
        for user in candidates:
            if user.check_password(password) and self.user_can_authenticate(user):
                return user
        # A wrong password takes as long for one account as for several or none: nothing can be read from the clock.
        for _ in range(tries - len(candidates)):
            make_password(password)
        return None


def _candidates(username: str) -> QuerySet[User]:
    """Who it may be, the oldest first: a stranger's new accounts with the same address crowd nobody out."""
    name = Q(username=User.normalize_username(username))
    if "@" not in username:
        return User.objects.filter(name)
    # Names that were made at the console may have an @.
    return User.objects.filter(name | Q(email__iexact=username.strip())).order_by("pk")
