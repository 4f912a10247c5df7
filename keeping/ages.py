"""Remove what is older than the settings allow: settings.KEEP_DAYS, and sessions and attempts that have run out.

Each kind is a generator that removes a piece at each step and yields how many rows those were. It can be stopped after
any piece, and run twice at the same moment.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import Exists, Min, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce

from accounts import limits
from chat.models import Membership, Message, Report, Room
from home.models import Order, OrderEvent
from keeping import archived, batches, orders
from kitchen import stages
from kitchen.models import Study, StudyPart
from kitchen.promises.measure import EVENTS_READ

STUDIES = 5  # with hundreds of parts each

Steps = Callable[[datetime], Iterator[int]]


# Orders and their events


def events(before: datetime) -> Iterator[int]:
    """Remove all events of orders that have ended and to which nothing has happened since: all or none of an order."""
    first = OrderEvent.objects.aggregate(first=Min("order"))["first"]  # all older orders have none left
    with_events = Exists(OrderEvent.objects.filter(order=OuterRef("pk")))
    for window in batches.old_keys(ended(), Q(created_at__lt=before), after=(first or 1) - 1):
        found = aged(before).filter(with_events, pk__in=window).order_by("pk").values_list("pk", flat=True)
        for pks in batches.pieces(list(found), batches.ORDERS):
            # one statement: a member of the staff can open an order again at any time
            yield OrderEvent.objects.filter(order__in=pks, order__stage__in=stages.ENDED).delete()[0]
    yield from archived.events(before)


def simulated(before: datetime) -> Iterator[int]:
    """Remove simulated orders altogether."""
    yield from whole(batches.keys(ended().filter(simulated=True, created_at__lt=before)), before)
    yield from archived.simulated(before)


def all_orders(before: datetime) -> Iterator[int]:
    """Remove orders altogether, whoever they are of; of the archive whole months at once."""
    yield from whole(batches.old_keys(ended(), Q(created_at__lt=before)), before)
    yield from archived.all_orders(before)


def whole(windows: Iterable[list[int]], before: datetime) -> Iterator[int]:
    """Remove those of these orders that are old, with all that hangs on them."""
    for window in windows:
        found = aged(before).filter(pk__in=window).order_by("pk").values_list("pk", flat=True)
        for pks in batches.pieces(list(found), batches.WHOLE_ORDERS):
            yield orders.remove(pks)["orders"]


def ended() -> QuerySet[Order]:
    """Return the orders that have ended, without a look at what hangs on them.

    That is for a few of them at a time: PostgreSQL would read all events for each piece.
    """
    return Order.objects.filter(stage__in=stages.ENDED)


def aged(before: datetime) -> QuerySet[Order]:
    """Return ended orders to which nothing has happened since.

    The newest events of the log stay, however old: the shop learns from them how long its work takes.
    """
    newest = OrderEvent.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    needed = Q(at__gte=before) | Q(pk__gt=newest - EVENTS_READ)
    is_needed = Exists(OrderEvent.objects.filter(needed, order=OuterRef("pk")))
    return orders.removable().filter(~is_needed, created_at__lt=before)


# Chats


def chats(before: datetime) -> Iterator[int]:
    """Remove old messages. Numbers never begin again, as they come from the room, which stays.

    A conversation about an order is left alone until the order has ended and nobody waits for an answer; a message
    that was reported, until staff have decided.
    """
    undecided = Report.objects.filter(message=OuterRef("pk"), settled_at=None)
    over = Q(room__order=None) | Q(room__order__stage__in=stages.ENDED, room__waiting_since=None)
    said = Message.objects.filter(over).exclude(Exists(undecided))
    for pks in batches.old_keys(said, Q(created_at__lt=before)):
        yield remove_messages(pks)
    yield from forgotten_visitors(before)


@transaction.atomic
def remove_messages(pks: list[int]) -> int:
    rooms = Room.objects.filter(pk__in=Message.objects.filter(pk__in=pks).values("room"))
    list(rooms.order_by("pk").select_for_update().values_list("pk"))  # nobody edits one meanwhile
    Report.objects.filter(message__in=pks).delete()
    return Message.objects.filter(pk__in=pks).delete()[0]


def forgotten_visitors(before: datetime) -> Iterator[int]:
    """Remove how far visitors without an account have read who came long ago and of whom no word is left."""
    said = Message.objects.filter(room=OuterRef("room"), guest=OuterRef("guest"))
    about = Q(room__order=None) | Q(room__order__stage__in=stages.ENDED)
    gone = Membership.objects.filter(about, user=None, muted=False).exclude(Exists(said))
    for pks in batches.old_keys(gone, Q(joined_at__lt=before)):
        yield Membership.objects.filter(pk__in=pks).delete()[0]


# Studies, sessions, attempts


def studies(before: datetime) -> Iterator[int]:
    ended = Study.objects.exclude(status=Study.Status.RUNNING)
    old = ended.annotate(end=Coalesce("ended_at", "made_at")).filter(end__lt=before)
    for pks in batches.keys(old, STUDIES):
        StudyPart.objects.filter(study__in=pks).delete()
        yield Study.objects.filter(pk__in=pks).delete()[0]


def sessions(now: datetime) -> Iterator[int]:
    """Remove sessions that have ended."""
    expired = Session.objects.filter(expire_date__lt=now).values_list("pk", flat=True)
    while found := list(expired[: batches.ROWS]):
        yield Session.objects.filter(pk__in=found, expire_date__lt=now).delete()[0]


def attempts(now: datetime) -> Iterator[int]:
    for pks in batches.keys(limits.outdated(now)):
        yield limits.outdated(now).filter(pk__in=pks).delete()[0]


AGED: dict[str, Steps] = {
    "events": events,
    "simulated": simulated,
    "orders": all_orders,
    "chats": chats,
    "studies": studies,
}
EXPIRED: dict[str, Steps] = {"sessions": sessions, "attempts": attempts}
