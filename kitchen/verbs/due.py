"""What is due in the kitchen, as the database says: links need not come for it."""

from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from home.models import EVENT_ROWS, Order
from kitchen import stages
from kitchen.locks import OPEN_ITEM, OPEN_ORDER, Kitchen, Work, read_stations
from kitchen.models import Station
from kitchen.verbs.links import EARLY_SECONDS

# The stages are literals, as in kitchen.locks: the indexes of what is open serve each of these.
_ITEM = f"FROM home_orderitem WHERE stage = '{{stage}}' AND {OPEN_ITEM}"
_ORDER = f"FROM home_order WHERE stage = '{{stage}}' AND {OPEN_ORDER}"
_OF_SOME = "SELECT {pk} FROM (SELECT {pk} {rows} AND due_at <= %s ORDER BY due_at LIMIT %s) AS due"
_SOONEST = "SELECT min(due_at) {rows}"


def read_due(kitchen: Kitchen, most: int) -> list[Work]:
    """Read the works that are due, with their orders: at each station the first so many, at least."""
    until = kitchen.now + timedelta(seconds=EARLY_SECONDS)
    stations = kitchen.stations.values()
    sql = " UNION ALL ".join(
        _OF_SOME.format(pk="order_id" if station.is_of_items else "id", rows=rows_at(station)) for station in stations
    )
    moment = connection.ops.adapt_datetimefield_value(until)
    orders = kitchen.read_with_items(f"({sql})", [moment, most] * len(stations))
    left = {station.stage for station in stations if station.leaves_overdue}

    def is_due(work: Work) -> bool:
        return work.due_at is not None and work.due_at <= until and not (work.overdue and work.stage in left)

    return [work for order in orders for work in works_of(order) if is_due(work)]


def works_of(order: Order) -> list[Work]:
    return [order, *order.parts]


def soonest() -> datetime | None:
    """Return when the next work is due, without the lock; None if nothing is under way that ends by itself."""
    sql = " UNION ALL ".join(
        _SOONEST.format(rows=rows_at(station)) for station in read_stations(*stages.WORKED).values()
    )
    with connection.cursor() as cursor:
        cursor.execute(sql)
        found: list[Any] = [moment for (moment,) in cursor.fetchall() if moment is not None]
    return EVENT_ROWS.convert("at", min(found)) if found else None


def rows_at(station: Station) -> str:
    """Return the rows of works at a station, those left out that only a tap will end."""
    rows = (_ITEM if station.is_of_items else _ORDER).format(stage=station.stage)
    return f"{rows} AND NOT overdue" if station.leaves_overdue else rows
