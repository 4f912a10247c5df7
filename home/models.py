"""Pizza, Order, its lines and its events."""

import secrets
import string
from collections import Counter
from collections.abc import Container, Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import connection, models, transaction
from django.db.models import Q
from django.db.models.signals import post_save
from django.dispatch import Signal
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import cached_property

from accounts import rights
from home import frames
from home.rows import Rows, Update, copied, write_together
from kitchen import stages
from pictures.safe import safe_picture
from realtime.refused import Refused
from telemetry.trace import REQUEST_ID_LENGTH

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
    "overdue",
    "ready_at",
    "delivered_at",
    "request_id",
)
ITEM_STATE_FIELDS = (
    "stage",
    "epoch",
    "is_done",
    "held",
    "rushed",
    "recovered_at",
    "remaining_seconds",
    "joined_at",
    "started_at",
    "due_at",
    "overdue",
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


def is_one_of(codes: tuple[str, ...], field: str = "stage") -> models.Func:
    """Return the condition of orders at these stages, or of these ways; `field` is seen through joins.

    The codes are literals in the SQL, where `stage__in` would bind them: only then do the databases see that a
    partial index serves the query. Otherwise they read all orders that there ever were.
    """
    template = f"%(expressions)s IN {stages.literal(codes)}"
    return models.Func(models.F(field), template=template, output_field=models.BooleanField())


def in_kitchen(stage: str = "stage") -> models.Func:
    """Return the condition of an open order, likewise."""
    return is_one_of(stages.WORKED, stage)


class OrderQuerySet(models.QuerySet["Order"]):
    def open(self) -> "OrderQuerySet":
        return self.filter(in_kitchen())

    def with_items(self) -> "OrderQuerySet":
        """Read the orders' items as well, in one query: their state and their frames need them."""
        items = OrderItem.objects.order_by("number")
        return self.prefetch_related(models.Prefetch("items", items, to_attr="parts"))  # type: ignore[no-redef]

    def working(self) -> "OrderQuerySet":
        """Orders that have a place at a station of orders."""
        return self.open().filter(due_at__isnull=False)

    def in_line(self) -> "OrderQuerySet":
        """Orders that wait for a place: by themselves, or with one of their items."""
        here = OrderItem.objects.cooking().filter(order=models.OuterRef("pk"))
        waiting = here.filter(started_at=None, held=False)
        alone = Q(started_at=None, held=False) & ~models.Exists(here)
        return self.open().filter(models.Exists(waiting) | alone)

    def of(self, user: Any, guest: str) -> "OrderQuerySet":
        """Orders that this person can see in a list: their own, or all with the right to see them."""
        if rights.has(user, rights.SEE_ORDERS):
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
    way = models.CharField(max_length=10, choices=stages.ways, default=stages.DELIVERY, editable=False)
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

    # Live state: kitchen.flow is the only writer. While its items are worked on one by one, the stage is that of the
    # least advanced, and the order itself has no place, no line and no chain.
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
    # the work takes longer than usual, where a person ends it; cleared when it ends
    overdue = models.BooleanField(default=False, db_default=False, editable=False)
    ready_at = models.DateTimeField(null=True, editable=False)  # to be collected
    delivered_at = models.DateTimeField(null=True, editable=False)
    # the click of the last person who asked something of it: its messages and its lines in the log name it
    request_id = models.CharField(max_length=REQUEST_ID_LENGTH, blank=True, default="", db_default="", editable=False)

    objects = OrderQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        permissions = [("deliver_order", "Can deliver orders: the driver’s page")]
        indexes = [
            models.Index(
                name="order_lines",
                fields=["stage", "-rushed", "joined_at", "id"],
                condition=Q(started_at__isnull=True, held=False, stage__in=stages.WORKED),
            ),
            models.Index(name="order_open", fields=["stage", "due_at"], condition=Q(stage__in=stages.WORKED)),
            models.Index(name="order_of_user", fields=["user", "-id"]),
            # for lists of what can be rare among millions
            models.Index(name="order_cancelled", fields=["-id"], condition=Q(stage__in=(stages.CANCELLED.code,))),
            models.Index(name="order_real", fields=["-id"], condition=Q(simulated=False)),
            models.Index(name="order_simulated", fields=["-id"], condition=Q(simulated=True)),
            *(models.Index(name=f"order_{way}", fields=["-id"], condition=Q(way__in=(way,))) for way in stages.ROUTES),
        ]
        constraints = [
            models.CheckConstraint(name="order_stage_known", condition=Q(stage__in=list(stages.BY_CODE))),
            models.CheckConstraint(name="order_way_known", condition=Q(way__in=list(stages.ROUTES))),
            models.CheckConstraint(
                name="order_due_when_started",
                condition=Q(started_at__isnull=True, due_at__isnull=True)
                | Q(started_at__isnull=False, due_at__isnull=False, held=False),
            ),
        ]

    # the `seq` that was last announced, and the `stage` in the database (see save and home.signals)
    announced_seq = 0
    stage_read = ""
    is_archived = False  # it was read from the archive: nothing can be done with it (archive.document)
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
        if names is None or "seq" in names:
            self.refresh_parts()
        self.remember(self.__dict__ if names is None else names)

    def refresh_parts(self) -> None:
        """Read the items again, if they were read: into the same instances, whose chains can wait for the commit."""
        known = {item.number: item for item in self.__dict__.pop("parts", ())}
        if known:
            self.parts = [known.get(item.number, item).become(item) for item in self.items.order_by("number")]

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
            if self.way not in stages.ROUTES:
                raise Refused(f"There is no way out called “{self.way}”.")
            if self.stage not in stages.BY_CODE:
                raise Refused(f"There is no stage “{self.stage}”.")
            if self.stage not in (*self.route.stages, stages.CANCELLED.code):
                raise Refused(
                    f"An order for {self.route.label.lower()} never is “{stages.BY_CODE[self.stage].label}”."
                )
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

    def save_state(self, events: "Sequence[OrderEvent]", items: "Sequence[OrderItem]") -> None:
        """Write the live state, these items' too, and what happened, and nothing else. For kitchen.flow, which holds
        the lock."""
        updates: list[Update] = [(ORDER_ROWS, self, STATE_FIELDS)]
        updates += [(ITEM_ROWS, item, ITEM_STATE_FIELDS) for item in items]
        write_together(updates, EVENT_ROWS, events)
        self.state_was_saved(items)

    def state_was_saved(self, items: "Sequence[OrderItem]") -> None:
        """Note that the live state was written, these items' too, and send the signal of a save."""
        for item in items:
            item.remember()
        post_save.send(
            Order, instance=self, created=False, update_fields=STATE_FIELDS, raw=False, using=connection.alias
        )
        self.stage_read = self.stage

    @property
    def pieces(self) -> int:
        return self.pizzas

    @property
    def number(self) -> str:
        """The short number that is called out in the shop."""
        return f"#{self.order_id[:4].upper()}"

    @cached_property
    def parts(self) -> "list[OrderItem]":
        """Its items, by number. A query, unless they were read with it (OrderQuerySet.with_items)."""
        return list(self.items.order_by("number")) if self.pk else []

    def item(self, number: int) -> "OrderItem":
        """Return one of its items; OrderItem.DoesNotExist if there is none with this number."""
        for item in self.parts:
            if item.number == number:
                return item
        raise OrderItem.DoesNotExist(f"{self} has no pizza {number}.")

    @property
    def lines_left(self) -> "list[LineLeft]":
        """Its lines, as they were ordered, each with how many of its pizzas were not cancelled by themselves."""
        struck = Counter(item.line_id for item in self.parts if item.is_struck)
        return [LineLeft(line, line.quantity - struck[line.pk], struck[line.pk]) for line in self.lines.all()]

    @property
    def pizzas_left(self) -> Counter[int]:
        """How many of each pizza, {pizza's id: quantity}, whatever lines they are in."""
        sums = Counter[int]()
        for line, quantity, _ in self.lines_left:
            if quantity:
                sums[line.pizza_id] += quantity
        return sums

    @property
    def cooking(self) -> "list[OrderItem]":
        """The items that are still at the stations of items; none once the order goes on as a whole."""
        return [item for item in self.parts if item.is_cooking]

    @property
    def front(self) -> "list[Order] | list[OrderItem]":
        """What the order's state is about: its least advanced items, or itself once they are together again."""
        if self.stage in stages.ENDED:
            return [self]
        return [item for item in self.cooking if item.stage == self.stage] or [self]

    @property
    def state(self) -> str:
        """One of waiting, working, held, delivered and cancelled."""
        return self.state_at(self.front)

    def state_at(self, front: "Sequence[Order | OrderItem]") -> str:
        """Return the state, given what it is about (`front`)."""
        if self.stage in stages.ENDED:
            return self.stage
        if any(work.started_at for work in front):
            return "working"
        return "held" if all(work.held for work in front) else "waiting"

    @property
    def words(self) -> str:
        """The state in the words that the customer reads."""
        return frames.words(self, self.state)

    @property
    def route(self) -> stages.Route:
        return stages.ROUTES[self.way]

    @property
    def fulfilled_at(self) -> datetime | None:
        """When what was promised came true: ready to collect, or at the door."""
        return self.ready_at or self.delivered_at

    @property
    def promise(self) -> dict[str, str] | None:
        """The interval that was promised when it was placed: low, median and high, as ISO times, and for what."""
        return frames.interval(self, self.promised_low, self.promised_median, self.promised_high)

    @property
    def eta(self) -> dict[str, str] | None:
        """The present forecast, likewise; None where nothing can be said: on hold, station closed, fulfilled."""
        return frames.eta(self, self.state)

    def get_absolute_url(self) -> str:
        return order_address().format(self.order_id)

    def payload(self) -> dict[str, Any]:
        """Return the whole state of the order, as every frame and the API show it (home.frames)."""
        return frames.payload(self)

    def as_it_is(self) -> "Order":
        """Return a copy of the order and its items: it stays as it is, whatever comes next. They don't know it."""
        seen = copied(self)
        seen.parts = [copied(item) for item in self.parts]
        return seen

    @staticmethod
    def get_order_detail(order_id: str) -> dict[str, Any] | None:
        """Return the payload of an order, or None if there is no such order."""
        order = Order.objects.filter(order_id=order_id).with_items().first()
        return order.payload() if order else None


@cache
def order_address() -> str:
    """Return an order's address as a template, made once: `reverse` takes as long as all the rest of a frame."""
    return reverse("order", args=["{}"]).replace("%7B%7D", "{}")


ORDER_ROWS = Rows(Order, lambda order: order.remember(order.__dict__))


class OrderLine(models.Model):
    order = models.ForeignKey(Order, models.CASCADE, related_name="lines")
    pizza = models.ForeignKey(Pizza, models.PROTECT, related_name="lines")
    quantity = models.PositiveSmallIntegerField(validators=[MinValueValidator(1), MaxValueValidator(MAX_QUANTITY)])
    unit_price = models.DecimalField(max_digits=6, decimal_places=2)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(
                name="line_quantity_1_to_20", condition=Q(quantity__gte=1, quantity__lte=MAX_QUANTITY)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} × {self.pizza}"


class LineLeft(NamedTuple):
    """A line of an order, and what is left of it."""

    line: OrderLine
    quantity: int
    struck: int  # pizzas that were cancelled by themselves

    @property
    def total(self) -> Decimal:
        return self.quantity * self.line.unit_price


class OrderItemQuerySet(models.QuerySet["OrderItem"]):
    def cooking(self) -> "OrderItemQuerySet":
        """Items at the stations of items."""
        return self.filter(in_kitchen(), is_done=False)

    def working(self) -> "OrderItemQuerySet":
        """Items that have a place at a station."""
        return self.cooking().filter(due_at__isnull=False)


class OrderItem(models.Model):
    """One pizza of an order, on its way through the stations that work on items. kitchen.flow is the only writer."""

    order = models.ForeignKey(Order, models.CASCADE, related_name="items")
    number = models.PositiveSmallIntegerField()  # within the order, from 1; never used again
    line = models.ForeignKey(OrderLine, models.CASCADE, null=True, related_name="items")
    name = models.CharField(max_length=80, blank=True)  # of the pizza, when it was ordered

    # The same as an order's own, for one pizza
    stage = models.CharField(max_length=20, choices=stages.choices, default=stages.FIRST)
    epoch = models.PositiveIntegerField(default=0)
    is_done = models.BooleanField(default=False)  # has left the stations of items; the order goes on when all have
    held = models.BooleanField(default=False)
    rushed = models.BooleanField(default=False)  # with its order, by itself, or because it is made again
    recovered_at = models.DateTimeField(null=True)
    remaining_seconds = models.FloatField(null=True)
    joined_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True)
    due_at = models.DateTimeField(null=True)
    overdue = models.BooleanField(default=False, db_default=False)

    objects = OrderItemQuerySet.as_manager()

    class Meta:
        ordering = ["order", "number"]
        indexes = [
            models.Index(
                name="item_lines",
                fields=["stage", "-rushed", "joined_at", "order", "number"],
                condition=Q(started_at__isnull=True, held=False, is_done=False, stage__in=stages.WORKED),
            ),
            models.Index(
                name="item_open", fields=["stage", "due_at"], condition=Q(is_done=False, stage__in=stages.WORKED)
            ),
        ]
        constraints = [
            models.UniqueConstraint(name="one_item_a_number", fields=["order", "number"]),
            models.CheckConstraint(name="item_stage_known", condition=Q(stage__in=list(stages.BY_CODE))),
            models.CheckConstraint(
                name="item_due_when_started",
                condition=Q(started_at__isnull=True, due_at__isnull=True)
                | Q(started_at__isnull=False, due_at__isnull=False, held=False, is_done=False),
            ),
        ]

    due_monotonic: float  # as an order's
    written: tuple[Any, ...] = ()  # the live state in the database

    @classmethod
    def from_db(cls, *args: Any, **kwargs: Any) -> "OrderItem":
        item = super().from_db(*args, **kwargs)
        item.remember()
        return item

    def become(self, read: "OrderItem") -> "OrderItem":
        """Take over what was read of this item."""
        for field in self._meta.concrete_fields:
            setattr(self, field.attname, getattr(read, field.attname))
        self.remember()
        return self

    def remember(self) -> None:
        """Note that the database holds the live state as it is now."""
        self.written = self.live_state

    @property
    def live_state(self) -> tuple[Any, ...]:
        values = self.__dict__  # a deferred field is not there, and has not changed
        return tuple(values.get(name) for name in ITEM_STATE_FIELDS)

    @property
    def has_changed(self) -> bool:
        return self.live_state != self.written

    def __str__(self) -> str:
        return f"{self.order}, {self.name or 'pizza'} ({self.number})"

    @property
    def pieces(self) -> int:
        return 1

    @property
    def is_cooking(self) -> bool:
        """Return whether it is at a station of items."""
        return not self.is_done and self.stage in stages.WORKED

    @property
    def is_struck(self) -> bool:
        """Return whether it was cancelled by itself, not with its order."""
        return self.is_done and self.stage == stages.CANCELLED.code

    @property
    def state(self) -> str:
        """One of waiting, working, held, done and cancelled."""
        if self.stage == stages.CANCELLED.code:
            return self.stage
        if self.is_done:
            return "done"
        if self.held:
            return "held"
        return "waiting" if self.started_at is None else "working"


ITEM_ROWS = Rows(OrderItem, OrderItem.remember)


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
        DONE = "done"  # a person ended the work of a stage; what follows from it comes next
        OVERRAN = "overran"  # work that a person ends takes longer than usual
        ASSUMED = "assumed"  # nobody has ended the work for so long that it counts as done
        OVERRIDDEN = "overridden"  # a person moved it
        RECALLED = "recalled"  # a person sent it one stage back
        RUSHED = "rushed"  # a person put it before all others
        # the clock changed: its speed while it was being worked on, or it was set back while it was open
        RETIMED = "retimed"
        UNDONE = "undone"  # a person undid their last action
        HELD = "held"
        RESUMED = "resumed"
        CHANGED = "changed"  # other pizzas, at the customer's request
        REMADE = "remade"  # a pizza was dropped or burnt, and is made again
        CANCELLED = "cancelled"

    order = models.ForeignKey(Order, models.CASCADE, related_name="events")
    seq = models.PositiveIntegerField()
    at = models.DateTimeField()
    item = models.PositiveSmallIntegerField(null=True)  # the number of the item that it is about; null: the order
    stage = models.CharField(max_length=20, choices=stages.choices)  # of the item, or of the order
    # the order's stage after this change; empty in events from before there were items: it is `stage`
    order_stage = models.CharField(max_length=20, blank=True)
    event = models.CharField(max_length=12, choices=Event)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    by_person = models.BooleanField(default=False)  # stays true when the account is deleted
    reason = models.CharField(max_length=200, blank=True)
    # The state before a person's action, for `flow.undo` (kitchen.verbs.undoing)
    before = models.JSONField(null=True, editable=False)

    # for the log (kitchen.changes): the epoch of the work at this change, and how late the link was that made it
    epoch = 0
    late_seconds: float | None = None

    class Meta:
        ordering = ["seq"]
        constraints = [models.UniqueConstraint(name="one_event_a_seq", fields=["order", "seq"])]

    def __str__(self) -> str:
        return f"{self.seq}. {self.event} {self.stage}"

    @property
    def sentence(self) -> str:
        """The line of the timeline, on the page and in the API."""
        return f"{self.said}: {self.reason}" if self.reason else self.said

    @property
    def said(self) -> str:
        """The same without the reason."""
        stage, label = stages.BY_CODE[self.stage], stages.label(self.stage, self.order.way)
        return {
            self.Event.JOINED: stage.waiting if self.item is None else stage.together or stage.waiting,
            self.Event.STARTED: stage.started,
            self.Event.DELIVERED: self.order.route.last_words,
            self.Event.DONE: stage.done or label,
            self.Event.OVERRAN: "It takes a little longer than usual",
            self.Event.ASSUMED: stage.done or label,
            self.Event.OVERRIDDEN: f"Moved by staff to “{label}”",
            self.Event.RECALLED: f"Sent back by staff to “{label}”",
            self.Event.RUSHED: "Moved to the head of the line",
            self.Event.RETIMED: "The clock of the kitchen was changed",
            self.Event.UNDONE: f"Back to “{label}”",
            self.Event.HELD: "Put on hold by staff",
            self.Event.RESUMED: "Resumed by staff",
            self.Event.CHANGED: "Changed at your request",
            self.Event.REMADE: "We are making it again",
            self.Event.CANCELLED: "Cancelled by staff",
        }[self.Event(self.event)]

    def as_dict(self) -> dict[str, Any]:
        """Return the event for everyone who has the link: a person is "staff", never a name."""
        return {
            "seq": self.seq,
            "at": self.at.isoformat(),
            "item": self.item,
            "stage": self.stage,
            "event": self.event,
            "by": "staff" if self.by_person else "kitchen",
            "reason": self.reason,
            "sentence": self.sentence,
        }


EVENT_ROWS = Rows(OrderEvent)
