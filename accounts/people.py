"""Search for people, and keep friend requests, friendships and blocks.

A pair has one row, whichever of the two asked. Every verb locks both accounts first, so two people who ask each other
at the same moment become friends, and a request never slips past a block. A blocked person must not find out: to
them, the other account looks deleted. A person whose request was declined still sees it as open.
"""

import unicodedata
from collections.abc import Collection, Iterable
from typing import NamedTuple

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Case, Count, Exists, F, Max, OuterRef, Q, QuerySet, Value, When
from django.db.models.functions import Lower
from django.dispatch import Signal
from django.utils import timezone

from accounts.finding import cased, named
from accounts.models import Block, Friendship
from realtime import broadcast
from realtime.refused import Refused

SHORTEST_SEARCH = 2  # characters
LONGEST_NAME = 150  # Django's own limit for user names
FOUND_AT_MOST = 20

# Sent inside the transaction with low_pk and high_pk, the keys of the pair's accounts, smaller first.
friendship_begun = Signal()
friendship_ended = Signal()


class Requests(NamedTuple):
    """A person's open requests."""

    incoming: QuerySet[User]  # accounts that ask this person
    outgoing: QuerySet[User]  # accounts that this person asks


class News(NamedTuple):
    """State that is pushed to a person's pages."""

    requests: int  # open ones to this person
    mark: str  # changes exactly when the page of friends would look different


# Queries


def search(user: User, text: str, limit: int = FOUND_AT_MOST) -> list[User]:
    """Return people whose name contains this text, ignoring case; names that begin with it come first.

    Beyond the newest accounts (`accounts.finding`) only names that begin with it are found.

    Raise Refused if the text is too short or too long.
    """
    text = unicodedata.normalize("NFKC", text).strip()
    if len(text) < SHORTEST_SEARCH:
        raise Refused(f"Type at least {SHORTEST_SEARCH} letters of the name.")
    if len(text) > LONGEST_NAME:
        raise Refused(f"A name has at most {LONGEST_NAME} characters.")
    if not text.isprintable():
        return []
    rank = Case(
        When(cased("username", "iexact", text), then=Value(0)),
        When(cased("username", "istartswith", text), then=Value(1)),
        default=Value(2),
    )
    found = visible_to(user).exclude(pk=user.pk).filter(pk__in=named(text))
    return list(found.select_related("profile").order_by(rank, Lower("username"), "pk")[:limit])


def person(user: User, username: str) -> User:
    """Return the account with this name. Raise Refused if there is none that this person is allowed to see."""
    found = visible_to(user).filter(username=username).first() if username.isprintable() else None
    if found is None:
        raise Refused(f"There is nobody called “{username[:LONGEST_NAME]}”.")
    return found


def visible_to(user: User) -> QuerySet[User]:
    """Return the accounts that this person is allowed to see: active, and not blocking them."""
    blocking = Block.objects.filter(by=OuterRef("pk"), whom=user)
    return User.objects.filter(~Exists(blocking), is_active=True)


def friends(user: User) -> QuerySet[User]:
    return _others(user, Q(accepted_at__isnull=False))


def requests(user: User) -> Requests:
    opened = Q(accepted_at=None)
    return Requests(
        incoming=_others(user, opened & Q(declined_at=None) & ~Q(asked_by=user)),
        outgoing=_others(user, opened & Q(asked_by=user)),
    )


def blocked_by(user: User) -> QuerySet[User]:
    """Return the accounts that this person has blocked."""
    return _by_name(User.objects.filter(pk__in=Block.objects.filter(by=user).values("whom"), is_active=True))


def are_friends(a: User, b: User) -> bool:
    return Friendship.objects.filter(**_pair(a, b), accepted_at__isnull=False).exists()


def is_blocked(a: User, b: User) -> bool:
    """Return whether either has blocked the other."""
    return Block.objects.filter(Q(by=a, whom=b) | Q(by=b, whom=a)).exists()


def relations(user: User, people: Iterable[User]) -> dict[int, str]:
    """Map each key to its relation to this person: "friend", "asked", "asks" or "blocked". Omit strangers."""
    pks = [other.pk for other in people]
    found: dict[int, str] = {}
    for row in Friendship.objects.filter(Q(low=user, high__in=pks) | Q(high=user, low__in=pks)):
        other = row.high_id if row.low_id == user.pk else row.low_id
        if row.accepted_at:
            found[other] = "friend"
        elif row.asked_by_id == user.pk:
            found[other] = "asked"
        elif not row.declined_at:
            found[other] = "asks"
    blocked = Block.objects.filter(by=user, whom__in=pks).values_list("whom", flat=True)
    return found | dict.fromkeys(blocked, "blocked")


def news(user_pks: Collection[int]) -> dict[int, News]:
    """Read the news of many people in three queries."""
    open_to_them = Q(accepted_at=None, declined_at=None, low__is_active=True, high__is_active=True)
    requests = dict.fromkeys(user_pks, 0)
    parts: dict[int, list[int]] = {pk: [] for pk in user_pks}
    for side in ("low", "high"):
        rows = Friendship.objects.filter(**{f"{side}__in": user_pks}).values_list(side)
        for pk, asked, *rest in rows.annotate(
            asked=Count("pk", filter=open_to_them & ~Q(asked_by=F(side))),
            pairs=Count("pk"),
            accepted=Count("accepted_at"),
            newest=Max("pk"),
        ):
            requests[pk] += asked
            parts[pk] += [ord(side[0]), asked, *rest]
    blocks = Block.objects.filter(by__in=user_pks).values_list("by")
    for pk, *rest in blocks.annotate(blocks=Count("pk"), newest=Max("pk")):
        parts[pk] += [ord("b"), *rest]
    return {pk: News(requests[pk], ".".join(map(str, parts[pk]))) for pk in user_pks}


# Verbs: each can raise Refused, and notifies both pages after the commit


@transaction.atomic
def ask(user: User, other: User) -> bool:
    """Ask to be friends. Return True if they now are, because the other had asked. Asking again changes nothing."""
    _lock_pair(user, other)
    row = _row(user, other)
    if row is None:
        Friendship.objects.create(**_pair(user, other), asked_by=user)
        tell(user, other)
        return False
    if row.accepted_at:
        raise Refused(f"You and {other} are already friends.")
    if row.asked_by_id == user.pk:
        return False
    _befriend(row)
    return True


@transaction.atomic
def cancel(user: User, other: User) -> None:
    """Withdraw a request."""
    _lock_pair(user, other)
    row = _row(user, other)
    if row is None or row.accepted_at or row.asked_by_id != user.pk:
        raise Refused(f"You have no open request to {other}.")
    row.delete()
    tell(user, other)


@transaction.atomic
def accept(user: User, other: User) -> None:
    _lock_pair(user, other)
    _befriend(_request_from(user, other))


@transaction.atomic
def decline(user: User, other: User) -> None:
    """Remove the request from this person's page. The asker is not told; to them it stays open."""
    _lock_pair(user, other)
    row = _request_from(user, other)
    row.declined_at = timezone.now()
    row.save(update_fields=["declined_at"])
    tell(user)


@transaction.atomic
def unfriend(user: User, other: User) -> None:
    _lock_pair(user, other)
    row = _row(user, other)
    if row is None or not row.accepted_at:
        raise Refused(f"You and {other} are not friends.")
    _end(row)
    tell(user, other)


@transaction.atomic
def block(user: User, other: User) -> None:
    """Keep the two from contacting each other, and end a friendship or request. Blocking again changes nothing."""
    _lock_pair(user, other, may_be_blocked=True)
    row = _row(user, other)
    if row is not None:
        _end(row)
    Block.objects.get_or_create(by=user, whom=other)
    tell(user, other)


@transaction.atomic
def unblock(user: User, other: User) -> None:
    lock(user, other)
    gone, _ = Block.objects.filter(by=user, whom=other).delete()
    if not gone:
        raise Refused(f"You have not blocked {other}.")
    tell(user)


def lock(a: User, b: User) -> None:
    """Lock the pair until the transaction ends, always the smaller key first, so there is no deadlock.

    `no_key`: rows that merely refer to the accounts (an order, a message) need not wait. SQLite has one writer at a
    time anyway.
    """
    pair = User.objects.filter(pk__in=[a.pk, b.pk])
    list(pair.order_by("pk").select_for_update(no_key=True).values_list("pk"))


def tell(*people: User) -> None:
    """Nudge the pages of these people after the commit, so that they fetch their state again."""
    pks = [person.pk for person in people]

    def nudge() -> None:
        for pk in pks:
            broadcast.nudge(pk)

    transaction.on_commit(nudge, robust=True)


# Helpers


def _pair(a: User, b: User) -> dict[str, int]:
    low, high = sorted([a.pk, b.pk])
    return {"low_id": low, "high_id": high}


def _row(a: User, b: User) -> Friendship | None:
    return Friendship.objects.filter(**_pair(a, b)).first()


def _others(user: User, condition: Q) -> QuerySet[User]:
    """Return the other accounts of this person's pairs that meet the condition, by name. Omit inactive ones."""
    rows = Friendship.objects.filter(condition)
    # One list of keys: with two, one or the other, PostgreSQL would compare each account with both.
    others = rows.filter(low=user).values("high").union(rows.filter(high=user).values("low"))
    return _by_name(User.objects.filter(pk__in=others, is_active=True))


def _by_name(people: QuerySet[User]) -> QuerySet[User]:
    return people.select_related("profile").order_by(Lower("username"), "pk")


def _lock_pair(user: User, other: User, may_be_blocked: bool = False) -> None:
    """Lock the pair. Raise Refused unless they are allowed to deal with each other."""
    if user.pk == other.pk:
        raise Refused("That is you.")
    lock(user, other)
    person(user, other.username)
    if not may_be_blocked and Block.objects.filter(by=user, whom=other).exists():
        raise Refused(f"You have blocked {other}. Unblock them first.")


def _request_from(user: User, other: User) -> Friendship:
    row = _row(user, other)
    if row is None or row.accepted_at or row.declined_at or row.asked_by_id == user.pk:
        raise Refused(f"There is no open request from {other}.")
    return row


def _befriend(row: Friendship) -> None:
    row.accepted_at, row.declined_at = timezone.now(), None
    row.save(update_fields=["accepted_at", "declined_at"])
    friendship_begun.send(Friendship, low_pk=row.low_id, high_pk=row.high_id)
    tell(row.low, row.high)


def _end(row: Friendship) -> None:
    """Delete a request or a friendship. Send friendship_ended for a friendship only."""
    row.delete()
    if row.accepted_at:
        friendship_ended.send(Friendship, low_pk=row.low_id, high_pk=row.high_id)
