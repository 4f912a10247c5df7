"""Remove ended orders altogether, with all that hangs on them, while the shop runs.

The ledger of promises stays as it is (kitchen.promises.ledger): it names no person, and a shop that could take back
what it promised by removing the orders that came late would have no book that anybody can trust. For the same reason
an order stays until the outcome of its promise is written down.
"""

from collections import Counter
from collections.abc import Collection
from typing import Any

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import IntegrityError, connection, transaction
from django.db.models import Exists, Model, OuterRef, Q, QuerySet

from archive import store
from chat.models import Membership, Message, Report, Room
from chat.rooms import SPOKEN
from home import live
from home.models import Order, OrderEvent, OrderItem, OrderLine, OrderShare
from kitchen import stages
from kitchen.locks import lock_kitchen
from kitchen.models import Promise

# What hangs on a conversation, and on an order, in the order of its removal, and what it is called
TALK: tuple[tuple[Any, str, str], ...] = (
    (Report, "message__room__order", "reports"),
    (Message, "room__order", "messages"),
    (Membership, "room__order", "members"),
)
HANGING: tuple[tuple[type[Model], str], ...] = (
    (Room, "conversations"),
    (OrderShare, "shares"),
    (OrderEvent, "events"),
    (OrderItem, "pizzas"),
    (OrderLine, "lines"),
)


def removable() -> QuerySet[Order]:
    """Return the orders that nobody waits for: they have ended, and the outcome of the promise is written down."""
    awaited = Promise.objects.filter(order_pk=OuterRef("pk"), outcome=None)
    asking = Room.objects.filter(order=OuterRef("pk"), waiting_since__isnull=False)
    return Order.objects.filter(~Exists(awaited) & ~Exists(asking), stage__in=stages.ENDED).order_by()


def remove(pks: Collection[int]) -> Counter[str]:
    """Remove these orders, but for those that are not removable by now; return how many rows of what."""
    try:
        return remove_together(pks)
    except IntegrityError:  # somebody has just begun to talk about one, or shown it to a friend: they stay for now
        return Counter()


def remove_together(pks: Collection[int]) -> Counter[str]:
    """Remove all of them or none.

    Behind the kitchen's lock nobody can open one again meanwhile; then come the rooms, as everywhere.
    """
    with lock_kitchen():
        found = dict(removable().filter(pk__in=pks).values_list("pk", "order_id"))
        removed = take_out_what_hangs_on(found)
        forget_in_the_log(found)
        removed["orders"] = delete(Order, "id", found)
        store.forget_twins(found.values())
        transaction.on_commit(lambda: tell(found.values()), robust=True)
    return removed


def take_out_what_hangs_on(pks: Collection[int], spares_people: bool = False) -> Counter[str]:
    """Take out of the tables what belongs to orders, before they go themselves. Needs the kitchen's lock.

    spares_people: leave what they wrote and whom they show it to, as it came a moment ago. Then its order can't go,
    which is an IntegrityError at the commit.
    """
    removed: Counter[str] = Counter()
    if Room.objects.filter(order__in=pks).order_by("pk").select_for_update().values_list("pk"):
        for model, way, name in TALK:
            found = model.objects.filter(**{f"{way}__in": list(pks)})
            if spares_people and model is Message:
                found = found.exclude(kind__in=SPOKEN)
            removed[name] = found.delete()[0]
    for table, name in HANGING:
        if not (spares_people and table is OrderShare):
            removed[name] = delete(table, "order_id", pks)
    return removed


def delete(model: type[Model], column: str, keys: Collection[int]) -> int:
    """Delete in one statement. Django would first look in each table that refers to this one, which takes longer."""
    if not keys:
        return 0
    places = ", ".join(["%s"] * len(keys))
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {model._meta.db_table} WHERE {column} IN ({places})", list(keys))
        return int(cursor.rowcount)


def forget_in_the_log(pks: Collection[int]) -> None:
    """Remove what the admin's own log says of these orders."""
    lines_about_orders().filter(object_id__in=[str(pk) for pk in pks]).delete()


def lines_about_orders() -> QuerySet[LogEntry]:
    return LogEntry.objects.filter(Q(content_type=ContentType.objects.get_for_model(Order)))


def tell(order_ids: Collection[str]) -> None:
    """Close the sockets of pages that still show these orders."""
    for order_id in order_ids:
        live.announce_removed(order_id)
