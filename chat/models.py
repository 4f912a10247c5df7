"""Room, Membership, Message, Report, CannedAnswer."""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

MAX_BODY = 2_000
MAX_NAME = 60
SLUG_LENGTH = 120
URL_LENGTH = 1600  # quoted, a character of a slug can take twelve
SENDER_LENGTH = 150  # the limit of Django's user names
GUEST_LENGTH = 32  # the random word in a visitor's session (accounts.guests)


class Room(models.Model):
    class Kind(models.TextChoices):
        ORDER = "order"  # a customer and the kitchen, on the order's page
        PUBLIC = "public"  # anyone who knows its name
        PRIVATE = "private"  # two friends

    kind = models.CharField(max_length=8, choices=Kind)
    # in its address: order-<order_id>, private-<random>, or a public room's normalised name
    slug = models.CharField(max_length=SLUG_LENGTH, unique=True)
    name = models.CharField(max_length=MAX_NAME, blank=True)  # a private room is named after the other person
    url = models.CharField(max_length=URL_LENGTH)  # the page that shows it
    is_open = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now)

    # An order room: the customer and the agent. A customer without an account is known by the order's `guest`.
    order = models.OneToOneField("home.Order", models.CASCADE, null=True, related_name="room")
    client = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    agent = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    waiting_since = models.DateTimeField(null=True)  # the customer wrote and nobody has taken the conversation
    taken_at = models.DateTimeField(null=True)
    waited_seconds = models.FloatField(null=True)  # wall; the customer's wait before it was last taken
    closed_at = models.DateTimeField(null=True)
    order_seq = models.PositiveIntegerField(default=0)  # the order's events up to this one are in the stream

    # A private room: the pair, as in accounts.Friendship. Null: that account was deleted; the other can still read.
    low = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    high = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")

    # Counters, written under the room's lock: the seq of its last message, and the number of its last change (to a
    # message, new, edited or removed, or to the room itself). A client at revision 7 asks for what came after it, and
    # misses nothing.
    last_seq = models.PositiveIntegerField(default=0)
    revision = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="one_private_room_a_pair", fields=["low", "high"]),
            models.CheckConstraint(
                name="room_has_what_its_kind_needs",
                condition=Q(kind="order", order__isnull=False, low__isnull=True, high__isnull=True)
                | Q(kind="private", order__isnull=True) & (Q(low=None) | Q(high=None) | Q(low__lt=F("high")))
                | Q(kind="public", order__isnull=True, low__isnull=True, high__isnull=True),
            ),
        ]
        indexes = [
            models.Index(name="rooms_that_wait", fields=["kind", "waiting_since"]),
            models.Index(name="rooms_lately_taken", fields=["kind", "-taken_at"]),
            models.Index(name="rooms_lately_closed", fields=["kind", "-closed_at"]),
            # The same for the few that are open, among all that were ever closed. The kind is in front, as the queries
            # name it: SQLite would rather take another index that has it.
            models.Index(
                name="rooms_waiting",
                fields=["kind", "waiting_since"],
                condition=Q(is_open=True, waiting_since__isnull=False),
            ),
            models.Index(
                name="rooms_active",
                fields=["kind", "-taken_at"],
                condition=Q(is_open=True, waiting_since__isnull=True, agent__isnull=False),
            ),
            models.Index(name="rooms_closed", fields=["kind", "-closed_at"], condition=Q(is_open=False)),
            models.Index(name="rooms_of_agent", fields=["agent"], condition=Q(is_open=True)),
            models.Index(name="rooms_taken_by", fields=["agent", "-taken_at"], condition=Q(taken_at__isnull=False)),
        ]
        permissions = [
            ("answer_customers", "Can answer customers in order rooms"),
            ("moderate_rooms", "Can remove messages and mute people"),
        ]

    def __str__(self) -> str:
        return self.name or self.slug

    @property
    def state(self) -> str:
        """Return an order room's state: quiet (nobody asks), waiting, active or closed."""
        if not self.is_open:
            return "closed"
        if self.waiting_since is not None:
            return "waiting"
        return "quiet" if self.agent_id is None else "active"


class Membership(models.Model):
    """A person in a room: an account, or a visitor, known by the word in their session."""

    room = models.ForeignKey(Room, models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, null=True, related_name="memberships")
    guest = models.CharField(max_length=GUEST_LENGTH, blank=True)
    last_read = models.PositiveIntegerField(default=0)  # a seq
    muted = models.BooleanField(default=False)  # by staff: can read, not write
    joined_at = models.DateTimeField(default=timezone.now)
    # False where nobody has said so yet: it only helps to find the others, of a person who has answered thousands
    about_order = models.BooleanField(default=False, db_default=False, editable=False)

    class Meta:
        indexes = [models.Index(name="memberships_elsewhere", fields=["user"], condition=Q(about_order=False))]
        constraints = [
            models.UniqueConstraint(name="one_membership_a_user", fields=["room", "user"]),
            models.UniqueConstraint(name="one_membership_a_guest", fields=["room", "guest"], condition=~Q(guest="")),
            models.CheckConstraint(
                name="member_is_user_or_guest", condition=Q(user__isnull=False, guest="") | Q(user=None) & ~Q(guest="")
            ),
        ]

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self._state.adding:
            self.about_order = self.room.order_id is not None
        super().save(*args, **kwargs)


class Message(models.Model):
    class Kind(models.TextChoices):
        TEXT = "text"
        EVENT = "event"  # something that happened to the order or in the conversation; it has no author
        REQUEST = "wish", "Request"  # a customer asks to cancel or change the order (data)

    room = models.ForeignKey(Room, models.CASCADE, related_name="messages")
    seq = models.PositiveIntegerField()  # 1, 2, 3 ... in its room, without gaps
    revision = models.PositiveIntegerField()  # the room's when this was last written or changed
    kind = models.CharField(max_length=5, choices=Kind, default=Kind.TEXT)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    guest = models.CharField(max_length=GUEST_LENGTH, blank=True)  # the author without an account
    sent_by = models.CharField(max_length=SENDER_LENGTH, blank=True)  # the name shown when it was sent
    by_staff = models.BooleanField(default=False)  # written as the kitchen, or by staff in a public room
    body = models.CharField(max_length=MAX_BODY)
    data = models.JSONField(null=True)  # a request: {"wish": "cancel" | "change", "items": [...], "state": "open" ...}
    client_id = models.CharField(max_length=64, blank=True)  # the sender's idempotency key
    sender_key = models.CharField(max_length=64, blank=True)  # the sender that client_id belongs to
    created_at = models.DateTimeField(default=timezone.now)
    edited_at = models.DateTimeField(null=True)
    deleted_at = models.DateTimeField(null=True)
    deleted_by_staff = models.BooleanField(default=False)

    class Meta:
        ordering = ["seq"]
        constraints = [
            models.UniqueConstraint(name="one_message_a_seq", fields=["room", "seq"]),
            models.UniqueConstraint(
                name="one_message_a_client_id",
                fields=["room", "sender_key", "client_id"],
                condition=~Q(client_id=""),
            ),
        ]
        indexes = [
            models.Index(name="messages_by_revision", fields=["room", "revision"]),
            models.Index(name="messages_of_guest", fields=["guest"], condition=~Q(guest="")),
        ]

    def __str__(self) -> str:
        return f"{self.sent_by}: {self.body}"


class Report(models.Model):
    """A complaint about a message, for staff to decide."""

    message = models.ForeignKey(Message, models.CASCADE, related_name="reports")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    guest = models.CharField(max_length=GUEST_LENGTH, blank=True)
    reason = models.CharField(max_length=200, blank=True)
    at = models.DateTimeField(default=timezone.now)
    settled_at = models.DateTimeField(null=True)
    settled_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")

    class Meta:
        ordering = ["-at"]


class CannedAnswer(models.Model):
    """A reply that staff use often; a click puts it into the composer."""

    title = models.CharField(max_length=60, unique=True)
    body = models.CharField(max_length=MAX_BODY)

    class Meta:
        ordering = ["title"]

    def __str__(self) -> str:
        return self.title
