"""Announce orders, after the commit and from here alone; and let them follow the account that they belong to."""

from typing import Any

from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in
from django.db import transaction
from django.db.models.signals import post_save, pre_delete
from django.dispatch import receiver
from django.http import HttpRequest

from accounts.guests import guest_of
from home import live
from home.models import Order
from kitchen import flow


@receiver(post_save, sender=Order)
def announce_after_commit(instance: Order, raw: bool = False, **kwargs: Any) -> None:
    """Announce an order after the commit: before, it might be rolled back. robust: the save has succeeded."""
    if not raw:
        transaction.on_commit(lambda: announce_news(instance), robust=True)


def announce_news(order: Order) -> None:
    """Announce an order that has a new seq, as every visible change has; other saves send nothing."""
    if order.seq > order.announced_seq:
        is_new = order.announced_seq == 0
        order.announced_seq = order.seq
        live.announce(order, is_new)


@receiver(user_logged_in)
def adopt_orders(request: HttpRequest, user: Any, **kwargs: Any) -> None:
    """Move a visitor's orders to the account that they sign up with or log in to."""
    guest = guest_of(request)
    if guest:
        flow.adopt(guest, user)


@receiver(pre_delete, sender=User)
def leave_orders_to_nobody(instance: User, **kwargs: Any) -> None:
    """Keep a deleted account's orders, as nobody's.

    They do not go back to the visitor from before the account: that word can live on in a session.
    """
    flow.disown(instance)
