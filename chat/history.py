"""Read a room's stream: the latest messages, older ones, and exactly what came after."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Q

from chat import stream
from chat.messages import clean_seq, shows_reads
from chat.models import Membership, Message, Room
from chat.orders import line
from chat.person import CUSTOMER, Person
from chat.rooms import NO_FRIENDS, NoRoom, is_agent, is_customer, may_read, of_person, title, why_not

PAGE = 50
LOOKED_OVER = 200  # so many earlier messages are looked over for changes, after a break
MOST_READS = 50


@dataclass(frozen=True)
class News:
    """A room as one person sees it at `revision`; newer changes arrive by themselves or with the next look."""

    room: Room
    shown: dict[str, Any]  # the frame {"type": "room"} without its type
    line: dict[str, Any] | None  # the customer's
    is_alive: bool  # a private room whose two are no friends any more is only read
    shows_reads: bool
    messages: list[stream.Packed]
    revision: int


def news(room_pk: int, person: Person, revision: int | None) -> News:
    """Return what has changed since that revision; None leaves the messages out. NoRoom if this person has no access.

    The room is read before the messages: what comes in between is newer than `revision` says, so it may be read again
    and is never missed.
    """
    room = stream.read_room(room_pk)
    if not may_read(room, person):
        raise NoRoom
    is_newer = revision is not None and room.revision > revision
    rows = room.messages.filter(revision__gt=revision) if is_newer else []
    mine = Membership.objects.filter(of_person(person), room=room).first()
    reason = why_not(room, person, mine is not None and mine.muted)
    return News(
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
        "is_open": room.is_open,
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
    """Return the names of those who can only read, as messages show them. A visitor's are those they wrote under."""
    rows = room.memberships.filter(muted=True)
    members = rows.filter(user__isnull=False).values_list("user__username", flat=True).order_by("user__username")
    words = rows.filter(user=None).values("guest")
    names = room.messages.filter(guest__in=words).values_list("sent_by", flat=True).order_by("sent_by").distinct()
    named = [*((name, False) for name in members), *((name, True) for name in names)]
    return [{"username": name, "guest": is_guest} for name, is_guest in named]


def before(room_pk: int, person: Person, seq: object) -> tuple[list[stream.Packed], bool]:
    """Return the PAGE messages before this one, oldest first, and whether there are more."""
    number = clean_seq(seq)
    return _tail(_of(room_pk, person).filter(seq__lt=number))


def last(room_pk: int, person: Person) -> tuple[list[stream.Packed], bool]:
    return _tail(_of(room_pk, person))


def after(room_pk: int, person: Person, seq: object) -> tuple[list[stream.Packed], bool]:
    """Return the first PAGE messages after this one, and whether there are more."""
    number = clean_seq(seq)
    rows = list(_of(room_pk, person).filter(seq__gt=number).order_by("seq")[: PAGE + 1])
    return [stream.pack(row) for row in rows[:PAGE]], len(rows) > PAGE


def altered(room_pk: int, person: Person, seq: int) -> list[stream.Packed]:
    """Return those messages up to this one that can look different from when they were shown."""
    is_altered = Q(edited_at__isnull=False) | Q(deleted_at__isnull=False) | Q(kind=Message.Kind.WISH)
    rows = _of(room_pk, person).filter(is_altered, seq__gt=seq - LOOKED_OVER, seq__lte=seq)
    return [stream.pack(row) for row in rows.order_by("seq")]


def reads(room_pk: int, person: Person) -> list[dict[str, Any]]:
    """Return how far the others have read, as frames; none if they or this person have receipts off."""
    if not shows_reads(person):
        return []
    others = Membership.objects.filter(room=room_pk, last_read__gt=0).select_related("user", "room")
    others = others.exclude(user__profile__shows_reads=False).exclude(of_person(person)).order_by("-last_read")
    named = [(_name(one), one.last_read) for one in others[:MOST_READS]]
    return [{"type": "read", "username": name, "seq": seq} for name, seq in named if name]


def _name(membership: Membership) -> str:
    """Return the name to show. Visitors' names are not stored: only in a conversation with the kitchen it is clear."""
    if membership.user:
        return membership.user.get_username()
    return CUSTOMER if membership.room.kind == Room.Kind.ORDER else ""


def _of(room_pk: int, person: Person) -> Any:
    room = stream.read_room(room_pk)
    if not may_read(room, person):
        raise NoRoom
    return room.messages


def _tail(messages: Any) -> tuple[list[stream.Packed], bool]:
    rows = list(messages.order_by("-seq")[: PAGE + 1])
    return [stream.pack(row) for row in reversed(rows[:PAGE])], len(rows) > PAGE
