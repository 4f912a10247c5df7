"""Conversations about orders: they show the order's events, and somebody from the kitchen answers.

A conversation is quiet until the customer writes. Then it waits until a member of staff takes it or simply answers.
A closed conversation opens again with the customer's next message.
"""

from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from statistics import median
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import OuterRef, Prefetch, QuerySet, Subquery, prefetch_related_objects

from accounts import rights
from chat import stream
from chat.models import CannedAnswer, Message, Room
from chat.person import CUSTOMER, Person
from chat.rooms import SPOKEN, NoRoom, can_read, is_agent
from home.models import Order, OrderEvent
from home.timeline import worth_telling
from realtime.refused import Refused

LAST_WAITS = 10  # conversations whose median wait is told to waiting customers
CLOSED_SHOWN = 50
MOST_ACTIVE = 500
PREVIEW = 120  # characters of the last message, in the inbox
MODEL_BACKEND = "django.contrib.auth.backends.ModelBackend"


# The order's own events


def catch_up(room: Room) -> list[Message]:
    """Copy the order's new events into its room. Needs the room's lock; the caller calls `stream.save`.

    While nobody talks nothing is written, so the kitchen never waits for a room.
    """
    news = OrderEvent.objects.filter(order=room.order_id, seq__gt=room.order_seq)
    events = list(news.select_related("order").order_by("seq"))
    if not events:
        return []
    room.order_seq = events[-1].seq
    assert room.order_id is not None  # it has events
    order = Order.objects.with_items().get(pk=room.order_id)
    return [_copy(room, event, sentence) for event, sentence in worth_telling(events, order.parts)]


def _copy(room: Room, event: OrderEvent, sentence: str) -> Message:
    data = {"event": event.event, "stage": event.stage}
    return stream.append(room, Message.Kind.EVENT, sentence, created_at=event.at, data=data)


def copy_events(room_pk: int, seq: int | None = None) -> None:
    """Copy the order's new events into its room. With `seq`, do nothing if another socket has copied that one."""
    if seq is not None and not Room.objects.filter(pk=room_pk, order_seq__lt=seq).exists():
        return
    with transaction.atomic(), suppress(NoRoom):  # for example, the order was deleted
        room = stream.lock_room(room_pk)
        copied = catch_up(room)
        if copied:
            stream.save(room, copied)


# The agent


def note_message(room: Room, person: Person, now: datetime) -> bool:
    """Update the conversation's state after a message. Return True if it has changed. Needs the room's lock."""
    before = (room.state, room.agent_id)
    if is_agent(room, person):
        if room.state != "active":
            assign(room, person.user, now)
    elif not room.is_open or room.agent is None or not can_answer(room.agent):
        room.waiting_since = room.waiting_since or now
        room.is_open, room.agent, room.closed_at = True, None, None
    return before != (room.state, room.agent_id)


def assign(room: Room, user: User | None, now: datetime) -> None:
    if room.waiting_since is not None:
        room.waited_seconds = stream.elapsed_seconds(room.waiting_since, now)
    room.waiting_since, room.closed_at = None, None
    room.is_open, room.agent, room.taken_at = True, user, now


def can_answer(user: User) -> bool:
    return user.is_active and Person(user).answers


@transaction.atomic
def take(room_pk: int, person: Person, now: datetime) -> None:
    """Make this person the agent. Refused if another agent already is."""
    room = lock_as_agent(room_pk, person)
    if room.state == "active" and room.agent_id == person.pk:
        return
    if room.state == "active" and room.agent and can_answer(room.agent):
        raise Refused(f"{room.agent} has already taken this conversation.")
    assign(room, person.user, now)
    stream.save(room, is_changed=True)


@transaction.atomic
def hand_over(room_pk: int, person: Person, to: object, now: datetime) -> None:
    """Hand the conversation to another agent. Any agent can, as the present one might have gone home."""
    room = lock_as_agent(room_pk, person)
    if room.state != "active":
        raise Refused("Nobody has taken this conversation yet, so there is nothing to hand over.")
    user = agents().filter(username=to).first() if isinstance(to, str) and to.isprintable() else None
    if user is None:
        raise Refused("Nobody with that name answers customers.")
    if user.pk == room.agent_id:
        raise Refused(f"{user} is already answering here.")
    assign(room, user, now)
    stream.save(room, is_changed=True)


@transaction.atomic
def close(room_pk: int, person: Person, now: datetime) -> None:
    room = lock_as_agent(room_pk, person)
    if room.state == "closed":
        raise Refused("This conversation is already closed.")
    room.is_open, room.waiting_since, room.closed_at = False, None, now
    stream.save(room, is_changed=True)


@transaction.atomic
def reopen(room_pk: int, person: Person, now: datetime) -> None:
    """Reopen the conversation and take it."""
    room = lock_as_agent(room_pk, person)
    if room.state != "closed":
        raise Refused("This conversation is open.")
    assign(room, person.user, now)
    stream.save(room, is_changed=True)


def lock_as_agent(room_pk: int, person: Person) -> Room:
    """Lock the room. Refused unless this person speaks for the kitchen there; NoRoom without any access."""
    room = stream.lock_room(room_pk)
    if not can_read(room, person):
        raise NoRoom
    if not is_agent(room, person):
        raise rights.NotAllowed("Only the staff who answer customers can do that.")
    return room


def agents() -> QuerySet[User]:
    """Return the staff who can answer customers."""
    permitted = User.objects.with_perm(rights.ANSWER.permission, backend=MODEL_BACKEND)
    return permitted.filter(is_staff=True, is_active=True).order_by("username")


# What customers and agents see


def line(room: Room) -> dict[str, Any]:
    """Build the frame {"type": "line"}: who answers, or how many wait before the customer, and the usual wait."""
    return line_in(room, waiting_before(room) if room.waiting_since else 0, usual_wait())


def line_in(room: Room, before: int, waited_seconds: float | None) -> dict[str, Any]:
    agent = room.agent.get_username() if room.agent and room.state == "active" else None
    return {"type": "line", "state": room.state, "agent": agent, "before": before, "waited_seconds": waited_seconds}


def waiting_before(room: Room) -> int:
    return _waiting().filter(waiting_since__lt=room.waiting_since).count()


def waiting_times() -> list[datetime]:
    """Return the moments since which conversations have been waiting, oldest first."""
    return [since for since in _waiting().order_by("waiting_since").values_list("waiting_since", flat=True) if since]


def usual_wait() -> float | None:
    """Return the median of the last LAST_WAITS waits in wall seconds; None if nobody has waited yet."""
    last = _rooms().filter(waited_seconds__isnull=False, taken_at__isnull=False).order_by("-taken_at")
    waits = [wait for wait in last.values_list("waited_seconds", flat=True)[:LAST_WAITS] if wait is not None]
    return median(waits) if waits else None


def _rooms() -> QuerySet[Room]:
    return Room.objects.filter(kind=Room.Kind.ORDER)


def _waiting() -> QuerySet[Room]:
    return _rooms().filter(is_open=True, waiting_since__isnull=False)


def inbox() -> dict[str, Any]:
    """Build the frame {"type": "inbox"}, the same for every agent except for the order of the active conversations."""
    last = Message.objects.filter(room=OuterRef("pk"), kind__in=SPOKEN, deleted_at=None).order_by("-seq")
    rooms: Any = _rooms().select_related("client", "agent").annotate(last=Subquery(last.values("pk")[:1]))
    waiting = list(rooms.filter(is_open=True, waiting_since__isnull=False).order_by("waiting_since", "pk"))
    active = list(
        rooms.filter(is_open=True, waiting_since=None, agent__isnull=False).order_by("-taken_at")[:MOST_ACTIVE]
    )
    closed = list(rooms.filter(is_open=False).order_by("-closed_at")[:CLOSED_SHOWN])
    shown = [*waiting, *active, *closed]
    prefetch_related_objects(shown, Prefetch("order", Order.objects.with_items()))
    said = Message.objects.in_bulk([room.last for room in shown])
    return {
        "type": "inbox",
        "waiting": _rows(waiting, said),
        "active": _rows(active, said),
        "closed": _rows(closed, said),
        "agents": [agent.get_username() for agent in agents()],
        "canned": [{"title": canned.title, "body": canned.body} for canned in CannedAnswer.objects.all()],
    }


def mine_first(frame: dict[str, Any], username: str) -> dict[str, Any]:
    return {**frame, "active": sorted(frame["active"], key=lambda row: row["agent"] != username)}


def waiting_count() -> int:
    """Count the conversations that wait for the kitchen."""
    return _waiting().count()


def _rows(rooms: Iterable[Any], said: dict[int, Message]) -> list[dict[str, Any]]:
    return [_row(room, said.get(room.last)) for room in rooms]


def _row(room: Any, last: Message | None) -> dict[str, Any]:
    """Build a row of the inbox. `since`: when the conversation began to wait, was taken or was closed.

    `unanswered`: the customer wrote the last message.
    """
    since = room.waiting_since or (room.taken_at if room.is_open else room.closed_at)
    return {
        "slug": room.slug,
        "name": room.name,
        "url": room.url,
        "state": room.state,
        "customer": room.client.get_username() if room.client else CUSTOMER,
        "guest": room.client is None,
        "agent": room.agent.get_username() if room.agent else None,
        "since": since.isoformat() if since else None,
        "last": last
        and {
            "username": last.sent_by,
            "message": last.body[:PREVIEW],
            "at": last.created_at.isoformat(),
            "staff": last.by_staff,
        },
        "unanswered": last is not None and not last.by_staff,
        "order": {
            "order_id": room.order.order_id,
            "number": room.order.number,
            "words": room.order.words,
            "summary": room.order.summary,
            "way": room.order.way,
            "stage": room.order.stage,
            "state": room.order.state,
            "amount": float(room.order.amount),
            "url": room.order.get_absolute_url(),
        },
    }
