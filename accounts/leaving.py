"""Rules for deleting an account. Each app cleans up its own rows (pre_delete of User)."""

from django.contrib.auth.models import User
from django.db import transaction

MARK = "_takes_words_along"


def leave(user: User, takes_words: bool = False) -> None:
    """Delete an account. Its messages stay without a name, or, if wanted, without their text as well."""
    setattr(user, MARK, takes_words)
    with transaction.atomic():
        user.delete()


def takes_words_along(user: User) -> bool:
    """Return whether the text of this person's messages goes with the account, for receivers of pre_delete."""
    return getattr(user, MARK, False)


def is_last_superuser(user: User) -> bool:
    """Return True if without this account nobody could enter the admin to create another superuser."""
    others = User.objects.filter(is_superuser=True, is_active=True).exclude(pk=user.pk)
    return user.is_superuser and not others.exists()
