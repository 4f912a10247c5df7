"""What the database knows of the kitchen at the moment: open orders, their pizzas, lines and places.

A few statements, over open orders only, however many there ever were.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Min, Q
from prometheus_client.core import Metric

from home.models import Order, OrderItem
from kitchen import clock, stages
from kitchen.models import Shop, Station
from operations.metrics.families import gauge

STAGE, WAY, STATE = ("stage",), ("stage", "way"), ("stage", "state")
IN_LINE, AT_WORK, ON_HOLD = "in_line", "at_work", "on_hold"


@dataclass(frozen=True)
class Group:
    """Works at the same stage."""

    stage: str
    overdue: bool
    number: int
    working: int
    held: int
    oldest_due_at: datetime | None
    way: str = ""  # of orders


def read() -> Iterator[Metric]:
    stations = {station.stage: station for station in Station.objects.all()}
    orders = list(groups(Order.objects.open(), "stage", "way", "overdue"))
    items = list(groups(OrderItem.objects.cooking(), "stage", "overdue"))
    yield from shop()
    yield from numbers(orders, items)
    works = [*(group for group in items if is_of_items(stations, group.stage))]
    works += [group for group in orders if not is_of_items(stations, group.stage)]
    yield from at_stations(stations, works)
    yield oldest(stations, works, clock.now())


def groups(works: Any, *columns: str) -> Iterator[Group]:
    figures = {
        "number": Count("pk"),
        "working": Count("pk", filter=Q(due_at__isnull=False)),
        "held_ones": Count("pk", filter=Q(held=True)),
        "oldest_due_at": Min("due_at"),
    }
    for row in works.order_by().values(*columns).annotate(**figures):
        yield Group(held=row.pop("held_ones"), **row)


def is_of_items(stations: dict[str, Station], stage: str) -> bool:
    return stage in stations and stations[stage].is_of_items


def shop() -> Iterator[Metric]:
    row = Shop.objects.values("is_open", "speed").first()
    values = {} if row is None else {(): float(row["is_open"])}
    yield gauge("shop_open", "Whether the shop takes orders.", (), values)
    speeds = {} if row is None else {(): row["speed"]}
    yield gauge("shop_speed", "Kitchen seconds per second on the wall.", (), speeds)


def numbers(orders: list[Group], items: list[Group]) -> Iterator[Metric]:
    every = [(stage, way) for way, route in stages.ROUTES.items() for stage in route.stages if stage in stages.WORKED]
    of_orders = Counter[tuple[str, ...]](dict.fromkeys(every, 0))
    of_items = Counter[tuple[str, ...]]({(stage,): 0 for stage in stages.WORKED})
    for group in orders:
        of_orders[group.stage, group.way] += group.number
    for group in items:
        of_items[group.stage,] += group.number
    yield gauge("shop_orders_open", "Open orders, by the stage of their least advanced pizza.", WAY, of_orders)
    yield gauge("shop_items_open", "Pizzas at the stations that work on pizzas.", STAGE, of_items)


def at_stations(stations: dict[str, Station], works: list[Group]) -> Iterator[Metric]:
    states = [(stage, state) for stage in stations for state in (IN_LINE, AT_WORK, ON_HOLD)]
    found, overdue = Counter[tuple[str, ...]](dict.fromkeys(states, 0)), Counter[tuple[str, ...]]()
    overdue.update({(stage,): 0 for stage in stations})
    for group in works:
        found[group.stage, IN_LINE] += group.number - group.working - group.held
        found[group.stage, AT_WORK] += group.working
        found[group.stage, ON_HOLD] += group.held
        overdue[group.stage,] += group.number if group.overdue else 0
    yield gauge("shop_station_works", "Pizzas or orders, whichever a station works on.", STATE, found)
    yield gauge("shop_station_overdue", "Works that a person ends and that take longer than usual.", STAGE, overdue)
    capacity = {(stage,): float(one.capacity) for stage, one in stations.items()}
    yield gauge("shop_station_capacity", "Places; a belt has no such limit.", STAGE, capacity)
    is_open = {(stage,): float(one.is_open) for stage, one in stations.items()}
    yield gauge("shop_station_open", "Whether a station begins new work.", STAGE, is_open)


def oldest(stations: dict[str, Station], works: list[Group], now: datetime) -> Metric:
    """Say how long the clock has owed the end of a work; what only a tap ends is owed by nobody."""
    due = [group.oldest_due_at for group in works if group.oldest_due_at and not is_left(stations, group)]
    seconds = max(0.0, (now - min(due)).total_seconds()) if due else 0.0
    help = "How long the oldest work is overdue whose end the clock owes, in seconds on the wall."
    return gauge("shop_oldest_overdue_seconds", help, (), {(): seconds})


def is_left(stations: dict[str, Station], group: Group) -> bool:
    station = stations.get(group.stage)
    return station is not None and group.overdue and station.is_by_hand and station.goes_on_after_times is None
