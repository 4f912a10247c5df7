"""The stations, and the shop's own settings."""

import math

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from kitchen import service_times, stages

MAX_SPEED = 100_000
MAX_DEMAND = 10_000
MAX_SERVICE_SECONDS = 24 * 3600.0


def finite(value: float) -> None:
    """NaN is neither too small nor too large for the other validators."""
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
    # until when simulated customers have come; null while there are none (kitchen.demand)
    demand_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        verbose_name_plural = "shop"
        constraints = [
            models.CheckConstraint(name="one_shop", condition=models.Q(pk=1)),
            models.CheckConstraint(name="speed_above_zero", condition=models.Q(speed__gt=0)),
        ]

    def __str__(self) -> str:
        return f"The shop, {self.speed:g} x"


class Station(models.Model):
    """Who does a stage's work: how many orders at once, and how long each takes."""

    shop = models.ForeignKey(Shop, models.PROTECT, default=1, editable=False)
    stage = models.CharField(max_length=20, unique=True, choices=[(code, code) for code in stages.WORKED])
    name = models.CharField(max_length=40)
    places = models.PositiveIntegerField(
        validators=[MinValueValidator(1), MaxValueValidator(1000)], help_text="How many orders at once."
    )
    is_open = models.BooleanField(
        "open", default=True, help_text="A closed station finishes what it has and begins nothing new."
    )
    law = models.CharField("service-time law", max_length=20, choices=service_times.CHOICES)
    mean_seconds = models.FloatField(
        validators=[finite, MinValueValidator(0.1), MaxValueValidator(MAX_SERVICE_SECONDS)],
        help_text="Kitchen seconds.",
    )
    spread_seconds = models.FloatField(
        default=0,
        validators=[finite, MinValueValidator(0), MaxValueValidator(MAX_SERVICE_SECONDS)],
        help_text="Standard deviation in kitchen seconds. Fixed has none; exponential's is its mean.",
    )
    per_pizza = models.BooleanField(default=False, help_text="The time is for each pizza, not for the order.")

    # The shop's, where a query brought them along (kitchen.locks)
    speed: float
    shop_is_open: bool

    class Meta:
        ordering = ["pk"]  # the order of the stages, and of the locks
        constraints = [
            models.CheckConstraint(name="station_has_a_place", condition=models.Q(places__gte=1)),
            models.CheckConstraint(name="station_mean_above_zero", condition=models.Q(mean_seconds__gt=0)),
            models.CheckConstraint(name="station_spread_not_negative", condition=models.Q(spread_seconds__gte=0)),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        if self.law == "lognormal" and self.mean_seconds and self.spread_seconds > 10 * self.mean_seconds:
            raise ValidationError({"spread_seconds": "More than ten times the mean is no kitchen we know."})

    def service_seconds(self, order_id: str, pizzas: int) -> float:
        """How long this order's work takes here, in kitchen seconds; the same each time it is asked."""
        return service_times.draw(
            self.law,
            self.mean_seconds,
            self.spread_seconds,
            order_id=order_id,
            stage=self.stage,
            pizzas=pizzas if self.per_pizza else 1,
        )

    def wall_seconds(self, order_id: str, pizzas: int) -> float:
        """The same in seconds of the clock on the wall. For stations that were read with the shop's speed."""
        return self.service_seconds(order_id, pizzas) / self.speed
