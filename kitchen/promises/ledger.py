"""The ledger of promises: what customers were told, and how it turned out. Rows are added, never changed."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from math import sqrt
from typing import Any

from django.db.models import BooleanField, F, Func, Q, QuerySet
from django.db.models.functions import Coalesce
from django.dispatch import receiver
from django.utils import timezone

from home.models import Order, OrderEvent
from home.rows import Rows
from kitchen import stages
from kitchen.as_measured import Teaching
from kitchen.flow import order_placed
from kitchen.models import Outcome, Promise, Shop
from kitchen.promises import days
from kitchen.promises.measure import NATURAL
from kitchen.promises.state import unfulfilled
from simulation import calibration

SHOWN = 500  # the newest outcomes, on the page
SHOWN_DAYS = 30
BATCH = 500  # outcomes added at once, at most
BLOCK = 50  # orders per point of the chart
LOADS = ("Calm", "Busy", "Rush")
# A person can undo their action for a moment (flow.undo): only after it is the order really there, or cancelled.
SETTLED_SECONDS = 15.0
LESSONS_READ = 4 * calibration.WINDOW  # outcomes of both ways: enough for one that every fourth order takes
PROMISE_ROWS = Rows(Promise)
MODEL = ("model_low_seconds", "model_median_seconds", "model_high_seconds")

Lesson = tuple[calibration.Interval, float]  # what the model said, what came


# Writing


@receiver(order_placed)
def write_down(order: Order, promise: Promise | None, **kwargs: Any) -> None:
    """Add the promise, in the transaction that places the order."""
    if promise is None:
        return
    promise.order_pk = order.pk
    promise.simulated = order.simulated
    PROMISE_ROWS.insert(promise)


def settle(now: datetime) -> int:
    """Add outcomes of promises that are fulfilled or can't be, at most a batch; return how many. Safe to repeat."""
    shop = Shop.objects.get()
    waiting = Promise.objects.filter(pk__gt=shop.settled, outcome__isnull=True)
    promises = {order_pk: pk for order_pk, pk in waiting.values_list("order_pk", "pk")}
    ended = promises.keys() - set(unfulfilled().values_list("pk", flat=True)) if promises else set()
    rows = outcomes(sorted(ended)[:BATCH], now, shop.speed_since)
    if rows:
        Outcome.objects.bulk_create(rows, ignore_conflicts=True)
    left = set(promises.values()) - {row.promise_id for row in rows}
    # Up to this mark all are settled. A promise is years older than SETTLED_SECONDS by the time a later one is.
    mark = min(left) - 1 if left else max(promises.values(), default=0)
    if mark > shop.settled:
        Shop.objects.filter(settled__lt=mark).update(settled=mark)
    return len(rows)


def outcomes(order_pks: Collection[int], now: datetime, speed_since: datetime) -> list[Outcome]:
    """Build the outcomes of orders that are really there, or cancelled. Not saved.

    A person's action is final after SETTLED_SECONDS. An order to collect is there once it is ready: what is done with
    it at the counter is no intervention, and if it is made again later, it was still ready then.
    """
    if not order_pks:
        return []
    orders = Order.objects.in_bulk(list(order_pks))
    by_hand: set[Any] = set(interventions(order_pks).values_list("order", flat=True).distinct())
    stretched: set[Any] = set(stretched_with_the_clock(order_pks).values_list("order", flat=True).distinct())
    fresh: set[Any] = set(lately_by_people(order_pks, now).values_list("order", flat=True).distinct())
    rows = []
    for promise in Promise.objects.filter(order_pk__in=order_pks):
        order = orders.get(promise.order_pk)
        if order is None or (is_there(order) and order.pk not in fresh):
            row = outcome(promise, order, now)
            row.retimed = promise.order_pk in stretched or promise.at < speed_since <= row.at
            row.intervened = order is None or order.pk in by_hand or row.retimed
            rows.append(row)
    return rows


def interventions(order_pks: Collection[int]) -> QuerySet[OrderEvent]:
    """Return what people did with these orders, or with one of their pizzas, other than to end its work.

    An order that only counts as there, because nobody has tapped, is among them.
    """
    events = until_ready(order_pks).exclude(event__in=(*NATURAL, OrderEvent.Event.OVERRAN))
    events = events.annotate(fulfilled_at=Coalesce("order__ready_at", "order__delivered_at"))
    return events.exclude(event=OrderEvent.Event.ASSUMED, at__lt=F("fulfilled_at"))


def stretched_with_the_clock(order_pks: Collection[int]) -> QuerySet[OrderEvent]:
    """Return where the clock was turned, or set back, while these orders were open; it can have been again since."""
    return until_ready(order_pks).filter(event=OrderEvent.Event.RETIMED)


def lately_by_people(order_pks: Collection[int], now: datetime) -> QuerySet[OrderEvent]:
    """Return what people did with these orders a moment ago: they can still undo it.

    What lies ahead was done before the clock was set back.
    """
    moment = timedelta(seconds=SETTLED_SECONDS)
    return until_ready(order_pks).filter(by_person=True, at__gt=now - moment, at__lt=now + moment)


def until_ready(order_pks: Collection[int]) -> QuerySet[OrderEvent]:
    """Return the events of these orders up to when they were ready, or all of those that are not collected."""
    events = OrderEvent.objects.filter(order__in=order_pks)
    return events.filter(Q(order__ready_at=None) | Q(at__lte=F("order__ready_at")))


def is_there(order: Order) -> bool:
    return order.stage in stages.ENDED or order.stage == order.route.fulfilled


def outcome(promise: Promise, order: Order | None, now: datetime) -> Outcome:
    row = Outcome(promise=promise, at=now, simulated=promise.simulated)
    if order is not None and order.fulfilled_at is not None:
        low, _, high = promise.times
        row.at = order.fulfilled_at
        row.seconds = (order.fulfilled_at - promise.at).total_seconds() * promise.speed
        row.kept = low <= order.fulfilled_at <= high
    return row


# Learning


def lessons(speed: float, teaching: Mapping[str, Teaching] | None = None) -> dict[str, list[Lesson]]:
    """Return by way what the model said and what came, for the newest outcomes without intervention at this speed.

    Each way has its own: drivers who are slower than they were are nothing to those who collect.
    teaching: by way, which of them count; all without it.
    """
    columns = ("promise__way", "promise__at", "at", "promise__speed", "intervened", "seconds")
    rows = Outcome.objects.order_by("-pk").values_list(*columns, *(f"promise__{name}" for name in MODEL))
    found: dict[str, list[Lesson]] = {}
    for way, promised_at, at, its_speed, intervened, seconds, low, median, high in rows[:LESSONS_READ]:
        those = found.setdefault(way, [])
        counts = not intervened and its_speed == speed
        counts = counts and (teaching is None or teaching[way].includes(promised_at, at))
        if seconds is not None and counts and len(those) < calibration.WINDOW:
            those.append(((low, median, high), seconds))
    return found


# Showing


def judged(simulated: bool) -> QuerySet[Outcome]:
    """Return the outcomes that count: the order came, and nobody turned the clock meanwhile."""
    return came(simulated).filter(retimed=False)


def came(simulated: bool) -> QuerySet[Outcome]:
    """Return the outcomes of orders that came.

    The kind is a literal in the SQL, and compared: of Django's own `NOT simulated` SQLite sees no index, and of a
    parameter PostgreSQL does not know how rare it is.
    """
    is_kind = Func(F("simulated"), template=f"%(expressions)s = {simulated!s}", output_field=BooleanField())
    rows: QuerySet[Outcome] = Outcome.objects.filter(is_kind, kept__isnull=False)
    return rows


def newest(simulated: bool) -> list[Outcome]:
    """Return the newest SHOWN outcomes that count, the latest first."""
    return list(judged(simulated).order_by("-pk").select_related("promise")[:SHOWN])


def beside(simulated: bool, rows: Sequence[Outcome]) -> int:
    """Return how many orders came among these and don't count, because the clock was turned while they were open."""
    retimed = came(simulated).filter(retimed=True)
    if len(rows) == SHOWN:
        retimed = retimed.filter(pk__gt=rows[-1].pk)
    return int(retimed.count())


def figures(rows: Iterable[Outcome]) -> dict[str, Any] | None:
    """Sum up how many were kept, how wide they were and how far off, in kitchen minutes. None without rows."""
    rows = list(rows)
    if not rows:
        return None
    kept = sum(bool(row.kept) for row in rows)
    widths = [row.promise.high_seconds - row.promise.low_seconds for row in rows]
    errors = [abs((row.seconds or 0.0) - row.promise.median_seconds) for row in rows]
    return describe(len(rows), kept, sum(widths) / len(rows), sum(errors) / len(rows))


def describe(number: int, kept: int, width_seconds: float, error_seconds: float) -> dict[str, Any]:
    low, high = wilson(kept, number)
    return {
        "orders": number,
        "kept": kept,
        "percent": 100 * kept / number,
        "percent_low": 100 * low,
        "percent_high": 100 * high,
        "width_minutes": width_seconds / 60,
        "error_minutes": error_seconds / 60,
    }


def wilson(kept: int, number: int) -> tuple[float, float]:
    """Return the 95 % confidence interval of a share (Wilson 1927), right also near 0 and 1, where others are not."""
    z = 1.96
    share, weight = kept / number, 1 + z * z / number
    middle = (share + z * z / (2 * number)) / weight
    half = z * sqrt(share * (1 - share) / number + z * z / (4 * number * number)) / weight
    return max(0.0, middle - half), min(1.0, middle + half)


def in_turn(rows: Iterable[Outcome]) -> list[dict[str, Any]]:
    """Sum up BLOCK rows at a time, the oldest block first; the oldest is left out if it is not full."""
    rows = list(rows)
    blocks = [rows[start : start + BLOCK] for start in range(0, len(rows), BLOCK)]
    if len(blocks) > 1 and len(blocks[-1]) < BLOCK:
        blocks.pop()
    return [{"at": block[0].at, **(figures(block) or {})} for block in reversed(blocks)]


def by_load(rows: Iterable[Outcome]) -> list[dict[str, Any]]:
    """Sum up three thirds: when few orders were in the kitchen, when more were, and when most were."""
    ranked = sorted(rows, key=lambda row: (row.promise.open_orders, row.pk))
    parts = []
    for number, name in enumerate(LOADS):
        third = ranked[number * len(ranked) // len(LOADS) : (number + 1) * len(ranked) // len(LOADS)]
        if third:
            open_orders = [row.promise.open_orders for row in third]
            parts.append({"name": name, "least": min(open_orders), "most": max(open_orders), **(figures(third) or {})})
    return parts


def by_way(rows: Iterable[Outcome]) -> list[dict[str, Any]]:
    """Sum up each way out that was taken, those at the door first."""
    ways: dict[str, list[Outcome]] = {way: [] for way in stages.ROUTES}
    for row in rows:
        ways[row.promise.way].append(row)
    return [
        {"name": stages.ROUTES[way].what.capitalize(), **(figures(those) or {})}
        for way, those in ways.items()
        if those
    ]


def by_hour(rows: Iterable[Outcome]) -> list[dict[str, Any]]:
    """Sum up by the hour of the day (wall) in which the promise was given."""
    hours: dict[int, list[Outcome]] = {}
    for row in rows:
        hours.setdefault(timezone.localtime(row.promise.at).hour, []).append(row)
    return [{"hour": hour, **(figures(hours[hour]) or {})} for hour in sorted(hours)]


def by_day(simulated: bool, now: datetime) -> list[dict[str, Any]]:
    """Sum up each of the last SHOWN_DAYS on which an order came or was ready, the newest last."""
    first = timezone.localtime(now - timedelta(days=SHOWN_DAYS)).date()
    found = sorted((day, sums) for (day, of), sums in days.since(first).items() if of == simulated and sums.judged)
    return [
        {
            "day": day,
            **describe(sums.judged, sums.kept, sums.width_seconds / sums.judged, sums.error_seconds / sums.judged),
        }
        for day, sums in found
    ]
