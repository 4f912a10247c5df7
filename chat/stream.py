"""Write and show a room's stream. Writes hold the room's lock, so numbers have no gaps and all see one order.

Subscribers are told after the commit. A message is broadcast `pack`ed; `show` builds each person's own frame from it.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import transaction

from chat.models import Membership, Message, Room
from chat.person import KITCHEN, Person
from chat.rooms import NoRoom
from realtime.broadcast import broadcaster, nudge

INBOX = "inbox"  # the group of all inbox sockets
RELATED = ("order__user", "low", "high", "agent")
STATE_FIELDS = (
    "is_open",
    "agent",
    "waiting_since",
    "taken_at",
    "waited_seconds",
    "closed_at",
    "order_seq",
    "last_seq",
    "revision",
)

Packed = dict[str, Any]


def group_name(room_pk: int) -> str:
    return f"chat_{room_pk}"


def read_room(room_pk: int) -> Room:
    """Return the room with the relations that chat.rooms needs. NoRoom if it is gone."""
    room = Room.objects.select_related(*RELATED).filter(pk=room_pk).first()
    if room is None:
        raise NoRoom
    return room


def lock_room(room_pk: int) -> Room:
    """Return the room, locked until the transaction ends. On SQLite there is only one writer anyway.

    Do not join: after waiting for the lock, PostgreSQL returns this row as it is now, but joined rows as they were.
    """
    room = Room.objects.select_for_update().filter(pk=room_pk).first()
    if room is None:
        raise NoRoom
    return room


# Writing, in the transaction that holds the lock; `save` comes last


def append(room: Room, kind: str, body: str, person: Person | None = None, **more: Any) -> Message:
    """Append the next message. Without a person it is an event, announced by the kitchen."""
    room.last_seq += 1
    room.revision += 1
    if person is not None:
        more |= {"author": person.user, "guest": person.guest, "sender_key": person.key}
    sent_by = person.name if person is not None else KITCHEN
    return Message.objects.create(
        room=room, seq=room.last_seq, revision=room.revision, kind=kind, body=body, sent_by=sent_by, **more
    )


def rewrite(room: Room, message: Message, **fields: Any) -> None:
    """Change the body, state or deletion of a message in the stream."""
    room.revision += 1
    message.revision = room.revision
    for name, value in fields.items():
        setattr(message, name, value)
    message.save(update_fields=["revision", *fields])


def save(room: Room, messages: Iterable[Message] = (), is_changed: bool = False) -> None:
    """Write the room and tell its sockets after the commit. `is_changed`: the room itself has changed, too."""
    packed = [pack(message) for message in messages]
    if is_changed:
        room.revision += 1
    room.save(update_fields=STATE_FIELDS)
    revision = room.revision
    readers = _readers(room) if packed and room.kind != Room.Kind.PUBLIC else []

    def tell() -> None:
        for one in packed:
            broadcaster.send(group_name(room.pk), {"type": "chat.message", "message": one})
        if is_changed:
            broadcaster.send(group_name(room.pk), {"type": "chat.room", "revision": revision})
        if room.order_id is not None:
            broadcaster.send(INBOX, {"type": "inbox.changed"})
        for pk in readers:
            nudge(pk)

    transaction.on_commit(tell, robust=True)


def _readers(room: Room) -> list[int]:
    """Return the accounts to nudge at once. A public room can have thousands: theirs are found by the next check."""
    members = Membership.objects.filter(room=room, user__isnull=False)
    return list(members.values_list("user_id", flat=True))


# Showing


def pack(message: Message) -> Packed:
    """Pack a message for broadcast between processes. Only `show` uses `guest`, a visitor's secret word."""
    is_gone = message.deleted_at is not None
    return {
        "seq": message.seq,
        "revision": message.revision,
        "kind": str(message.kind),
        "author": message.author_id,
        "guest": message.guest,
        "username": message.sent_by,
        "body": "" if is_gone else message.body,
        "at": message.created_at.isoformat(),
        "id": message.client_id,
        "staff": message.by_staff,
        "edited": message.edited_at is not None,
        "deleted": is_gone,
        "data": None if is_gone else message.data,
    }


def show(packed: Packed, person: Person) -> dict[str, Any]:
    """Build the frame {"type": "message"} for one person."""
    mine = person.wrote(packed["author"], packed["guest"])
    return {
        "type": "message",
        "username": packed["username"],
        "message": packed["body"],
        "seq": packed["seq"],
        "at": packed["at"],
        "id": packed["id"] or None if mine else None,
        "kind": packed["kind"],
        "guest": bool(packed["guest"]),
        "staff": packed["staff"],
        "mine": mine,
        "edited": packed["edited"],
        "deleted": packed["deleted"],
        "data": packed["data"],
    }


def show_change(packed: Packed) -> dict[str, Any]:
    """Build the frame {"type": "changed"}: a message shown earlier, as it is now."""
    return {
        "type": "changed",
        "seq": packed["seq"],
        "body": None if packed["deleted"] else packed["body"],
        "edited": packed["edited"],
        "deleted": packed["deleted"],
        "data": packed["data"],
    }


def elapsed_seconds(since: datetime, now: datetime) -> float:
    return max(0.0, (now - since).total_seconds())
