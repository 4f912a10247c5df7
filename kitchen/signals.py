"""Pass to `flow` what is saved without it, and tell the boards of the rest."""

from typing import Any

from django.db import transaction
from django.db.models.signals import post_save
from django.dispatch import receiver

from home import live
from home.models import STATE_FIELDS, Order, stage_override_requested
from kitchen import flow
from kitchen.models import Shop, Station

ON_THE_BOARD = {"speed", "is_open", "demand_per_hour", "hands_over"}  # columns of the shop


@receiver(stage_override_requested)
def override_by_hand(order: Order, **kwargs: Any) -> None:
    """Treat `order.stage = ...; order.save()` as `flow.override`, or raise `flow.Refused` and save nothing."""
    flow.override(order.pk, order.stage, reason="Saved by hand")
    order.refresh_from_db(fields=STATE_FIELDS)  # the other fields that were changed are about to be saved


@receiver(post_save, sender=Order)
def admit_by_hand(instance: Order, created: bool, raw: bool = False, **kwargs: Any) -> None:
    """Let an order made with `Order(...).save()` join the kitchen; one from `flow.place` has its seq by the commit."""
    if created and not raw:
        transaction.on_commit(lambda: _admit_if_bare(instance), robust=True)


@receiver(post_save, sender=Station)
@receiver(post_save, sender=Shop)
def tell_boards(sender: Any, raw: bool = False, update_fields: Any = None, **kwargs: Any) -> None:
    """Announce a changed station or shop after the commit. robust: the save has succeeded."""
    seen = sender is Station or update_fields is None or not ON_THE_BOARD.isdisjoint(update_fields)
    if seen and not raw:
        transaction.on_commit(live.announce_kitchen, robust=True)


def _admit_if_bare(order: Order) -> None:
    if order.seq == 0:
        flow.admit(order.pk)
        order.refresh_from_db()
