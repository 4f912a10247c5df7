"""What is saved past `flow` goes through `flow` all the same. Boards hear of the rest."""

from typing import Any

from django.db import transaction
from django.db.models.signals import post_save
from django.dispatch import receiver

from home import live
from home.models import STATE_FIELDS, Order, stage_override_requested
from kitchen import flow
from kitchen.models import Shop, Station

ON_THE_BOARD = {"speed", "is_open", "demand_per_hour"}  # of the shop


@receiver(stage_override_requested)
def override_by_hand(order: Order, **kwargs: Any) -> None:
    """`order.stage = ...; order.save()` ends as `flow.override` does, or raises `flow.Refused` and saves nothing."""
    flow.override(order.pk, order.stage, reason="Saved by hand")
    order.refresh_from_db(fields=STATE_FIELDS)  # what else the person has changed is about to be saved


@receiver(post_save, sender=Order)
def admit_by_hand(instance: Order, created: bool, raw: bool = False, **kwargs: Any) -> None:
    """An order made with `Order(...).save()` joins the kitchen; one from `flow.place` has its seq by the commit."""
    if created and not raw:
        transaction.on_commit(lambda: _admit_if_bare(instance), robust=True)


@receiver(post_save, sender=Station)
@receiver(post_save, sender=Shop)
def tell_boards(sender: Any, raw: bool = False, update_fields: Any = None, **kwargs: Any) -> None:
    """After the commit. robust: the save has succeeded."""
    seen = sender is Station or update_fields is None or not ON_THE_BOARD.isdisjoint(update_fields)
    if seen and not raw:
        transaction.on_commit(live.announce_kitchen, robust=True)


def _admit_if_bare(order: Order) -> None:
    if order.seq == 0:
        flow.admit(order.pk)
        order.refresh_from_db()
