"""Rooms: their names, who has access, and who can write.

To a person without access a room looks as if it did not exist: NoRoom in both cases.
"""

import re
import unicodedata
from collections.abc import Callable, Collection
from typing import Any
from urllib.parse import quote

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils.crypto import get_random_string

from accounts import limits, people
from chat.models import MAX_NAME, SLUG_LENGTH, Membership, Message, Room
from chat.person import DELETED, Person
from chat.text import clean_line, is_pronounceable
from home import live
from home.models import Order
from realtime.refused import Refused

ORDER, PRIVATE = "order-", "private-"
RANDOM_LENGTH = 20
MOST_LISTED = 100
IS_OPEN = Q(room__is_open=True)  # of a membership
NOT_IN_AN_ADDRESS = "/\\"

NO_FRIENDS = "You are no longer friends. You can still read what was written here."
MANY_ROOMS = "You have opened many new rooms."
MUTED = "The staff have muted you here. You can still read."
SPOKEN = (Message.Kind.TEXT, Message.Kind.REQUEST)  # what counts as unread


class NoRoom(Exception):
    """There is no room at this address, or this person has no access to it."""


# Names and addresses


def public_slug(value: object) -> tuple[str, str]:
    """Return (slug, name) of a public room: any script, lower case, "-" for spaces. Refused says why not."""
    name = clean_line(value, MAX_NAME, "A room's name")
    if not name:
        raise Refused("Give the room a name.")
    if not is_pronounceable(name):
        raise Refused("A room's name needs at least one letter or number.")
    if any(letter in name for letter in NOT_IN_AN_ADDRESS):
        raise Refused("A room's name can't have a slash in it.")
    slug = re.sub(r"[\s-]+", "-", unicodedata.normalize("NFKC", name.casefold())).strip("-")
    if slug.startswith((ORDER, PRIVATE)):
        raise Refused("A room's name can't begin with “order-” or “private-”: those names are reserved.")
    if len(slug) > SLUG_LENGTH:
        raise Refused("This name is too long. Choose a shorter one.")
    return slug, name


def room_url(slug: str) -> str:
    return reverse("room", args=[slug])


def socket_path(slug: str) -> str:
    return f"/ws/chat/{quote(slug, safe='')}/"


def public_room(value: object) -> Room:
    """Return the room with this name, created on first use. Refused if the name is not allowed."""
    slug, name = public_slug(value)
    return Room.objects.get_or_create(
        slug=slug, defaults={"kind": Room.Kind.PUBLIC, "name": name, "url": room_url(slug)}
    )[0]


@transaction.atomic
def order_room(order: Order) -> Room:
    """Return the conversation about an order, created on first use."""
    defaults = {
        "slug": f"{ORDER}{order.order_id}",
        "kind": Room.Kind.ORDER,
        "name": f"Order {order.number}",
        "url": order.get_absolute_url(),
        "client_id": order.user_id,
    }
    room, is_new = Room.objects.get_or_create(order=order, defaults=defaults)
    if is_new and order.user_id is not None:  # a member at once: if the kitchen writes first, it is unread
        Membership.objects.get_or_create(room=room, user_id=order.user_id)
    return room


def private_room(a: User, b: User) -> Room:
    """Return the one room of two friends. Refused if they are not friends and have never talked."""
    pair = dict(zip(("low_id", "high_id"), sorted([a.pk, b.pk]), strict=True))
    room = Room.objects.filter(**pair).first()
    if room is not None:
        return room
    with transaction.atomic():
        people.lock(a, b)  # no friendship ends while its room is being created
        if a.pk == b.pk or not people.are_friends(a, b):
            raise Refused("You can only talk in private with friends.")
        slug = f"{PRIVATE}{get_random_string(RANDOM_LENGTH, 'abcdefghijklmnopqrstuvwxyz0123456789')}"
        room, is_new = Room.objects.get_or_create(
            **pair, defaults={"slug": slug, "kind": Room.Kind.PRIVATE, "url": room_url(slug)}
        )
        if is_new:  # both are members at once: what one writes is unread for the other
            Membership.objects.bulk_create(Membership(room=room, user=user) for user in (a, b))
    return room


def enter(slug: str, person: Person, can_create: Callable[[], bool] = lambda: True) -> Room:
    """Return the room at an address. Order and public rooms are created when somebody with access first enters.

    NoRoom without access. Refused if a public name is not allowed, or if too many rooms were created (`can_create`).
    """
    if slug.startswith(ORDER):
        return _enter_order_room(slug.removeprefix(ORDER), person)
    if slug.startswith(PRIVATE):
        room = Room.objects.filter(slug=slug, kind=Room.Kind.PRIVATE).select_related("low", "high").first()
        if room is None or not can_read(room, person):
            raise NoRoom
        return room
    slug, name = public_slug(slug)
    room = Room.objects.filter(slug=slug).first()
    if room is None and not can_create():
        raise Refused(f"{MANY_ROOMS} Wait a quarter of an hour.")
    return room or public_room(name)


def can_create(person: Person, address: str) -> bool:
    """Return True, and count it, if this account or address can create one more room now."""
    try:
        return count_new(person, address)
    except limits.TooMany:
        return False


def count_new(person: Person, address: str) -> bool:
    """Count one more room of this account or address and return True; TooMany if it can't create one now."""
    maker = person.key if person.user else limits.neighbourhood(address)
    limits.spend(("room", maker), words=MANY_ROOMS)
    return True


def _enter_order_room(order_id: str, person: Person) -> Room:
    order = Order.objects.filter(order_id=order_id).first() if live.is_order_id(order_id) else None
    if order is None or not can_talk(order, person):
        raise NoRoom
    room = order_room(order)
    room.order = order
    return room


# Rights


def is_customer(order: Order, person: Person) -> bool:
    """Return True for the customer: the order's account, or its visitor while no account owns it."""
    if order.user_id is not None:
        return person.pk == order.user_id
    return person.is_guest and bool(person.guest) and person.guest == order.guest


def can_talk(order: Order, person: Person) -> bool:
    """Return True for the customer and the kitchen. Having the link, or an order shared by a friend, is not enough."""
    return is_customer(order, person) or person.answers


def can_read(room: Room, person: Person) -> bool:
    """Return True if this person has access. `room.order` must be current."""
    if room.kind == Room.Kind.PUBLIC:
        return True
    if room.kind == Room.Kind.PRIVATE:
        return person.pk is not None and person.pk in (room.low_id, room.high_id)
    assert room.order is not None
    return can_talk(room.order, person)


def is_agent(room: Room, person: Person) -> bool:
    """Return True if this person speaks for the kitchen here. Nobody does about their own order."""
    return room.order is not None and not is_customer(room.order, person) and person.answers


def why_not(room: Room, person: Person, muted: bool) -> str | None:
    """Return why this person, who has access, can't write here; None if they can."""
    if room.kind == Room.Kind.PRIVATE and not is_alive(room):
        return NO_FRIENDS
    return MUTED if muted else None


def is_alive(room: Room) -> bool:
    """Return True if the two people of a private room are friends. The friendship decides, not only `is_open`."""
    if not room.is_open or room.low is None or room.high is None:
        return False
    return room.low.is_active and room.high.is_active and people.are_friends(room.low, room.high)


def membership(room: Room, person: Person) -> Membership:
    """Return the person's own membership, created on first use."""
    if person.user:
        return Membership.objects.get_or_create(room=room, user=person.user)[0]
    return Membership.objects.get_or_create(room=room, user=None, guest=person.guest)[0]


def is_muted(room: Room, person: Person) -> bool:
    return Membership.objects.filter(of_person(person), room=room, muted=True).exists()


def of_person(person: Person) -> Q:
    """Return the condition that selects this person's memberships."""
    return Q(user=person.user) if person.user else Q(user=None, guest=person.guest)


# What the pages show


def title(room: Room, person: Person) -> str:
    """Return the room's name; a private room is named after the other person."""
    if room.kind != Room.Kind.PRIVATE:
        return room.name
    other = room.high if person.pk == room.low_id else room.low
    return other.get_username() if other else DELETED


def unread_rooms(user_pks: Collection[int]) -> dict[int, int]:
    """Return for each account the number of rooms with unread messages of others, in one query.

    Events of an order do not count. Order rooms count only for their customer and, while they are open, for their
    agent; the inbox shows the others.
    """
    rows = _memberships(user_pks, IS_OPEN)
    rows = rows.filter(last_read__lt=F("room__last_seq")).filter(Exists(_unread()))
    counts = dict(rows.order_by().values_list("user").annotate(Count("pk")))
    return {pk: counts.get(pk, 0) for pk in user_pks}


def rooms_of(user: User) -> list[dict[str, Any]]:
    """Return the member's own rooms for the chat page, the one with the latest message first.

    Of the conversations that they have answered, it lists those that are open and the last ones.
    """
    unread = _unread().order_by().values("room").annotate(number=Count("pk"))
    said = Message.objects.filter(room=OuterRef("room"), kind__in=SPOKEN).order_by("-seq")
    answered = Room.objects.filter(agent=user, taken_at__isnull=False).order_by("-taken_at").values("pk")
    rows = _memberships([user.pk], IS_OPEN, Q(room__in=answered[:MOST_LISTED]))
    rows = rows.select_related("room__low", "room__high")
    rows = rows.annotate(unread=Subquery(unread.values("number")), said_at=Subquery(said.values("created_at")[:1]))
    me = Person(user, name=user.get_username())
    return [
        {
            "slug": row.room.slug,
            "name": title(row.room, me),
            "kind": row.room.kind,
            "url": row.room.url,
            "is_open": row.room.is_open,
            "unread": row.unread or 0,
        }
        for row in rows.order_by(Coalesce("said_at", "joined_at").desc(), "-pk")[:MOST_LISTED]
    ]


def _memberships(user_pks: Collection[int], *answered: Q) -> QuerySet[Membership]:
    """Return these people's memberships in rooms that are theirs: public and private ones, those of their own orders,
    and those where they are the agent and that are as one of `answered` says.

    Each part begins where it is short: who answers customers is a member of thousands of rooms that are closed by now.
    """
    elsewhere = Membership.objects.filter(user__in=user_pks, about_order=False).exclude(room__kind=Room.Kind.ORDER)
    customers = Membership.objects.filter(room__client__in=user_pks, user=F("room__client"))
    # Coalesce: otherwise PostgreSQL would begin with the memberships, once it plans for people in general.
    agents = Membership.objects.filter(room__agent__in=user_pks, user=Coalesce("room__agent", 0))
    parts = (elsewhere, customers, *(agents.filter(condition) for condition in answered))
    first, *others = (part.order_by().values("pk") for part in parts)
    return Membership.objects.filter(pk__in=first.union(*others))


def _unread() -> QuerySet[Message]:
    """Return the messages of others after `last_read`, for use in a subquery on memberships."""
    said = Message.objects.filter(room=OuterRef("room"), seq__gt=OuterRef("last_read"), kind__in=SPOKEN)
    return said.filter(deleted_at=None).exclude(author=OuterRef("user"))
