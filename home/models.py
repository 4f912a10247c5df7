"""Pizza, Order, its lines and its events."""

import secrets
import string
from collections.abc import Container, Iterable
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import connection, models, transaction
from django.db.models import Q
from django.db.models.signals import post_save
from django.dispatch import Signal
from django.urls import reverse
from django.utils import timezone

from home.rows import Rows
from kitchen import stages
from pictures.safe import safe_picture

ORDER_ID_ALPHABET = string.ascii_lowercase + string.digits
ORDER_ID_LENGTH = 20
MAX_QUANTITY = 20

# Only the kitchen writes these (kitchen.flow, through Order.save_state).
STATE_FIELDS = (
    "stage",
    "epoch",
    "seq",
    "held",
    "rushed",
    "recovered_at",
    "remaining_seconds",
    "joined_at",
    "started_at",
    "due_at",
    "delivered_at",
)

# Written when the order is placed, and never again.
PROMISE_FIELDS = ("promised_low", "promised_median", "promised_high")

# Only the forecast job writes these (kitchen.promises.forecast).
FORECAST_FIELDS = ("eta_low", "eta_median", "eta_high")

# A bare `order.stage = ...; order.save()` requests an override; kitchen.signals takes it to kitchen.flow.
stage_override_requested = Signal()


def new_order_id() -> str:
    """Return 20 characters of a-z0-9 (103 bits): with them anyone can watch the order, so no one must guess them."""
    return "".join(secrets.choice(ORDER_ID_ALPHABET) for _ in range(ORDER_ID_LENGTH))


class Pizza(models.Model):
    name = models.CharField(max_length=80, unique=True)
    description = models.CharField(max_length=200, blank=True)
    price = models.DecimalField(
        max_digits=6,
        decimal_places=2,
        validators=[MinValueValidator(Decimal("0.01"))],
        help_text="US dollars.",
    )
    image = models.ImageField(upload_to="pizzas/", blank=True)
    on_menu = models.BooleanField(default=True, db_index=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["pk"]
        constraints = [models.CheckConstraint(name="pizza_price_above_zero", condition=Q(price__gt=0))]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        try:
            self.make_picture_safe()
        except ValidationError as error:
            raise ValidationError({"image": error}) from error

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save the pizza. ValidationError, and nothing saved, if the upload is not a picture."""
        self.make_picture_safe()
        super().save(*args, **kwargs)

    def as_dict(self) -> dict[str, Any]:
        """Return the pizza for the API, its price in dollars."""
        return {
            "id": self.pk,
            "name": self.name,
            "description": self.description,
            "price": float(self.price),
            "image": self.image.url if self.image else None,
        }

    def make_picture_safe(self) -> None:
        """Replace a newly uploaded picture with a small, clean one, once."""
        if self.image and not self.image._committed and not hasattr(self.image, "is_safe"):  # type: ignore[attr-defined]
            self.image = safe_picture(self.image.file)
            self.image.is_safe = True


def in_kitchen(stage: str = "stage") -> models.Func:
    """Return the condition of an open order; `stage` is its field, seen through joins.

    The stages are literals in the SQL, where `stage__in` would bind them: only then do the databases see that the
    partial indexes of open orders serve the query. Otherwise they read all orders that there ever were.
    """
    template = f"%(expressions)s IN {stages.literal(stages.WORKED)}"
    return models.Func(models.F(stage), template=template, output_field=models.BooleanField())


class OrderQuerySet(models.QuerySet["Order"]):
    def open(self) -> "OrderQuerySet":
        return self.filter(in_kitchen())

    def working(self) -> "OrderQuerySet":
        """Orders that have a place at a station."""
        return self.open().filter(due_at__isnull=False)

    def in_line(self) -> "OrderQuerySet":
        """Orders that wait for a place at a station."""
        return self.open().filter(started_at__isnull=True, held=False)

    def waiting_at(self, stage: str) -> "OrderQuerySet":
        """The line of one station: rushed orders first, then first come, first served; ties go to the older order."""
        return self.in_line().filter(stage=stage).order_by("-rushed", "joined_at", "pk")

    def of(self, user: Any, guest: str) -> "OrderQuerySet":
        """Orders that this person can see in a list: all for staff, their own for a customer or a visitor."""
        if user.is_staff:
            return self
        if user.is_authenticated:
            return self.filter(user=user)
        return self.filter(guest=guest) if guest else self.none()


class Order(models.Model):
    # identity
    order_id = models.CharField(max_length=ORDER_ID_LENGTH, unique=True, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="orders")
    # The owner without an account: a random word that lives in the visitor's session.
    guest = models.CharField(max_length=32, blank=True, db_index=True, editable=False)
    # The digest of caller and Idempotency-Key, so that a repeated request is one order.
    idempotency_key = models.CharField(max_length=64, null=True, unique=True, editable=False)

    # facts, written once
    amount = models.DecimalField(max_digits=9, decimal_places=2, default=Decimal(0), editable=False)
    pizzas = models.PositiveSmallIntegerField(default=1, editable=False)
    summary = models.TextField(blank=True, editable=False)  # "2 × Margherita, 1 × Diavola", for lists
    created_at = models.DateTimeField(default=timezone.now, db_index=True, editable=False)
    # made by `rush` or the board's demand switch; can be left out of every list and figure
    simulated = models.BooleanField(default=False, editable=False)
    # what the customer was told when it was placed (kitchen.promises), kept for good so that it can be checked
    promised_low = models.DateTimeField(null=True, editable=False)
    promised_median = models.DateTimeField(null=True, editable=False)
    promised_high = models.DateTimeField(null=True, editable=False)

    # the present forecast: written by the forecast job, never by a verb; null when there is none
    eta_low = models.DateTimeField(null=True, editable=False)
    eta_median = models.DateTimeField(null=True, editable=False)
    eta_high = models.DateTimeField(null=True, editable=False)

    # live state: kitchen.flow is the only writer
    stage = models.CharField(max_length=20, choices=stages.choices, default=stages.FIRST)
    # one higher with every new chain; a link that carries an older one does nothing (fencing token)
    epoch = models.PositiveIntegerField(default=0, editable=False)
    # one higher with every event
    seq = models.PositiveIntegerField(default=0, editable=False)
    # set by hold, cleared by resume and by every move; a held order is in no line and no place
    held = models.BooleanField(default=False, editable=False)
    # set by rush: before all others in every line, to the end
    rushed = models.BooleanField(default=False, editable=False)
    # when the recovery sweep gave it a new chain, so that it does not at once give another; cleared when work begins
    recovered_at = models.DateTimeField(null=True, editable=False)
    # kitchen seconds of work that are left; set by hold, cleared when the work goes on or the order moves
    remaining_seconds = models.FloatField(null=True, editable=False)
    # when it reached the station; its turn in the line
    joined_at = models.DateTimeField(default=timezone.now, editable=False)
    # set while it has a place at the station, else null
    started_at = models.DateTimeField(null=True, editable=False)
    due_at = models.DateTimeField(null=True, editable=False)
    delivered_at = models.DateTimeField(null=True, editable=False)

    objects = OrderQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        indexes = [
            models.Index(
                name="order_lines",
                fields=["stage", "-rushed", "joined_at", "id"],
                condition=Q(started_at__isnull=True, held=False, stage__in=stages.WORKED),
            ),
            models.Index(name="order_open", fields=["stage", "due_at"], condition=Q(stage__in=stages.WORKED)),
            models.Index(name="order_of_user", fields=["user", "-id"]),
        ]
        constraints = [
            models.CheckConstraint(name="order_stage_known", condition=Q(stage__in=list(stages.BY_CODE))),
            models.CheckConstraint(
                name="order_due_when_started",
                condition=Q(started_at__isnull=True, due_at__isnull=True)
                | Q(started_at__isnull=False, due_at__isnull=False, held=False),
            ),
        ]

    # the `seq` that was last announced, and the `stage` in the database (see save and home.signals)
    announced_seq = 0
    stage_read = ""
    # When its work will be done by this process's `time.monotonic`; set as the work begins (kitchen.locks)
    due_monotonic: float

    def __str__(self) -> str:
        return self.number

    @classmethod
    def from_db(cls, *args: Any, **kwargs: Any) -> "Order":
        order = super().from_db(*args, **kwargs)
        order.remember(order.__dict__)
        return order

    def refresh_from_db(
        self, using: str | None = None, fields: Iterable[str] | None = None, from_queryset: Any = None
    ) -> None:
        names = None if fields is None else list(fields)
        super().refresh_from_db(using, names, from_queryset)
        self.remember(self.__dict__ if names is None else names)

    def remember(self, read: Container[str]) -> None:
        """Note what the database holds in these fields. A changed `stage` that was not read again stays a request."""
        if "seq" in read:
            self.announced_seq = self.seq
        if "stage" in read:
            self.stage_read = self.stage

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save all but the live state and the forecast, which are the kitchen's, and the promise, which is for good.

        An old instance can therefore never write yesterday's stage over today's. A changed `stage` requests an
        override, if it is among the fields that are saved.
        """
        if not self.order_id:
            self.order_id = new_order_id()
        if self._state.adding:
            super().save(*args, **kwargs)
            self.stage_read = self.stage
            return
        fields = kwargs.pop("update_fields", None)
        if fields is None:
            fields = [field.name for field in self._meta.concrete_fields if not field.primary_key]
        with transaction.atomic():
            if "stage" in fields and self.stage != self.stage_read:
                # Do this first: writing an order and then waiting for the kitchen's lock would deadlock with a verb.
                stage_override_requested.send(Order, order=self)
            written = frozenset(fields).difference(STATE_FIELDS, FORECAST_FIELDS, PROMISE_FIELDS)
            super().save(*args, **kwargs, update_fields=written)

    def save_state(self, event: "OrderEvent") -> None:
        """Write the live state and what happened, and nothing else. For kitchen.flow, which holds the lock."""
        ORDER_ROWS.update_and_insert(self, STATE_FIELDS, EVENT_ROWS, event)
        post_save.send(
            Order, instance=self, created=False, update_fields=STATE_FIELDS, raw=False, using=connection.alias
        )
        self.stage_read = self.stage

    @property
    def number(self) -> str:
        """The short number that is called out in the shop."""
        return f"#{self.order_id[:4].upper()}"

    @property
    def state(self) -> str:
        """One of waiting, working, held, delivered and cancelled."""
        if self.stage in stages.ENDED:
            return self.stage
        if self.held:
            return "held"
        return "waiting" if self.started_at is None else "working"

    @property
    def words(self) -> str:
        """The state in the words that the customer reads."""
        stage = stages.BY_CODE[self.stage]
        if self.state == "held":
            return "On hold"
        return stage.waiting if self.state == "waiting" else stage.working

    @property
    def promise(self) -> dict[str, str] | None:
        """The interval that was promised when it was placed: low, median and high, as ISO times."""
        return _interval(self.promised_low, self.promised_median, self.promised_high)

    @property
    def eta(self) -> dict[str, str] | None:
        """The present forecast, likewise; None where nothing honest can be said: on hold, station closed, ended."""
        if self.state in ("held", *stages.ENDED):
            return None
        return _interval(self.eta_low, self.eta_median, self.eta_high)

    def get_absolute_url(self) -> str:
        return order_address().format(self.order_id)

    def payload(self) -> dict[str, Any]:
        """Return the whole state of the order, as every frame and the API show it. No query, no personal data.

        Times are ISO 8601 with zone (or null), amount is in dollars, progress in per cent.
        """
        stage = stages.BY_CODE[self.stage]
        return {
            "order_id": self.order_id,
            "number": self.number,
            "summary": self.summary,
            "amount": float(self.amount),
            "status": stage.label,
            "stage": stage.code,
            "progress": stage.progress,
            "seq": self.seq,
            "state": self.state,
            "words": self.words,
            "rushed": self.rushed,
            "simulated": self.simulated,
            "created_at": _iso(self.created_at),
            "joined_at": _iso(self.joined_at),
            "started_at": _iso(self.started_at),
            "due_at": _iso(self.due_at),
            "delivered_at": _iso(self.delivered_at),
            "promise": self.promise,
            "eta": self.eta,
            "url": self.get_absolute_url(),
        }

    @staticmethod
    def get_order_detail(order_id: str) -> dict[str, Any] | None:
        """Return the payload of an order, or None if there is no such order."""
        order = Order.objects.filter(order_id=order_id).first()
        return order.payload() if order else None


@cache
def order_address() -> str:
    """Return an order's address as a template, made once: `reverse` takes as long as all the rest of a frame."""
    return reverse("order", args=["{}"]).replace("%7B%7D", "{}")


ORDER_ROWS = Rows(Order)


class OrderLine(models.Model):
    order = models.ForeignKey(Order, models.CASCADE, related_name="lines")
    pizza = models.ForeignKey(Pizza, models.PROTECT, related_name="lines")
    quantity = models.PositiveSmallIntegerField(validators=[MinValueValidator(1), MaxValueValidator(MAX_QUANTITY)])
    unit_price = models.DecimalField(max_digits=6, decimal_places=2)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(name="one_line_a_pizza", fields=["order", "pizza"]),
            models.CheckConstraint(
                name="line_quantity_1_to_20", condition=Q(quantity__gte=1, quantity__lte=MAX_QUANTITY)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} × {self.pizza}"

    @property
    def total(self) -> Decimal:
        return self.quantity * self.unit_price


class OrderShare(models.Model):
    """An order that a customer shows to a friend, on the friend's page (home.sharing)."""

    order = models.ForeignKey(Order, models.CASCADE, related_name="shares")
    friend = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    at = models.DateTimeField(default=timezone.now)
    seen_at = models.DateTimeField(null=True)  # the friend has opened it

    class Meta:
        constraints = [models.UniqueConstraint(name="one_share_a_friend", fields=["order", "friend"])]


class OrderEvent(models.Model):
    """One row per change of an order: what the timeline shows and the statistics count."""

    class Event(models.TextChoices):
        JOINED = "joined"  # is in the station's line
        STARTED = "started"  # its work began
        DELIVERED = "delivered"
        OVERRIDDEN = "overridden"  # a person moved it
        RECALLED = "recalled"  # a person sent it one stage back
        RUSHED = "rushed"  # a person put it before all others
        RETIMED = "retimed"  # the speed of the kitchen clock changed while it was being worked on
        UNDONE = "undone"  # a person undid their last action
        HELD = "held"
        RESUMED = "resumed"
        CHANGED = "changed"  # other pizzas, at the customer's request
        CANCELLED = "cancelled"

    order = models.ForeignKey(Order, models.CASCADE, related_name="events")
    seq = models.PositiveIntegerField()
    at = models.DateTimeField()
    stage = models.CharField(max_length=20, choices=stages.choices)
    event = models.CharField(max_length=12, choices=Event)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    by_person = models.BooleanField(default=False)  # stays true when the account is deleted
    reason = models.CharField(max_length=200, blank=True)
    # The state before a person's action, for `flow.undo`: stage, joined_at, remaining_seconds, held, rushed
    before = models.JSONField(null=True, editable=False)

    class Meta:
        ordering = ["seq"]
        constraints = [models.UniqueConstraint(name="one_event_a_seq", fields=["order", "seq"])]

    def __str__(self) -> str:
        return f"{self.seq}. {self.event} {self.stage}"

    @property
    def sentence(self) -> str:
        """The line of the timeline, on the page and in the API."""
        stage = stages.BY_CODE[self.stage]
        said = {
            self.Event.JOINED: stage.waiting,
            self.Event.STARTED: stage.started,
            self.Event.DELIVERED: stage.working,
            self.Event.OVERRIDDEN: f"Moved by staff to “{stage.label}”",
            self.Event.RECALLED: f"Sent back by staff to “{stage.label}”",
            self.Event.RUSHED: "Moved to the head of the line",
            self.Event.RETIMED: "The speed of the kitchen was changed",
            self.Event.UNDONE: f"Back to “{stage.label}”",
            self.Event.HELD: "Put on hold by staff",
            self.Event.RESUMED: "Resumed by staff",
            self.Event.CHANGED: "Changed at your request",
            self.Event.CANCELLED: "Cancelled by staff",
        }[self.Event(self.event)]
        return f"{said}: {self.reason}" if self.reason else said

    def as_dict(self) -> dict[str, Any]:
        """Return the event for everyone who has the link: a person is "staff", never a name."""
        return {
            "seq": self.seq,
            "at": _iso(self.at),
            "stage": self.stage,
            "event": self.event,
            "by": "staff" if self.by_person else "kitchen",
            "reason": self.reason,
            "sentence": self.sentence,
        }


EVENT_ROWS = Rows(OrderEvent)


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _interval(low: datetime | None, median: datetime | None, high: datetime | None) -> dict[str, str] | None:
    if low is None or median is None or high is None:
        return None
    return {"low": low.isoformat(), "median": median.isoformat(), "high": high.isoformat()}
