"""Let archived orders follow the account that they belong to, as those in the tables do (home.signals)."""

from typing import Any

from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in
from django.db.models.signals import pre_delete
from django.dispatch import receiver
from django.http import HttpRequest

from accounts.guests import guest_of
from archive import owners


@receiver(user_logged_in)
def adopt_orders(request: HttpRequest, user: Any, **kwargs: Any) -> None:
    guest = guest_of(request)
    if guest:
        owners.adopt(guest, user.pk)


@receiver(pre_delete, sender=User)
def leave_orders_to_nobody(instance: User, **kwargs: Any) -> None:
    owners.disown(instance.pk)
