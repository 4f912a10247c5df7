"""Measure service times from the event log, and fit a distribution to those of each station.

Only work without intervention counts, from its `started` to the next event of the same pizza or order, if that is the
kitchen's own or a tap that ended it, since the speed was last changed. What is done with one pizza does not spoil its
siblings' times. One that is made again counts no more, like all that a person has touched: its times would be drawn as
they were before. Nor does work that nobody ended, or whose end was undone: nobody knows how long it took.

Orders go on drawing their times from the distribution as set: this is for looking ahead.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from math import sqrt
from typing import NamedTuple

from django.db.models import DateTimeField, Exists, ExpressionWrapper, F, Max, OuterRef, Q, Subquery

from home import live
from home.models import OrderEvent
from kitchen import as_measured, flow, outlook, stages
from kitchen.models import Shop, Station

LEAST_SAMPLES = 50
MOST_SAMPLES = 100  # the newest: after a change of the kitchen the figures are right again as soon
EVENTS_READ = 20_000  # the newest: enough for MOST_SAMPLES at each station, while the log grows for ever
UNDOABLE = timedelta(seconds=flow.UNDO_SECONDS)
FIXED_CV = 0.01  # a spread below this share of the mean is the clock's, not the work's
NATURAL = ("joined", "started", "delivered", "done")  # the way of an order on which nobody intervenes
LATE = ("overran", "assumed")  # and what happens on it where people forget to tap


class Sample(NamedTuple):
    pizzas: int
    seconds: float  # kitchen seconds


class Fit(NamedTuple):
    """A distribution of simulation.distributions, by its moments, for one pizza or one order."""

    distribution: str
    mean_seconds: float
    spread_seconds: float


def renew() -> None:
    """Measure every station, and write what has changed. Where enough was seen, promises use it from now on."""
    shop = Shop.objects.get()
    newest = OrderEvent.objects.aggregate(pk=Max("pk"))["pk"] or 0
    turned_on = False
    for station in Station.objects.exclude(stage=stages.READY):  # at the counter nobody works
        fit = measure(station, shop, newest - EVENTS_READ)
        turned_on |= fit and not station.as_measured and as_measured.turn_on(station)
    if turned_on:
        outlook.stations.forget()
        live.announce_kitchen()


def measure(station: Station, shop: Shop, after_pk: int) -> bool:
    """Measure a station, and write what has changed; return whether enough work was seen.

    All that is on a belt takes the same time: there is nothing to measure.
    """
    samples = [] if station.is_belt else read(station, shop.speed_since, shop.speed, after_pk)
    fit = fit_distribution(samples, station.per_pizza)
    if fit is None:
        figures = {"distribution": "", "mean_seconds": None, "spread_seconds": None, "samples": 0}
    else:
        figures = {**fit._asdict(), "samples": len(samples)}
    changes = {f"measured_{name}": value for name, value in figures.items()}
    if any(getattr(station, name) != value for name, value in changes.items()):
        # Bypass `save`: no lock is held, and boards need not hear of it.
        Station.objects.filter(pk=station.pk).update(**changes)
    return fit is not None


def read(station: Station, since: datetime, speed: float, after_pk: int) -> list[Sample]:
    """Return the newest work of a station in which nobody intervened, at most MOST_SAMPLES."""
    same = OrderEvent.objects.filter(order=OuterRef("order"))
    if station.is_of_items:
        same = same.filter(Q(item=OuterRef("item")) | Q(item=None))
    later = same.filter(seq__gt=OuterRef("seq"))  # of an order, all: a pizza that is taken back ends its work
    after = later.exclude(event=OrderEvent.Event.OVERRAN).order_by("seq")
    undone = later.filter(event=OrderEvent.Event.UNDONE, at__gte=OuterRef("ended"), at__lte=OuterRef("undoable_until"))
    if not station.is_of_items:
        same = same.filter(item=None)
    by_hand = same.filter(seq__lt=OuterRef("seq")).exclude(event__in=NATURAL + LATE)
    rows = OrderEvent.objects.filter(pk__gt=after_pk, stage=station.stage, event=OrderEvent.Event.STARTED)
    rows = rows.filter(at__gte=since, item__isnull=not station.is_of_items)
    rows = rows.annotate(ended=Subquery(after.values("at")[:1]), ending=Subquery(after.values("event")[:1]))
    rows = rows.annotate(undoable_until=ExpressionWrapper(F("ended") + UNDOABLE, DateTimeField()))
    rows = rows.filter(~Exists(by_hand), ~Q(Exists(undone), ending="done"), ending__in=NATURAL)
    newest = rows.order_by("-pk")[:MOST_SAMPLES]
    return [
        Sample(1 if station.is_of_items else pizzas, (ended - at).total_seconds() * speed)
        for at, ended, pizzas in newest.values_list("at", "ended", "order__pizzas")
    ]


def fit_distribution(samples: Sequence[Sample], per_pizza: bool) -> Fit | None:
    """Return the distribution with the moments of the work; None if too little was seen.

    Per pizza the work on n is a sum of n: means, variances and third moments add up, so each is its sum over all
    samples, divided by all pizzas. Of lognormal and gamma, the one whose skewness (3 cv + cv³ and 2 cv) is nearer.
    """
    if len(samples) < LEAST_SAMPLES:
        return None
    counts = [sample.pizzas if per_pizza else 1 for sample in samples]
    number = sum(counts)
    mean = sum(sample.seconds for sample in samples) / number
    if mean <= 0:
        return None
    errors = [sample.seconds - count * mean for sample, count in zip(samples, counts, strict=True)]
    spread = sqrt(sum(error**2 for error in errors) / number)
    cv = spread / mean
    if cv < FIXED_CV:
        return Fit("fixed", mean, 0.0)
    skewness = sum(error**3 for error in errors) / number / spread**3
    skewness_of = {"lognormal": 3 * cv + cv**3, "gamma": 2 * cv}
    code = min(skewness_of, key=lambda name: abs(skewness - skewness_of[name]))
    return Fit(code, mean, spread)
