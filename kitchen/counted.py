"""Count what happened in the kitchen, once it is committed: what was rolled back did not happen."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from django.db import transaction

from home.models import Order, OrderEvent
from kitchen import stages
from telemetry.counts import counts


def after_commit(count: Callable[..., None], *args: Any) -> None:
    """Count after the commit. robust: the verb has succeeded."""
    transaction.on_commit(partial(count, *args), robust=True)


def placed(order: Order) -> None:
    counts.add("shop_orders_placed_total", order.way, str(order.simulated).lower())


def changed(events: Sequence[OrderEvent], stage_before: str) -> None:
    """Count what was written of one order; `stage_before` is where it was."""
    for event in events:
        counts.add("shop_stage_changes_total", event.event, event.stage)
    last = events[-1]
    if last.order_stage in stages.ENDED and stage_before not in stages.ENDED:
        counts.add("shop_orders_ended_total", last.order_stage, last.order.way)


def ended_late(stage: str, seconds: float) -> None:
    """Count by how much the clock was late when it ended a work."""
    counts.observe("shop_link_late_seconds", max(0.0, seconds), stage)
