"""The present state of the kitchen, for the front page of the admin."""

from typing import Any

from django import template
from django.db.models import Count, Q
from django.utils import timezone

from home.models import Order
from kitchen import presets, stages
from kitchen.models import Shop
from kitchen.promises import days

register = template.Library()

KINDS = {"real": False, "simulated": True}


@register.simple_tag
def kitchen_now() -> dict[str, Any]:
    """Count open orders by stage, late ones (past their promise) and promises kept today; simulated ones apart."""
    now = timezone.now()
    late = Count("pk", filter=Q(promised_high__lt=now) & ~Q(stage=stages.READY))
    open_orders = Order.objects.open().order_by().values("stage", "simulated").annotate(orders=Count("pk"), late=late)
    today = timezone.localtime(now).date()
    ended = {simulated: sums for (day, simulated), sums in days.since(today).items() if day == today}
    return {
        "stages": [
            {
                "label": stages.BY_CODE[code].label,
                "code": code,
                **real_and_simulated(open_orders, "orders", stage=code),
            }
            for code in stages.WORKED
        ],
        "late": real_and_simulated(open_orders, "late"),
        "given": {name: ended.get(of, days.Sums()).judged for name, of in KINDS.items()},
        "kept": {name: ended.get(of, days.Sums()).kept for name, of in KINDS.items()},
    }


@register.simple_tag
def shop_presets() -> dict[str, Any]:
    """Return the presets, with what each sets and whether that is so by now, and how many orders are open.

    Empty while the shop's own row is missing, which the front page reports.
    """
    shop, ends_by = Shop.objects.first(), presets.who_ends_work()
    if shop is None:
        return {}
    each = []
    for preset in presets.PRESETS.values():
        settings = [(one.sentence, one.is_so(shop, ends_by)) for one in preset.settings]
        each.append({"preset": preset, "settings": settings, "is_on": all(is_so for _, is_so in settings)})
    return {"presets": each, "is_any_on": any(row["is_on"] for row in each), "open": Order.objects.open().count()}


def real_and_simulated(rows: Any, name: str, **only: str) -> dict[str, int]:
    """Return the sums of a column: {"real": n, "simulated": n}."""
    wanted = [row for row in rows if only.items() <= row.items()]
    real, simulated = (sum(row[name] for row in wanted if row["simulated"] == kind) for kind in (False, True))
    return {"real": real, "simulated": simulated}
