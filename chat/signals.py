"""React to changes elsewhere that concern rooms: friendships, deleted accounts, visitors who log in."""

from typing import Any

from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in
from django.db import transaction
from django.db.models import Q
from django.db.models.signals import pre_delete
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils import timezone

from accounts import people
from accounts.guests import guest_of
from accounts.leaving import takes_words_along
from accounts.people import friendship_begun, friendship_ended
from chat import leaving, stream
from chat.models import Membership, Message, Room


@receiver(friendship_begun)
def open_room(low_pk: int, high_pk: int, **kwargs: Any) -> None:
    set_open(low_pk, high_pk, True)


@receiver(friendship_ended)
def close_room(low_pk: int, high_pk: int, **kwargs: Any) -> None:
    """Close a private room. Both people can still read what was written."""
    set_open(low_pk, high_pk, False)


def set_open(low_pk: int, high_pk: int, is_open: bool) -> None:
    for pk in Room.objects.filter(low=low_pk, high=high_pk).values_list("pk", flat=True):
        room = stream.lock_room(pk)
        room.is_open = is_open
        stream.save(room, is_changed=True)


@receiver(user_logged_in)
@transaction.atomic
def adopt_conversations(request: HttpRequest, user: User, **kwargs: Any) -> None:
    """Give the account a visitor's conversations about orders, along with the orders (home.signals).

    What they wrote in public rooms stays a guest's, so that nobody learns who the guest was.
    """
    guest = guest_of(request)
    rooms = Room.objects.filter(kind=Room.Kind.ORDER, order__guest=guest, order__user=user, client=None)
    for pk in rooms.order_by("pk").values_list("pk", flat=True) if guest else ():
        room = stream.lock_room(pk)
        Room.objects.filter(pk=pk).update(client=user)
        mine = Message.objects.filter(room=pk, guest=guest)
        mine.update(author=user, guest="", sent_by=user.get_username(), sender_key=f"u{user.pk}")
        if not Membership.objects.filter(room=pk, user=user).exists():
            is_moved = Membership.objects.filter(room=pk, guest=guest).update(user=user, guest="")
            if not is_moved:  # the visitor has never been in the room: only the kitchen wrote
                Membership.objects.create(room=room, user=user)
        stream.save(room, is_changed=True)


@receiver(pre_delete, sender=User)
@transaction.atomic
def forget_account(instance: User, **kwargs: Any) -> None:
    """Keep a deleted account's messages without the name. Customers it was answering wait for another agent.

    Locks the account, then its rooms, as everybody does (the end of a friendship, a message): else they deadlock.
    """
    people.lock(instance, instance)
    mine = Q(low=instance) | Q(high=instance) | Q(agent=instance)
    known = Q(pk__in=Membership.objects.filter(user=instance).values("room"))
    said = Q(pk__in=Message.objects.filter(author=instance).values("room"))
    list(Room.objects.filter(mine | known | said).order_by("pk").select_for_update().values_list("pk"))
    leaving.forget(Message.objects.filter(author=instance), timezone.now(), takes_words_along(instance))
    Room.objects.filter(Q(low=instance, high=None) | Q(high=instance, low=None), kind=Room.Kind.PRIVATE).delete()
    now = timezone.now()
    for room in Room.objects.filter(mine).order_by("pk"):
        locked = stream.lock_room(room.pk)
        if locked.kind == Room.Kind.PRIVATE:
            locked.is_open = False
        elif locked.state == "active":
            locked.waiting_since = now
        locked.agent = None
        stream.save(locked, is_changed=True)
