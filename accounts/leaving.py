"""When an account is deleted: what stays behind must belong to nobody."""

from typing import Any

from django.contrib.auth.models import User
from django.db.models.signals import pre_delete
from django.dispatch import receiver

from home.models import Order


def is_last_superuser(user: User) -> bool:
    """Without one nobody could get into the admin to make another."""
    others = User.objects.filter(is_superuser=True, is_active=True).exclude(pk=user.pk)
    return user.is_superuser and not others.exists()


@receiver(pre_delete, sender=User)
def leave_orders_to_nobody(instance: User, **kwargs: Any) -> None:
    """Also not to the visitor that they were before they had an account: that word may live on in a session."""
    Order.objects.filter(user=instance).update(user=None, guest="")
