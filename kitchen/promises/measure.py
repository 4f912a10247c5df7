"""How long the work takes, from the event log: what the stations' laws would have to be.

Only work that nobody had a hand in counts, from its `started` to the next event of the kitchen's own, since the clock
was last turned. The orders go on drawing their times from the law as set: this is for looking ahead.
"""

from collections.abc import Sequence
from datetime import datetime
from math import sqrt
from typing import NamedTuple

from django.db.models import Exists, F, Max, OuterRef, Subquery

from home.models import OrderEvent
from kitchen.models import Shop, Station

FEWEST_WORKS = 50
MOST_WORKS = 500  # the newest, so that the figures follow the kitchen
LOOKED_OVER = 20_000  # events; so many are enough for MOST_WORKS at each station, and the log grows for ever
FIXED_CV = 0.01  # a spread below so much of the mean is the clock's, not the work's
NATURAL = ("joined", "started", "delivered")


class Work(NamedTuple):
    pizzas: int
    seconds: float  # of the kitchen


class Fit(NamedTuple):
    """A law of simulation.distributions, by its moments, for one pizza or one order."""

    distribution: str
    mean_seconds: float
    spread_seconds: float


def renew() -> None:
    """Measure every station anew; what has not changed is not written."""
    shop = Shop.objects.get()
    newest = OrderEvent.objects.aggregate(pk=Max("pk"))["pk"] or 0
    for station in Station.objects.all():
        works = read(station.stage, shop.speed_since, shop.speed, newest - LOOKED_OVER)
        fit = fit_law(works, station.per_pizza)
        if fit is None:
            figures = {"distribution": "", "mean_seconds": None, "spread_seconds": None, "samples": 0}
        else:
            figures = {**fit._asdict(), "samples": len(works)}
        changes = {f"measured_{name}": value for name, value in figures.items()}
        if any(getattr(station, name) != value for name, value in changes.items()):
            # Past `save`: nothing that the boards show, and no lock is held.
            Station.objects.filter(pk=station.pk).update(**changes)


def read(stage: str, since: datetime, speed: float, after_pk: int) -> list[Work]:
    """The newest untouched work of a station, at most MOST_WORKS."""
    events = OrderEvent.objects.filter(order=OuterRef("order"))
    by_hand = events.filter(seq__lte=OuterRef("seq") + 1).exclude(event__in=NATURAL)
    after = events.filter(seq=OuterRef("seq") + 1)
    rows = OrderEvent.objects.filter(pk__gt=after_pk, stage=stage, event=OrderEvent.Event.STARTED, at__gte=since)
    rows = rows.annotate(ended=Subquery(after.values("at")), pizzas=F("order__pizzas"))
    rows = rows.filter(~Exists(by_hand), ended__isnull=False).order_by("-pk")[:MOST_WORKS]
    return [
        Work(pizzas, (ended - at).total_seconds() * speed)
        for at, ended, pizzas in rows.values_list("at", "ended", "pizzas")
    ]


def fit_law(works: Sequence[Work], per_pizza: bool) -> Fit | None:
    """The law with the moments of the work. None if too little was seen.

    Per pizza the work on n is a sum of n: means, variances and third moments add up, so each is what is seen in all
    works, divided by all pizzas. Of lognormal and gamma the one whose skewness (3 cv + cv³ and 2 cv) is nearer.
    """
    if len(works) < FEWEST_WORKS:
        return None
    counts = [work.pizzas if per_pizza else 1 for work in works]
    number = sum(counts)
    mean = sum(work.seconds for work in works) / number
    if mean <= 0:
        return None
    errors = [work.seconds - count * mean for work, count in zip(works, counts, strict=True)]
    spread = sqrt(sum(error**2 for error in errors) / number)
    cv = spread / mean
    if cv < FIXED_CV:
        return Fit("fixed", mean, 0.0)
    skewness = sum(error**3 for error in errors) / number / spread**3
    skewness_of = {"lognormal": 3 * cv + cv**3, "gamma": 2 * cv}
    law = min(skewness_of, key=lambda name: abs(skewness - skewness_of[name]))
    return Fit(law, mean, spread)
