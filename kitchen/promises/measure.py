"""Measure service times from the event log, and fit a distribution to those of each station.

Only work without intervention counts, from its `started` to the next event of the same pizza or order, if that is the
kitchen's own or a tap that ended it, since the speed was last changed. What is done with one pizza does not spoil its
siblings' times. One that is made again counts no more, like all that a person has touched: its times would be drawn as
they were before. Nor does work that nobody ended, or whose end was undone: nobody knows how long it took.

Orders go on drawing their times from the distribution as set: this is for looking ahead.
"""

from datetime import datetime, timedelta
from typing import Any

from django.db.models import DateTimeField, Exists, ExpressionWrapper, F, OuterRef, Q, Subquery

from home import live
from home.models import OrderEvent
from kitchen import as_measured, flow, outlook, stages
from kitchen.models import Shop, Station
from simulation.works.fitting import MOST_SAMPLES, Fit, Sample, change_noticed, fit_distribution, newest_alike
from simulation.works.overdue import lateness_of
from simulation.works.service import longest

EVENTS_READ = 20_000  # the newest: enough for MOST_SAMPLES at each station, while the log grows for ever
UNDOABLE = timedelta(seconds=flow.UNDO_SECONDS)
NATURAL = ("joined", "started", "delivered", "done")  # the way of an order on which nobody intervenes
LATE = ("overran", "assumed")  # and what happens on it where people forget to tap


def renew() -> None:
    """Measure every station, and write what has changed. Where enough was seen, promises use it from now on."""
    shop = Shop.objects.get()
    newest = OrderEvent.objects.order_by("-pk").first()
    if newest is None:
        return
    turned_on = False
    after_pk = max(newest.pk - EVENTS_READ, of_another_speed(shop))
    for station in Station.objects.exclude(stage=stages.READY):  # at the counter nobody works
        turned_on |= measure(station, shop, newest, after_pk)
    if turned_on:
        outlook.stations.forget()
        live.announce_kitchen()


def of_another_speed(shop: Shop) -> int:
    """Return the newest event of another speed whose time does not say so, as the clock was set back since; 0: none.

    Where the speed is older than the moment to which the clock was set back, the times tell.
    """
    since = OrderEvent.objects.filter(pk__gt=shop.clock_event).order_by("pk").first() if shop.clock_event else None
    return shop.clock_event if since is not None and shop.speed_since >= since.at else 0


def measure(station: Station, shop: Shop, newest: OrderEvent, after_pk: int) -> bool:
    """Measure a station, and write what has changed; return whether promises begin to use it."""
    works = read(station, shop.speed_since, shop.speed, after_pk)
    # All that is on a belt takes the same time, but it can be stuck.
    alike = [] if station.is_belt else newest_alike(works, station.per_pizza)
    fit = fit_distribution(alike, station.per_pizza)
    was_measured = station.measured_mean_seconds is not None
    before = station.measured_mean_seconds if station.uses_measured else None
    changed_at = change_noticed(works, alike, before, fit.mean_seconds) if fit else None
    changes: dict[str, Any] = note(station, figures(fit, len(alike)))
    if changed_at is not None:
        changes |= {"measured_changed_at": changed_at, "measured_noticed_at": newest.at}
    is_new = False
    if fit is not None and not station.as_measured:
        is_new = as_measured.turn_on(station, newest.at)
    elif fit is not None and not was_measured:  # with another speed it was forgotten, or people were early
        is_new = True
        changes["as_measured_since"] = newest.at
    station.as_measured |= is_new
    changes |= note(station, {"late_seconds": late_seconds(station, works)})
    if changes:
        # Bypass `save`: no lock is held, and boards need not hear of it.
        Station.objects.filter(pk=station.pk).update(**changes)
    return is_new


def figures(fit: Fit | None, works: int) -> dict[str, Any]:
    if fit is None:
        return {"distribution": "", "mean_seconds": None, "spread_seconds": None, "shared_seconds": None, "samples": 0}
    return {**fit._asdict(), "samples": works}


def late_seconds(station: Station, works: list[Sample]) -> list[float] | None:
    """Return by how many seconds works took longer than is possible by what is expected; None if none did."""
    service = outlook.service_time(station)
    late = lateness_of([(work.seconds, longest(service, service.pieces(work.pizzas))) for work in works])
    return [round(seconds, 1) for seconds in late] or None


def note(station: Station, measured: dict[str, Any]) -> dict[str, Any]:
    """Set what was measured; return what has changed, by column."""
    found = {f"measured_{name}": value for name, value in measured.items()}
    changes = {name: value for name, value in found.items() if getattr(station, name) != value}
    for name, value in changes.items():
        setattr(station, name, value)
    return changes


def read(station: Station, since: datetime, speed: float, after_pk: int) -> list[Sample]:
    """Return the newest work of a station in which nobody intervened, at most MOST_SAMPLES, the newest last."""
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
    newest = rows.order_by("-pk")[:MOST_SAMPLES].values_list("at", "ended", "order__pizzas", "order")
    return [
        Sample(1, (ended - at).total_seconds() * speed, order, at)  # a pizza, with whose it is
        if station.is_of_items
        else Sample(pizzas, (ended - at).total_seconds() * speed, began=at)
        for at, ended, pizzas, order in reversed(newest)
    ]
