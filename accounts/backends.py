"""Log in by user name or e-mail address, with the same work whether or not the account exists."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest

# E-mail addresses are not verified, so several accounts can have the same one: the password decides.
MAX_SHARING = 3  # each costs a hash: a fifth of a second, and 100 MB meanwhile (accounts.limits.gate)


class NameOrEmailBackend(ModelBackend):
    """Django's own backend, except for how the account is found and read."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> User | None:
        if username is None or password is None:
            return None
        found = list(candidates(username)[:MAX_SHARING])
        for user in found:
            if user.check_password(password) and self.user_can_authenticate(user):
                return user
        if not found:
            make_password(password)  # a wrong password takes as long for no account as for one
        return None

    def get_user(self, user_id: int) -> User | None:
        """Read the account and, in the same query, whether anybody has given it a permission: few have one."""
        user: Any = User.objects.annotate(has_permissions=_in_a_group() | _permitted()).filter(pk=user_id).first()
        return user if user is not None and self.user_can_authenticate(user) else None

    def get_all_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        """Ask the database only about those who have any: a customer's pages cost nothing for it."""
        if getattr(user_obj, "has_permissions", True) or user_obj.is_superuser:
            return super().get_all_permissions(user_obj, obj)
        return set()


def candidates(username: str) -> QuerySet[User]:
    """Return the possible accounts, oldest first, so that newer ones with the same address crowd nobody out."""
    name = Q(username=User.normalize_username(username))
    if "@" not in username:
        return User.objects.filter(name)
    # Names created at the console can contain an @.
    return User.objects.filter(name | Q(email__iexact=username.strip())).order_by("pk")


def _in_a_group() -> Exists:
    return Exists(User.groups.through.objects.filter(user=OuterRef("pk")))


def _permitted() -> Exists:
    return Exists(User.user_permissions.through.objects.filter(user=OuterRef("pk")))
