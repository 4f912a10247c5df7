"""Remove ended orders altogether, with all that hangs on them, while the shop runs.

The ledger of promises stays as it is (kitchen.promises.ledger): it names no person, and a shop that could take back
what it promised by removing the orders that came late would have no book that anybody can trust. For the same reason
an order stays until the outcome of its promise is written down.
"""

from collections import Counter
from collections.abc import Collection

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from chat.models import Membership, Message, Report, Room
from home import live
from home.models import Order, OrderEvent, OrderItem, OrderLine, OrderShare
from kitchen import stages
from kitchen.locks import lock_kitchen
from kitchen.models import Promise

# What hangs on an order, in the order of its removal: model, the way to the order, what it is called
HANGING = (
    (Report, "message__room__order", "reports"),
    (Message, "room__order", "messages"),
    (Membership, "room__order", "members"),
    (Room, "order", "conversations"),
    (OrderShare, "order", "shares"),
    (OrderEvent, "order", "events"),
    (OrderItem, "order", "pizzas"),
    (OrderLine, "order", "lines"),
)


def removable() -> QuerySet[Order]:
    """Return the orders that nobody waits for: they have ended, and the outcome of the promise is written down."""
    awaited = Promise.objects.filter(order_pk=OuterRef("pk"), outcome=None)
    asking = Room.objects.filter(order=OuterRef("pk"), waiting_since__isnull=False)
    return Order.objects.filter(~Exists(awaited) & ~Exists(asking), stage__in=stages.ENDED).order_by()


def remove(pks: Collection[int]) -> Counter[str]:
    """Remove these orders, but for those that are not removable by now; return how many rows of what.

    Behind the kitchen's lock nobody can open one again meanwhile; then come the rooms, as everywhere.
    """
    removed: Counter[str] = Counter()
    with lock_kitchen():
        found = dict(removable().filter(pk__in=pks).values_list("pk", "order_id"))
        list(Room.objects.filter(order__in=found).order_by("pk").select_for_update().values_list("pk"))
        for model, way, name in HANGING:
            removed[name] = model.objects.filter(**{f"{way}__in": list(found)}).delete()[0]
        forget_in_the_log(found)
        removed["orders"] = Order.objects.filter(pk__in=found).delete()[0]
        transaction.on_commit(lambda: tell(found.values()), robust=True)
    return removed


def forget_in_the_log(pks: Collection[int]) -> None:
    """Remove what the admin's own log says of these orders."""
    about = ContentType.objects.get_for_model(Order)
    LogEntry.objects.filter(Q(content_type=about), object_id__in=[str(pk) for pk in pks]).delete()


def tell(order_ids: Collection[str]) -> None:
    """Close the sockets of pages that still show these orders."""
    for order_id in order_ids:
        live.announce_removed(order_id)
