"""Read a room's stream: the latest messages, older ones, and exactly those after a given one."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Q

from chat import stream
from chat.messages import clean_seq, shows_reads
from chat.models import Membership, Message, Room
from chat.orders import line
from chat.person import CUSTOMER, Person
from chat.rooms import NO_FRIENDS, NoRoom, can_read, is_agent, is_customer, of_person, title, why_not

PAGE = 50
ALTERED_WITHIN = 200  # earlier messages that are checked for changes after a break in the connection
MOST_READS = 50


@dataclass(frozen=True)
class Snapshot:
    """A room as one person sees it at `revision`. Newer changes are broadcast, or found by the next check."""

    room: Room
    shown: dict[str, Any]  # the frame {"type": "room"} without its type
    line: dict[str, Any] | None  # only for the customer
    is_alive: bool  # False: a private room whose two people are no longer friends, so it can only be read
    shows_reads: bool
    messages: list[stream.Packed]
    revision: int


def snapshot(room_pk: int, person: Person, revision: int | None) -> Snapshot:
    """Return the room and the messages changed since that revision; with None, no messages. NoRoom without access.

    The room is read before the messages: a change in between is newer than the returned `revision`, so it can be read
    twice but is never missed.
    """
    room = stream.read_room(room_pk)
    if not can_read(room, person):
        raise NoRoom
    is_newer = revision is not None and room.revision > revision
    rows = room.messages.filter(revision__gt=revision) if is_newer else []
    mine = Membership.objects.filter(of_person(person), room=room).first()
    reason = why_not(room, person, mine is not None and mine.muted)
    return Snapshot(
        room=room,
        shown=show_room(room, person, reason, mine.last_read if mine else 0),
        line=line(room) if room.order and is_customer(room.order, person) else None,
        is_alive=reason != NO_FRIENDS,
        shows_reads=shows_reads(person),
        messages=[stream.pack(row) for row in rows],
        revision=room.revision,
    )


def show_room(room: Room, person: Person, reason: str | None, last_read: int) -> dict[str, Any]:
    return {
        "slug": room.slug,
        "name": title(room, person),
        "kind": str(room.kind),
        "url": room.url,
        "is_open": room.is_open and reason != NO_FRIENDS,  # a friendship can end after the room was read
        "state": room.state if room.order else None,
        "agent": room.agent.get_username() if room.agent else None,
        "last_seq": room.last_seq,
        "last_read": last_read,
        "may_write": reason is None,
        "may_moderate": person.moderates,
        "muted": muted(room) if person.moderates else [],
        "is_agent": is_agent(room, person),
        "why_not": reason,
    }


def muted(room: Room) -> list[dict[str, Any]]:
    """Return the names of muted people as messages show them. A visitor has every name they have written under."""
    rows = room.memberships.filter(muted=True)
    members = rows.filter(user__isnull=False).values_list("user__username", flat=True).order_by("user__username")
    words = rows.filter(user=None).values("guest")
    names = room.messages.filter(guest__in=words).values_list("sent_by", flat=True).order_by("sent_by").distinct()
    named = [*((name, False) for name in members), *((name, True) for name in names)]
    return [{"username": name, "guest": is_guest} for name, is_guest in named]


def before(room_pk: int, person: Person, seq: object) -> tuple[list[stream.Packed], bool]:
    """Return the PAGE messages before this one, oldest first, and whether there are more."""
    number = clean_seq(seq)
    return _tail(_messages_for(room_pk, person).filter(seq__lt=number))


def last(room_pk: int, person: Person) -> tuple[list[stream.Packed], bool]:
    return _tail(_messages_for(room_pk, person))


def after(room_pk: int, person: Person, seq: object) -> tuple[list[stream.Packed], bool]:
    """Return the first PAGE messages after this one, and whether there are more."""
    number = clean_seq(seq)
    rows = list(_messages_for(room_pk, person).filter(seq__gt=number).order_by("seq")[: PAGE + 1])
    return [stream.pack(row) for row in rows[:PAGE]], len(rows) > PAGE


def altered(room_pk: int, person: Person, seq: int) -> list[stream.Packed]:
    """Return the messages up to this one that can have changed since they were shown."""
    is_altered = Q(edited_at__isnull=False) | Q(deleted_at__isnull=False) | Q(kind=Message.Kind.REQUEST)
    rows = _messages_for(room_pk, person).filter(is_altered, seq__gt=seq - ALTERED_WITHIN, seq__lte=seq)
    return [stream.pack(row) for row in rows.order_by("seq")]


def reads(room_pk: int, person: Person) -> list[dict[str, Any]]:
    """Return how far the others have read, as frames; leave out everybody who has read receipts off.

    The list is empty if this person has them off.
    """
    if not shows_reads(person):
        return []
    others = Membership.objects.filter(room=room_pk, last_read__gt=0).select_related("user", "room")
    others = others.exclude(user__profile__shows_reads=False).exclude(of_person(person)).order_by("-last_read")
    named = [(_name(one), one.last_read) for one in others[:MOST_READS]]
    return [{"type": "read", "username": name, "seq": seq} for name, seq in named if name]


def _name(membership: Membership) -> str:
    """Return the name to show; empty for a visitor in a public room, because visitors' names are not stored."""
    if membership.user:
        return membership.user.get_username()
    return CUSTOMER if membership.room.kind == Room.Kind.ORDER else ""


def _messages_for(room_pk: int, person: Person) -> Any:
    room = stream.read_room(room_pk)
    if not can_read(room, person):
        raise NoRoom
    return room.messages


def _tail(messages: Any) -> tuple[list[stream.Packed], bool]:
    rows = list(messages.order_by("-seq")[: PAGE + 1])
    return [stream.pack(row) for row in reversed(rows[:PAGE])], len(rows) > PAGE
