"""The person who reads or writes: an account, or a visitor known by the word in their session."""

import hashlib
from dataclasses import dataclass

from django.contrib.auth.models import AnonymousUser, User
from django.http import HttpRequest

from accounts import rights
from accounts.guests import guest_of
from accounts.names import is_taken, looks
from chat.text import clean_line, is_pronounceable, without_marks
from realtime.refused import Refused

MAX_GUEST_NAME = 30
CUSTOMER = "Customer"  # the kitchen's name for a visitor
DELETED = "deleted account"
KITCHEN = "kitchen"  # the author of an order's events
RESERVED = (KITCHEN, DELETED, "staff", "admin", "you")


@dataclass(frozen=True)
class Person:
    """An account or a visitor. `guest` is the secret word in the visitor's session (accounts.guests)."""

    user: User | None
    guest: str = ""
    name: str = ""

    @property
    def is_guest(self) -> bool:
        return self.user is None

    @property
    def pk(self) -> int | None:
        return self.user.pk if self.user else None

    @property
    def key(self) -> str:
        """Return a key that only this person has; empty for a visitor without a word."""
        return f"u{self.pk}" if self.user else self.guest and f"g{self.guest}"

    @property
    def answers(self) -> bool:
        """Return True if this person can answer customers. One query, cached on the user instance."""
        return self.has(rights.ANSWER)

    @property
    def moderates(self) -> bool:
        return self.has(rights.MODERATE)

    def has(self, right: rights.Right) -> bool:
        return self.user is not None and rights.has(self.user, right)

    def wrote(self, author_pk: int | None, guest: str) -> bool:
        """Return True if this person wrote the message."""
        return author_pk == self.user.pk if self.user else bool(guest) and guest == self.guest


def person(user: User | AnonymousUser, guest: str = "", name: str = "") -> Person:
    """Return the Person; a member always goes by their user name."""
    if isinstance(user, AnonymousUser):
        return Person(None, guest, name or guest_name(guest))
    return Person(user, "", user.get_username())


def person_of(request: HttpRequest) -> Person:
    return person(request.user, guest_of(request))


def guest_name(guest: str) -> str:
    """Return the name of a visitor who gave none: always the same for the same word, which it does not reveal."""
    number = int(hashlib.sha256(guest.encode()).hexdigest(), 16) % 9000 + 1000
    return f"Guest {number}"


def free_name(value: object) -> str:
    """Return the name a visitor asked for, normalised. Refused if it is taken or reserved."""
    name = clean_line(value, MAX_GUEST_NAME, "A name")
    if not name or not is_pronounceable(name):
        raise Refused("Give a name with at least one letter or number in it.")
    bare = without_marks(name)
    if is_taken(bare) or any(look.casefold() in RESERVED for look in looks(bare)):
        raise Refused(f"“{name}” is somebody else's name here. Choose another one, or log in.")
    return name
