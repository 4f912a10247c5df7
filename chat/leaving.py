"""Forget who wrote messages, and what they say where the person wants that."""

from datetime import datetime

from django.db.models import Exists, OuterRef, QuerySet

from chat import stream
from chat.history import ALTERED_WITHIN
from chat.models import Message, Report, Room
from chat.person import DELETED


def forget(said: QuerySet[Message], now: datetime, takes_words: bool) -> None:
    """Take the name off somebody's messages, and erase their text. Locks their rooms, in everybody's order."""
    list(rooms_of(said).select_for_update().values_list("pk"))
    said.update(sent_by=DELETED, sender_key="", client_id="")
    if takes_words:
        for room in rooms_of(said):
            erase(stream.lock_room(room.pk), said.filter(room=room), now)


def rooms_of(said: QuerySet[Message]) -> QuerySet[Room]:
    return Room.objects.filter(pk__in=said.values("room")).order_by("pk")


def erase(room: Room, said: QuerySet[Message], now: datetime) -> None:
    """Erase messages for good; what was reported can be read by staff until they have decided.

    They get one revision together, and only those that open pages can show: there can be thousands.
    """
    room.revision += 1
    erase_decided(said)
    there = said.filter(deleted_at=None)
    there.filter(seq__gt=room.last_seq - ALTERED_WITHIN).update(revision=room.revision)
    there.update(deleted_at=now)
    stream.save(room, is_changed=True)


def erase_decided(said: QuerySet[Message]) -> None:
    """Erase the text of those messages of which no report waits for a decision."""
    undecided = Report.objects.filter(message=OuterRef("pk"), settled_at=None)
    said.exclude(Exists(undecided)).update(body="", data=None)


def settled(message_pk: int) -> None:
    """Erase what could be read for the sake of a report alone: its author has left, and took their words along."""
    left = Message.objects.filter(author=None, guest="", deleted_by_staff=False, deleted_at__isnull=False)
    erase_decided(left.filter(pk=message_pk))
