"""Rules for deleting an account. Each app cleans up its own rows (pre_delete of User)."""

from django.contrib.auth.models import User


def is_last_superuser(user: User) -> bool:
    """Return True if without this account nobody could enter the admin to create another superuser."""
    others = User.objects.filter(is_superuser=True, is_active=True).exclude(pk=user.pk)
    return user.is_superuser and not others.exists()
