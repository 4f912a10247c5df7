"""Move orders of past months out of the shop's tables, into the archive (archive.store), where they can be read.

An order moves with its lines, pizzas and events when it has ended, its promise has been judged, and nothing has
happened to it since. It stays as long as people talk about it or show it: while their words are kept, the conversation
can go on, and while it is shown to a friend, it is on that friend's page. What nobody wrote, a conversation that holds
nothing but the order's own events, goes.

An order is in the archive, down to the disk, before it leaves the tables. On PostgreSQL that is one transaction. On
SQLite, where they are two files, whoever is killed in between leaves an order in both: it is read from the tables, and
the next run takes it out of the archive again before it goes on.
"""

from collections.abc import Collection, Iterator
from datetime import date, datetime
from typing import NamedTuple

from django.db import IntegrityError
from django.db.models import Exists, OuterRef, Q, QuerySet

from archive import months, owners, store
from chat.models import Message
from chat.rooms import SPOKEN
from home.models import Order, OrderShare
from keeping import ages, batches, orders
from kitchen.locks import lock_kitchen
from kitchen.models import Shop

TOGETHER = 10  # orders, behind the kitchen's lock
LAST_PUT = 10 * TOGETHER  # rows of the archive in which those must be that are in both files


class Moved(NamedTuple):
    number: int
    last: int  # the key up to which all are done


def move(before: date, after: int = 0) -> Iterator[Moved]:
    """Move the orders that were placed before this month, a few at each step, from a key on."""
    moment = months.beginning(before)
    for window in batches.old_keys(ages.ended(), Q(created_at__lt=moment), after=after):
        found = dict(movable(moment).filter(pk__in=window).order_by("pk").values_list("pk", "created_at"))
        if found:
            store.prepare(found.values())
            note_begun(min(found.values()))
        for pks in batches.pieces(list(found), TOGETHER):
            yield Moved(move_together(pks, moment), pks[-1])


def movable(moment: datetime) -> QuerySet[Order]:
    words = Message.objects.filter(room__order=OuterRef("pk"), kind__in=SPOKEN)
    shown = OrderShare.objects.filter(order=OuterRef("pk"))
    return ages.aged(moment).filter(~Exists(words) & ~Exists(shown))


def move_together(pks: Collection[int], moment: datetime) -> int:
    """Move those of these orders that can be moved by now, all or none; return how many."""
    try:
        with lock_kitchen():  # nobody can open one again meanwhile, or give it to another account
            found = list(whole(movable(moment).filter(pk__in=pks)))
            if found:
                store.put(found)
                gone = [order.pk for order in found]
                orders.take_out_what_hangs_on(gone, spares_people=True)
                orders.delete(Order, "id", gone)
    except IntegrityError:  # somebody has just begun to talk about one, or shown it to a friend
        mend()
        return 0
    return len(found)


def whole(found: QuerySet[Order]) -> QuerySet[Order]:
    """Read orders with all that is put away with them."""
    return found.with_items().prefetch_related("lines__pizza", "events").order_by("pk")  # type: ignore[attr-defined, no-any-return]


def mend() -> None:
    """Put right what a run has left that was cut off: orders in both files, and owners who have been deleted."""
    if not store.is_apart():
        return
    with lock_kitchen():  # otherwise they could be on their way at this moment
        last = store.ask(f"SELECT month, id FROM archive_order ORDER BY rowid DESC LIMIT {LAST_PUT}")
        there = set(Order.objects.filter(pk__in=[pk for _, pk in last]).values_list("pk", flat=True))
        store.remove([(store.as_month(month), pk) for month, pk in last if pk in there])
    owners.forget_the_deleted()


def note_begun(moment: datetime) -> None:
    """Note that the archive has something from now on, so that lists lead there: the first run can take hours."""
    Shop.objects.filter(archived_before=None).update(archived_before=months.month_of(moment))


def note_done(before: date) -> None:
    """Note that all orders from before this month have been moved that can be. It never goes back."""
    shops = Shop.objects.filter(Q(archived_before=None) | Q(archived_before__lt=before))
    shops.update(archived_before=before)
