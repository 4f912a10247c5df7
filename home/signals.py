"""post_save of an order: the one place from which it is announced, after the commit."""

from typing import Any

from django.contrib.auth.signals import user_logged_in
from django.db import transaction
from django.db.models.signals import post_save
from django.dispatch import receiver
from django.http import HttpRequest

from accounts.guests import guest_of
from home import live
from home.models import Order


@receiver(post_save, sender=Order)
def announce_after_commit(instance: Order, raw: bool = False, **kwargs: Any) -> None:
    """Before the commit nobody may hear of it: it might be rolled back. robust: the save has succeeded."""
    if not raw:
        transaction.on_commit(lambda: announce_news(instance), robust=True)


def announce_news(order: Order) -> None:
    """Every change that can be seen has a new seq; a save that brought none sends nothing."""
    if order.seq > order.announced_seq:
        order.announced_seq = order.seq
        live.announce(order)


@receiver(user_logged_in)
def adopt_orders(request: HttpRequest, user: Any, **kwargs: Any) -> None:
    """What a visitor ordered moves to the account they sign up with or log in to."""
    guest = guest_of(request)
    if guest:
        Order.objects.filter(guest=guest, user=None).update(user=user)
