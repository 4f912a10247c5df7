"""When an account is deleted. What belonged to it is for its owners to take care of (pre_delete of User)."""

from django.contrib.auth.models import User


def is_last_superuser(user: User) -> bool:
    """True if without this account nobody could get into the admin to make another."""
    others = User.objects.filter(is_superuser=True, is_active=True).exclude(pk=user.pk)
    return user.is_superuser and not others.exists()
