"""The stations, the shop's own settings, the ledger of promises, and the planner's studies."""

import math
from datetime import datetime, timedelta
from random import Random
from typing import Any, NoReturn

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone

from kitchen import stages
from simulation import distributions
from simulation.fields import Dialect, Fields, SpecError

MAX_SPEED = 100_000
MAX_DEMAND = 10_000
LEAST_SERVICE_SECONDS, MAX_SERVICE_SECONDS = 0.1, 24 * 3600.0
MOST_CV = 10.0
MOST_TIMES = 100.0  # the mean, until work that nobody has ended is taken to be done
MOST_REASON = 250  # characters: one sentence with the longest name
MOST_VALUES = 500  # entries in a distribution's own parameters: every verb reads the station
OWN_PARAMETERS = Dialect("station", "{}[{}]")


def finite(value: float) -> None:
    """Refuse infinities and NaN, which is neither too small nor too large for the other validators."""
    if not math.isfinite(value):
        raise ValidationError("Enter a number.")


class Shop(models.Model):
    """One row: the settings of the whole shop."""

    speed = models.FloatField(
        default=60,
        validators=[finite, MinValueValidator(0.001), MaxValueValidator(MAX_SPEED)],
        help_text="Kitchen seconds per wall second: 1 is a real shop, 60 the demo.",
    )

    is_open = models.BooleanField("open for orders", default=True)
    demand_per_hour = models.FloatField(
        default=0,
        validators=[finite, MinValueValidator(0), MaxValueValidator(MAX_DEMAND)],
        help_text="Simulated customers per kitchen hour; 0 is none.",
    )
    carry_out_share = models.FloatField(
        default=0,
        validators=[finite, MinValueValidator(0), MaxValueValidator(1)],
        help_text="The share of simulated customers who collect their order, from 0 to 1.",
    )
    hands_over = models.BooleanField(
        "hand over by itself",
        default=True,
        help_text="An order that is ready is handed over after the counter's time. Off: only with a tap.",
    )
    # simulated customers have arrived up to this moment; null while there are none (kitchen.board.demand)
    demand_at = models.DateTimeField(null=True, editable=False)
    # when the clock got this speed: what was measured before is in other seconds (promises.measure)
    speed_since = models.DateTimeField(default=timezone.now, editable=False)
    # the ledger has the outcome of every promise up to this one (kitchen.promises.ledger)
    settled = models.BigIntegerField(default=0, editable=False)
    # the days of the ledger have its promises and outcomes up to these (kitchen.promises.days)
    promises_summed = models.BigIntegerField(default=0, db_default=0, editable=False)
    outcomes_summed = models.BigIntegerField(default=0, db_default=0, editable=False)
    # the last sign of the clock while work was under way and the log was silent (kitchen.verbs.set_back)
    seen_at = models.DateTimeField(null=True, editable=False)
    # orders from before this month have been moved into the archive (keeping.archiving); null: none ever were
    archived_before = models.DateField(null=True, editable=False)
    # the newest event when the clock was last found to have been set back: up to it the log has another time
    clock_event = models.BigIntegerField(default=0, db_default=0, editable=False)

    class Meta:
        verbose_name_plural = "shop"
        constraints = [
            models.CheckConstraint(name="one_shop", condition=models.Q(pk=1)),
            models.CheckConstraint(name="speed_above_zero", condition=models.Q(speed__gt=0)),
        ]

    def __str__(self) -> str:
        return f"The shop, {self.speed:g} x"


def by_stage() -> models.Case:
    """Order stations by stage, not by key, which is the order in which they were created."""
    cases = [models.When(stage=code, then=number) for number, code in enumerate(stages.WORKED)]
    return models.Case(*cases, default=len(cases), output_field=models.IntegerField())


class StationManager(models.Manager["Station"]):
    def get_queryset(self) -> models.QuerySet["Station"]:
        return super().get_queryset().order_by(by_stage(), "pk")


class Station(models.Model):
    """The station that does a stage's work: on what, how many at once, and how long each takes."""

    class Unit(models.TextChoices):
        ITEM = "item", "each pizza by itself"
        ORDER = "order", "whole orders"

    class Kind(models.TextChoices):
        SLOTS = "slots", "places"
        BELT = "belt", "a belt"

    class EndsBy(models.TextChoices):
        CLOCK = "clock", "the clock"
        HAND = "hand", "a tap"

    shop = models.ForeignKey(Shop, models.PROTECT, default=1, editable=False)
    stage = models.CharField(max_length=20, unique=True, choices=stages.worked_choices)
    name = models.CharField(max_length=40)
    works_on = models.CharField(
        max_length=5,
        choices=Unit,
        default=Unit.ORDER,
        help_text="Stations of pizzas come first: an order goes on as a whole once all its pizzas have left them.",
    )
    kind = models.CharField(
        max_length=5,
        choices=Kind,
        default=Kind.SLOTS,
        help_text="On a belt nothing waits for a place, only for the time between two loadings.",
    )
    capacity = models.PositiveIntegerField(
        "places",
        validators=[MinValueValidator(1), MaxValueValidator(1000)],
        help_text="How many pizzas, or orders, at once. A belt has no such limit.",
    )
    headway_seconds = models.FloatField(
        "time between loadings",
        default=60,
        validators=[finite, MinValueValidator(0), MaxValueValidator(MAX_SERVICE_SECONDS)],
        help_text="Of a belt, in kitchen seconds. What goes in comes out after the mean, all in the same time.",
    )
    # until when the belt takes nothing else; kitchen.flow is the only writer
    busy_until = models.DateTimeField(null=True, editable=False)
    ends_by = models.CharField(
        "work ends by",
        max_length=5,
        choices=EndsBy,
        default=EndsBy.CLOCK,
        db_default=EndsBy.CLOCK,
        help_text="The clock ends work when its time is over. A tap: it lasts until somebody says that it is done.",
    )
    goes_on_after_times = models.FloatField(
        "goes on by itself after",
        null=True,
        blank=True,
        validators=[finite, MinValueValidator(1), MaxValueValidator(MOST_TIMES)],
        help_text="Where a tap ends the work: so many times the mean later it counts as done without one, as people "
        "forget to tap in a rush. Empty: never.",
    )
    is_open = models.BooleanField(
        "open", default=True, help_text="A closed station finishes what it has and begins nothing new."
    )
    distribution = models.CharField("service-time distribution", max_length=20, choices=distributions.choices())
    mean_seconds = models.FloatField(
        validators=[finite, MinValueValidator(LEAST_SERVICE_SECONDS), MaxValueValidator(MAX_SERVICE_SECONDS)],
        help_text="Kitchen seconds.",
    )
    spread_seconds = models.FloatField(
        default=0,
        validators=[finite, MinValueValidator(0), MaxValueValidator(MAX_SERVICE_SECONDS)],
        help_text="Standard deviation in kitchen seconds. Fixed has none; exponential's is its mean.",
    )
    parameters = models.JSONField(
        "own parameters", default=dict, blank=True, help_text="Of the distribution, besides mean and spread."
    )
    per_pizza = models.BooleanField(default=False, help_text="The time is for each pizza, not for the order.")
    as_measured = models.BooleanField(
        "forecast as measured",
        default=False,
        help_text="Promises and the planner use the times that were measured here, not those that are set. It turns "
        "itself on once enough work was measured, and off when you set the times.",
    )
    # why it is off, because people want that; blank: it turns itself on once enough work was seen (promises.measure)
    measured_off_reason = models.CharField(
        max_length=MOST_REASON, blank=True, default="", db_default="", editable=False
    )
    # since when it is on: what was promised before was forecast with other times, and teaches nothing
    as_measured_since = models.DateTimeField(null=True, editable=False)
    # when work here last began to take another time, and when that was noticed: what was promised meanwhile teaches
    # nothing of the forecasts since
    measured_changed_at = models.DateTimeField(null=True, editable=False)
    measured_noticed_at = models.DateTimeField(null=True, editable=False)
    # measured from the event log, in kitchen seconds; null until enough work was seen (promises.measure)
    measured_distribution = models.CharField(max_length=20, blank=True, editable=False)
    measured_mean_seconds = models.FloatField(null=True, editable=False)
    measured_spread_seconds = models.FloatField(null=True, editable=False)
    measured_samples = models.PositiveIntegerField(default=0, editable=False)
    # the part of the spread that the pizzas of an order have in common; null likewise
    measured_shared_seconds = models.FloatField(null=True, editable=False)
    # by how many seconds works took longer than is possible by what is expected, rising; null: none did
    measured_late_seconds = models.JSONField(null=True, editable=False)

    # The shop's columns, where a query joined them (kitchen.locks)
    speed: float
    shop_is_open: bool
    hands_over: bool
    # Counted behind the kitchen's lock (kitchen.locks)
    taken: int  # of its capacity; where there is much room, at most so many (kitchen.bounds)
    has_line: bool

    objects = StationManager()

    class Meta:
        constraints = [
            models.CheckConstraint(name="station_has_a_place", condition=models.Q(capacity__gte=1)),
            models.CheckConstraint(name="station_mean_above_zero", condition=models.Q(mean_seconds__gt=0)),
            models.CheckConstraint(name="station_spread_not_negative", condition=models.Q(spread_seconds__gte=0)),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_of_items(self) -> bool:
        return self.works_on == self.Unit.ITEM

    @property
    def is_belt(self) -> bool:
        return self.kind == self.Kind.BELT

    @property
    def is_by_hand(self) -> bool:
        """Whether work here ends with a tap. Of the counter the shop says so. Only for stations read with the shop."""
        return not self.hands_over if self.stage == stages.READY else self.ends_by == self.EndsBy.HAND

    @property
    def leaves_overdue(self) -> bool:
        """Whether nothing but a tap ends work here, however long it takes. Likewise."""
        return self.is_by_hand and self.goes_on_after_times is None

    @property
    def is_taken(self) -> bool:
        """Whether work here also begins with a tap: a driver takes the order along. Likewise."""
        return self.is_by_hand and stages.BY_CODE[self.stage].is_taken

    def with_shop(self) -> "Station":
        """Fill the shop's columns from a query that joined it."""
        self.speed, self.shop_is_open, self.hands_over = self.shop.speed, self.shop.is_open, self.shop.hands_over
        return self

    def clean(self) -> None:
        """Stretch parameters with a mean of their own, such as low and high, to this one; they give the spread."""
        entry = distributions.DISTRIBUTIONS.get(self.distribution)
        if entry is None:
            return
        try:
            self.parameters = entry.read_own(Fields(self.parameters, dialect=OWN_PARAMETERS), MOST_VALUES)
            if not self._has_possible_moments():  # the columns' own validators say so
                return
            self.drawn.one(Random(self.stage))
        except SpecError as error:
            raise ValidationError({"parameters": str(error)}) from None
        except ValueError as error:
            raise ValidationError({_column_of(error): str(error)}) from None
        takes = entry.form_with(self.parameters).names
        if "cv" in takes and self.spread_seconds > MOST_CV * self.mean_seconds:
            raise ValidationError({"spread_seconds": "The spread must be at most ten times the mean."})
        if self.parameters and "cv" not in takes:
            self.spread_seconds = self.drawn.variance**0.5

    def _has_possible_moments(self) -> bool:
        moments = ((LEAST_SERVICE_SECONDS, self.mean_seconds), (0, self.spread_seconds))
        return all(value is not None and least <= value <= MAX_SERVICE_SECONDS for least, value in moments)

    @property
    def drawn(self) -> distributions.Distribution:
        """The distribution of the service times. ValueError if its values are not valid."""
        return distributions.build(self.distribution, self.mean_seconds, self.spread_seconds, self.parameters)

    @property
    def expected(self) -> tuple[str, float, float, dict[str, Any]]:
        """(distribution, mean, spread, own parameters) for looking ahead.

        They are as measured, if staff want that and enough work was seen; otherwise as set. A belt never varies.
        """
        if self.is_belt:
            return "fixed", self.mean_seconds, 0.0, {}
        if self.uses_measured and self.measured_mean_seconds is not None and self.measured_spread_seconds is not None:
            return self.measured_distribution, self.measured_mean_seconds, self.measured_spread_seconds, {}
        return self.distribution, self.mean_seconds, self.spread_seconds, self.parameters

    @property
    def uses_measured(self) -> bool:
        """Whether what is expected is what was measured."""
        return self.as_measured and self.measured_mean_seconds is not None and not self.is_belt

    def service_seconds(self, key: str, pizzas: int) -> float:
        """Return how long the work on an order or an item takes here, in kitchen seconds; the same on each call."""
        if self.is_belt:
            return self.mean_seconds
        return distributions.draw(self.drawn, order_id=key, stage=self.stage, pizzas=self.pieces(pizzas))

    def wall_seconds(self, key: str, pizzas: int) -> float:
        """Return the same in wall seconds. Only for stations that were read with the shop's speed."""
        return self.service_seconds(key, pizzas) / self.speed

    def assumed_seconds(self, pizzas: int) -> float | None:
        """Return after how long work that nobody has ended counts as done, in wall seconds, likewise; None: never."""
        if self.goes_on_after_times is None:
            return None
        return self.goes_on_after_times * self.mean_seconds * self.pieces(pizzas) / self.speed

    def loading_seconds(self, pizzas: int) -> float:
        """Return for how long a belt takes nothing else, in wall seconds, likewise."""
        return self.headway_seconds * self.pieces(pizzas) / self.speed

    def pieces(self, pizzas: int) -> int:
        return pizzas if self.per_pizza else 1


def _column_of(error: ValueError) -> str:
    """Return the column of a station that a distribution's error is about."""
    parameter = error.parameter if isinstance(error, distributions.Impossible) else "cv"
    return {"mean": "mean_seconds", "cv": "spread_seconds"}.get(parameter, "parameters")


class Unchangeable(Exception):
    """Raised on any attempt to change the ledger, which is append-only."""


def refuse_change(*args: Any, **kwargs: Any) -> NoReturn:
    raise Unchangeable("The ledger of promises is append-only.")


class LedgerRows(models.QuerySet[Any]):
    update = bulk_update = delete = refuse_change


class LedgerRow(models.Model):
    """A row that is written once. It has no foreign key to its order: deleting an order leaves the ledger whole."""

    objects = LedgerRows.as_manager()

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            refuse_change()
        # Otherwise a new row with an old key would overwrite the old one.
        super().save(*args, **{**kwargs, "force_insert": True})

    delete = refuse_change


class Promise(LedgerRow):
    """The interval that a customer was given when the order was placed, in kitchen seconds after `at`."""

    order_pk = models.BigIntegerField(unique=True)
    at = models.DateTimeField()
    speed = models.FloatField()
    pizzas = models.PositiveSmallIntegerField()
    way = models.CharField(max_length=10, choices=stages.ways, default=stages.DELIVERY)  # what it is about
    open_orders = models.PositiveIntegerField()  # already in the kitchen: the load
    simulated = models.BooleanField()
    low_seconds = models.FloatField()
    median_seconds = models.FloatField()
    high_seconds = models.FloatField()
    # the same before the correction, which is learned from these
    model_low_seconds = models.FloatField()
    model_median_seconds = models.FloatField()
    model_high_seconds = models.FloatField()

    @property
    def model(self) -> tuple[float, float, float]:
        return self.model_low_seconds, self.model_median_seconds, self.model_high_seconds

    @property
    def times(self) -> tuple[datetime, datetime, datetime]:
        """(low, median, high) in wall time."""
        low, median, high = (
            self.at + timedelta(seconds=seconds / self.speed)
            for seconds in (self.low_seconds, self.median_seconds, self.high_seconds)
        )
        return low, median, high

    def __str__(self) -> str:
        return f"{self.low_seconds:.0f} to {self.high_seconds:.0f} s for order {self.order_pk}"


class Outcome(LedgerRow):
    """The outcome of a promise. For an order that was cancelled or deleted there is nothing to keep."""

    promise = models.OneToOneField(Promise, models.PROTECT, related_name="outcome")
    at = models.DateTimeField(db_index=True)
    simulated = models.BooleanField()  # copied from the promise
    # kitchen seconds from the order until it was at the door or ready to collect; null if it never was
    seconds = models.FloatField(null=True)
    kept = models.BooleanField(null=True)  # that was within the promised interval; null likewise
    # a person intervened, or the clock was turned: nothing to learn from
    intervened = models.BooleanField()
    # the clock was turned while the order was open: the kitchen neither kept nor broke that promise
    retimed = models.BooleanField(default=False, db_default=False)

    class Meta:
        indexes = [models.Index(name="newest_outcomes", fields=["simulated", "-id"])]
        constraints = [
            models.CheckConstraint(
                name="kept_if_it_came",
                condition=models.Q(seconds__isnull=True, kept__isnull=True)
                | models.Q(seconds__isnull=False, kept__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.promise_id}: {self.kept}"


class LedgerDay(models.Model):
    """The sums of a day of the ledger, of real orders or of simulated ones. kitchen.promises.days is the only writer.

    Promises count on the day on which they were given, outcomes on that on which they came.
    """

    day = models.DateField()
    simulated = models.BooleanField()
    given = models.PositiveIntegerField(default=0)  # promises
    kept = models.PositiveIntegerField(default=0)
    broken = models.PositiveIntegerField(default=0)
    not_judged = models.PositiveIntegerField(default=0)  # it never came, or the clock was turned
    # of those that were kept or broken
    width_seconds = models.FloatField(default=0)
    error_seconds = models.FloatField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(name="one_ledger_day", fields=["day", "simulated"])]

    def __str__(self) -> str:
        return f"{self.day}{', simulated' if self.simulated else ''}"


class Study(models.Model):
    """A what-if study of the planner. Its plan and seed can be run again, whatever becomes of the shop."""

    class Status(models.TextChoices):
        RUNNING = "running"
        DONE = "done"
        CANCELLED = "cancelled"
        FAILED = "failed"

    made_at = models.DateTimeField(default=timezone.now)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    title = models.CharField(max_length=80)
    request = models.JSONField()  # what the person asked for, to fill the form again
    plan = models.JSONField()  # the same in full (kitchen.planner.scenarios.Plan)
    status = models.CharField(max_length=10, choices=Status, default=Status.RUNNING)
    ended_at = models.DateTimeField(null=True)
    answer = models.JSONField(null=True)  # kitchen.planner.answer, once it is there

    class Meta:
        verbose_name_plural = "studies"
        ordering = ["-pk"]
        indexes = [models.Index(name="running_studies", fields=["id"], condition=models.Q(status="running"))]

    def __str__(self) -> str:
        return self.title


class StudyPart(models.Model):
    """The part of a study that one worker does at once (kitchen.planner.Piece), and its result."""

    study = models.ForeignKey(Study, models.CASCADE, related_name="parts")
    key = models.CharField(max_length=80)
    crew = models.JSONField(default=list)  # capacity of each station; empty: the study's scenarios
    first_block = models.PositiveIntegerField()
    blocks = models.PositiveIntegerField()
    sent_at = models.DateTimeField(null=True)  # when it was last sent to a worker; again after a long silence
    figures = models.BinaryField(null=True)  # kitchen.planner.parts.pack, once it is done

    class Meta:
        constraints = [models.UniqueConstraint(name="one_part_a_key", fields=["study", "key"])]

    def __str__(self) -> str:
        return f"{self.study_id} {self.key}"
