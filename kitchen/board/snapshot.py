"""What the board shows, as plain dicts. A handful of queries, however many orders there are."""

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, F, OuterRef, Q, Subquery
from django.db.models.functions import TruncMinute

from home.models import Order, OrderEvent
from kitchen import stages
from kitchen.models import Shop, Station

LATELY = 12  # orders that have left the kitchen, for a second thought
# An order is late when it is older than so many times the work on it, and due soon a little before.
LATE_AFTER_TIMES, SOON_AFTER_TIMES = 3.0, 2.25
HISTORY_MINUTES = 60
TO_BE_MADE = ("received", "baking")  # stages whose pizzas are counted in the kitchen's list; later they are made
OLDEST_HOURS = 12  # older orders are not in the chart: the index on created_at finds the others quickly


def snapshot() -> dict[str, Any]:
    """The whole board. Orders in no particular order: the line's rule is in their fields."""
    ended = Order.objects.filter(stage__in=stages.ENDED).order_by("-pk")[:LATELY]
    return {"orders": open_orders(), "lately": [order.payload() for order in ended], **settings()}


def open_orders() -> list[dict[str, Any]]:
    return [order.payload() for order in Order.objects.open().order_by("pk")]


def settings() -> dict[str, Any]:
    """Two queries."""
    return {
        "stations": [station_dict(station) for station in Station.objects.all()],
        "shop": shop_dict(Shop.objects.get()),
    }


def station_dict(station: Station) -> dict[str, Any]:
    return {
        "stage": station.stage,
        "name": station.name,
        "places": station.capacity,
        "is_open": station.is_open,
        "mean_seconds": station.mean_seconds,
        "per_pizza": station.per_pizza,
        "as_measured": station.as_measured,
        "measured": measured_dict(station),
    }


def measured_dict(station: Station) -> dict[str, Any] | None:
    """Kitchen seconds; None until enough work was seen."""
    if station.measured_mean_seconds is None or station.measured_spread_seconds is None:
        return None
    # Rounded: the boards look every few seconds whether anything has changed, and this does with every work.
    return {
        "mean_seconds": float(f"{station.measured_mean_seconds:.2g}"),
        "spread_seconds": float(f"{station.measured_spread_seconds:.1g}"),
        "works": station.measured_samples // 50 * 50,
    }


def shop_dict(shop: Shop) -> dict[str, Any]:
    return {
        "is_open": shop.is_open,
        "speed": shop.speed,
        "demand_per_hour": shop.demand_per_hour,
        "late_after": LATE_AFTER_TIMES,
        "soon_after": SOON_AFTER_TIMES,
    }


def history(now: datetime) -> dict[str, Any]:
    """The last hour, minute by minute: how many orders were in each station, and how many were placed.

    Real and simulated ones apart. The last number of each list is now's.
    """
    until = now.replace(second=0, microsecond=0) + timedelta(minutes=1)
    flows = {simulated: Counter[tuple[int, str, str]]() for simulated in (False, True)}
    for row in _flows(now, until - timedelta(minutes=HISTORY_MINUTES)):
        ago = int((until - row["minute"]).total_seconds() // 60) - 1
        flows[row["order__simulated"]][ago, row["came_from"] or "", row["stage"]] += row["orders"]
    present: dict[bool, Counter[str]] = {False: Counter(), True: Counter()}
    for row in Order.objects.open().order_by().values("stage", "simulated").annotate(orders=Count("pk")):
        present[row["simulated"]][row["stage"]] = row["orders"]
    return {
        "real": _series(flows[False], present[False]),
        "simulated": _series(flows[True], present[True]),
    }


def _flows(now: datetime, since: datetime) -> Any:
    """Per minute, how many orders went from where to where; from nowhere if they were placed. One query."""
    came_from = OrderEvent.objects.filter(order=OuterRef("order"), seq=OuterRef("seq") - 1).values("stage")
    moves = OrderEvent.objects.filter(at__gte=since, order__created_at__gte=now - timedelta(hours=OLDEST_HOURS))
    moves = moves.annotate(minute=TruncMinute("at"), came_from=Subquery(came_from))
    moves = moves.filter(Q(came_from=None) | ~Q(came_from=F("stage")))
    return moves.order_by().values("minute", "came_from", "stage", "order__simulated").annotate(orders=Count("pk"))


def _series(flows: Counter[tuple[int, str, str]], present: Counter[str]) -> dict[str, Any]:
    """From what is there now, back minute by minute: what came is not there yet, what left is there still."""
    there = {stage: present[stage] for stage in stages.WORKED}
    in_station: dict[str, list[int]] = {stage: [] for stage in stages.WORKED}
    placed = []
    for ago in range(HISTORY_MINUTES):
        here = {(came_from, stage): n for (minute, came_from, stage), n in flows.items() if minute == ago}
        for stage in stages.WORKED:
            in_station[stage].append(max(0, there[stage]))
            there[stage] += sum(n * ((came_from == stage) - (to == stage)) for (came_from, to), n in here.items())
        placed.append(sum(n for (came_from, _), n in here.items() if not came_from))
    return {
        "in_station": {stage: numbers[::-1] for stage, numbers in in_station.items()},
        "placed": placed[::-1],
    }
