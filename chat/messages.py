"""Write, edit, remove and report messages. Each verb is one transaction under the room's lock; Refused says why not.

A message is in the database before its sender hears of it: callers answer after these return.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from accounts import rights
from accounts.models import Profile
from chat import orders, stream
from chat.models import MAX_BODY, Membership, Message, Report, Room
from chat.person import Person
from chat.rooms import NoRoom, can_read, is_agent, is_muted, membership, why_not
from chat.text import clean_line, clean_text
from realtime.broadcast import nudge
from realtime.refused import Refused

EDIT_WINDOW = timedelta(minutes=5)  # how long people can edit and delete their own messages
MAX_CLIENT_ID = 64
MAX_REASON = 200
MAX_SEQ = 2**31 - 1  # the largest integer that both databases can store


@transaction.atomic
def post(room_pk: int, person: Person, body: object, client_id: object, now: datetime) -> Message:
    """Post a message. Repeating a `client_id` returns the same person's earlier message, whatever its text."""
    text, client_id = clean_text(body, MAX_BODY), clean_client_id(client_id)
    room = lock_to_write(room_pk, person)
    earlier = sent_before(room, person, client_id)
    if earlier is not None:
        return earlier
    return put(room, person, now, text, client_id=client_id)


def put(
    room: Room,
    person: Person,
    now: datetime,
    text: str,
    kind: str = Message.Kind.TEXT,
    rewritten: Iterable[Message] = (),
    **more: Any,
) -> Message:
    """Append the order's events so far, then the message, then update the room. Needs the room's lock."""
    copied = orders.catch_up(room) if room.order_id else []
    by_staff = is_agent(room, person) if room.order_id else room.kind == Room.Kind.PUBLIC and is_staff(person)
    message = stream.append(room, kind, text, person, created_at=now, by_staff=by_staff, **more)
    is_changed = bool(room.order_id) and orders.note_message(room, person, now)
    mark_read(room, person, message.seq)
    stream.save(room, [*rewritten, *copied, message], is_changed)
    return message


@transaction.atomic
def edit(room_pk: int, person: Person, seq: object, body: object, now: datetime) -> None:
    text = clean_text(body, MAX_BODY)
    room = lock_to_write(room_pk, person)
    message = find_own(room, person, seq, now)
    if message.body != text:
        stream.rewrite(room, message, body=text, edited_at=now)
        stream.save(room, [message])


@transaction.atomic
def delete(room_pk: int, person: Person, seq: object, now: datetime) -> None:
    """Delete a message of this person's own, even after they lost the right to write."""
    room = lock_to_read(room_pk, person)
    erase(room, find_own(room, person, seq, now), now)


@transaction.atomic
def remove(room_pk: int, person: Person, seq: object, now: datetime) -> None:
    """Remove somebody's message. Only for staff, at any time."""
    room = lock_to_moderate(room_pk, person)
    erase(room, find(room, seq), now, deleted_by_staff=True)


def erase(room: Room, message: Message, now: datetime, **more: Any) -> None:
    """Erase the text for good, unless somebody has reported it: then staff can still read it."""
    if not message.reports.exists():
        more["body"] = ""
    stream.rewrite(room, message, deleted_at=now, **more)
    stream.save(room, [message])


@transaction.atomic
def mute(room_pk: int, person: Person, muted: object, seq: object = None, username: object = None) -> None:
    """Mute or unmute the author of a message, or a member by name. Only for staff."""
    room = lock_to_moderate(room_pk, person)
    if not isinstance(muted, bool):
        raise Refused("Say whether to mute: true or false.")
    user, guest = author_of(find(room, seq)) if seq is not None else (member(room, username), "")
    set_muted(room, person, user, guest, muted)


def set_muted(room: Room, person: Person, user: User | None, guest: str, muted: bool) -> None:
    if user is not None and (user.pk == person.pk or Person(user).moderates):
        raise Refused("Staff can't be muted.")
    Membership.objects.update_or_create(room=room, user=user, guest=guest, defaults={"muted": muted})
    stream.save(room, is_changed=True)


def author_of(message: Message) -> tuple[User | None, str]:
    """Return (account, guest's word); exactly one of them is set."""
    if message.author is None and not message.guest:
        raise Refused("The account behind this message no longer exists.")
    return message.author, message.guest


def member(room: Room, username: object) -> User:
    user = None
    if isinstance(username, str) and username.isprintable():
        user = User.objects.filter(username=username, memberships__room=room).first()
    if user is None:
        raise Refused("Nobody in the room has that name.")
    return user


@transaction.atomic
def remove_reported(message: Message, person: Person, now: datetime) -> None:
    """Remove a reported message. A moderator need not be in the room."""
    room = lock_as_moderator(message.room_id, person)
    erase(room, find(room, message.seq), now, deleted_by_staff=True)


@transaction.atomic
def mute_reported(message: Message, person: Person, now: datetime) -> None:
    set_muted(lock_as_moderator(message.room_id, person), person, *author_of(message), True)


@transaction.atomic
def report(room_pk: int, person: Person, seq: object, reason: object = "") -> None:
    """Report a message to the staff. A second report by the same person replaces the first."""
    words = clean_line(reason or "", MAX_REASON, "A reason")
    room = lock_to_read(room_pk, person)
    message = find(room, seq)
    if person.wrote(message.author_id, message.guest):
        raise Refused("That is your own message.")
    Report.objects.update_or_create(
        message=message, by=person.user, guest=person.guest, defaults={"reason": words, "settled_at": None}
    )


def read(room_pk: int, person: Person, seq: object) -> bool:
    """Record how far the person has read. Return True if that is new and others are allowed to know."""
    number = clean_seq(seq)
    with transaction.atomic():
        room = stream.read_room(room_pk)
        if not can_read(room, person):
            raise NoRoom
        if not mark_read(room, person, min(number, room.last_seq)):
            return False
    if person.pk is not None:
        nudge(person.pk)
    return shows_reads(person)


def shows_reads(person: Person) -> bool:
    """Return True unless the person has switched read receipts off, which stops both giving and getting them."""
    return not Profile.objects.filter(user=person.user, shows_reads=False).exists() if person.user else True


def mark_read(room: Room, person: Person, seq: int) -> bool:
    mine = membership(room, person)
    return bool(Membership.objects.filter(pk=mine.pk, last_read__lt=seq).update(last_read=seq))


# Shared by the verbs


def lock_to_read(room_pk: int, person: Person) -> Room:
    room = stream.lock_room(room_pk)
    if not can_read(room, person):
        raise NoRoom
    return room


def lock_to_write(room_pk: int, person: Person) -> Room:
    room = lock_to_read(room_pk, person)
    reason = why_not(room, person, is_muted(room, person))
    if reason is not None:
        raise Refused(reason)
    return room


def can_write(room_pk: int, person: Person) -> bool:
    """Return True if this person can write. Takes no lock: it guards only signals that are not stored."""
    room = stream.read_room(room_pk)
    if not can_read(room, person):
        raise NoRoom
    return why_not(room, person, is_muted(room, person)) is None


def lock_to_moderate(room_pk: int, person: Person) -> Room:
    lock_to_read(room_pk, person)
    return lock_as_moderator(room_pk, person)


def lock_as_moderator(room_pk: int, person: Person) -> Room:
    if not person.moderates:
        raise rights.NotAllowed("Only staff can do that.")
    return stream.lock_room(room_pk)


def sent_before(room: Room, person: Person, client_id: str) -> Message | None:
    if not client_id:
        return None
    return Message.objects.filter(room=room, sender_key=person.key, client_id=client_id).first()


def find(room: Room, seq: object) -> Message:
    """Return the message with this seq, unless it was deleted."""
    number = clean_seq(seq)
    message = room.messages.filter(seq=number, deleted_at=None).exclude(kind=Message.Kind.EVENT).first()
    if message is None:
        raise Refused("There is no such message.")
    return message


def find_own(room: Room, person: Person, seq: object, now: datetime) -> Message:
    message = find(room, seq)
    if not person.wrote(message.author_id, message.guest):
        raise Refused("That is not your message.")
    if message.kind != Message.Kind.TEXT:
        raise Refused("The kitchen has already read that. Send another message instead.")
    if now - message.created_at > EDIT_WINDOW:
        raise Refused("It is too late: a message can be changed for five minutes.")
    return message


def is_staff(person: Person) -> bool:
    return person.user is not None and person.user.is_staff


def clean_seq(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_SEQ:
        raise Refused("Say which message: its seq.")
    return value


def clean_client_id(value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > MAX_CLIENT_ID or not value.isprintable():
        raise Refused(f"An id is text of at most {MAX_CLIENT_ID} characters.")
    return value
