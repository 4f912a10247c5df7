"""Orders shown to friends: they appear live on the friend's shop page as long as the two are friends.

A friend can watch the order like anyone with the link; the conversation about it is not shown to them.
"""

from collections.abc import Collection
from typing import Any, NamedTuple

from django.contrib.auth.models import AnonymousUser, User
from django.db import transaction
from django.db.models import Count, Max, Prefetch, Q, QuerySet
from django.dispatch import receiver
from django.utils import timezone

from accounts import people
from home.models import Order, OrderShare
from realtime import broadcast
from realtime.refused import Refused


class News(NamedTuple):
    """The news that a person's pages are told unasked."""

    unseen: int  # orders shown to them that they have not opened
    mark: str  # changes whenever an order was added, opened or taken away


class Sharing(NamedTuple):
    """The friends to whom the customer can show an order, and those who see it already."""

    friends: list[User]  # to whom it can be shown
    shown_to: list[User]
    mark: str  # people.News: friends come and go


@transaction.atomic
def share(order: Order, friend: User, by: User) -> None:
    """Show an order to a friend. Refused unless it is `by`'s own and they are friends. Safe to repeat."""
    if order.user_id != by.pk:
        raise Refused("Only the customer can show it to a friend.")
    people.lock(by, friend)  # a friendship that ends at this moment then ends the share, too
    if not people.are_friends(by, friend):
        raise Refused("You can only show an order to your friends.")
    _, is_new = OrderShare.objects.get_or_create(order=order, friend=friend, defaults={"by": by})
    if is_new:
        people.tell(friend)


@transaction.atomic
def unshare(order: Order, friend: User, by: User) -> None:
    """Stop showing an order to a friend, who can still watch with the link. Refused if it is not `by`'s."""
    if order.user_id != by.pk:
        raise Refused("Only the customer can stop sharing it.")
    gone, _ = OrderShare.objects.filter(order=order, friend=friend).delete()
    if gone:
        people.tell(friend)


@receiver(people.friendship_ended)
def end_shares(low_pk: int, high_pk: int, **kwargs: Any) -> None:
    """Stop sharing between two people, in the transaction that ends their friendship and tells both pages."""
    OrderShare.objects.filter(Q(by=low_pk, friend=high_pk) | Q(by=high_pk, friend=low_pk)).delete()


def shared_with(user: User | AnonymousUser) -> QuerySet[OrderShare]:
    """Return the orders shown to this person, newest first. As among friends, deactivated accounts are left out."""
    if not user.is_authenticated:
        return OrderShare.objects.none()
    shares = _shown().filter(friend=user).select_related("by").order_by("-pk")
    return shares.prefetch_related(Prefetch("order", Order.objects.with_items()))


def opened(order: Order, user: User | AnonymousUser) -> None:
    """Note that a friend has looked, which ends the notice. Most visitors are no friends, so first only read."""
    unseen = shared_with(user).filter(order=order, seen_at=None).first()
    if unseen is not None:
        unseen.seen_at = timezone.now()
        unseen.save(update_fields=["seen_at"])
        broadcast.nudge(unseen.friend_id)


def sharing_of(order: Order, user: User | AnonymousUser) -> Sharing | None:
    """Return what the customer's account can share; None for everyone else."""
    if not user.is_authenticated or order.user_id != user.pk:
        return None
    mark = people.news([user.pk])[user.pk].mark  # read first: a change meanwhile makes it outdated
    shown_to = list(User.objects.filter(pk__in=order.shares.values("friend"), is_active=True).order_by("username"))
    friends = [friend for friend in people.friends(user) if friend not in shown_to]
    return Sharing(friends, shown_to, mark)


def news(user_pks: Collection[int]) -> dict[int, News]:
    """Return the news of many people in one query."""
    found = dict.fromkeys(user_pks, News(0, ""))
    shares = _shown().filter(friend__in=user_pks).values_list("friend")
    counts = shares.annotate(unseen=Count("pk", filter=Q(seen_at=None)), all=Count("pk"), newest=Max("pk"))
    return found | {pk: News(unseen, f"{unseen}.{count}.{newest}") for pk, unseen, count, newest in counts}


def _shown() -> QuerySet[OrderShare]:
    return OrderShare.objects.filter(by__is_active=True)
