"""What is due in the kitchen by the database, whatever links are on their way."""

from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from home.models import EVENT_ROWS, Order
from kitchen import stages
from kitchen.locks import ITEM_WAITS, OPEN_ITEM, OPEN_ORDER, ORDER_WAITS, Kitchen, Work, read_stations
from kitchen.models import Station
from kitchen.verbs.links import EARLY_SECONDS

# The stages are literals, as in kitchen.locks: the indexes of what is open serve each of these.
_ITEM = f"FROM home_orderitem WHERE stage = '{{stage}}' AND {OPEN_ITEM}"
_ORDER = f"FROM home_order WHERE stage = '{{stage}}' AND {OPEN_ORDER}"
_OF_SOME = "SELECT {pk} FROM (SELECT {pk} {rows} AND due_at <= %s ORDER BY due_at LIMIT %s) AS due"
_SOONEST = "SELECT min(due_at) {rows}"
_ITEM_LINE = (
    f"SELECT 1 FROM home_orderitem WHERE home_orderitem.stage = '{{stage}}' AND due_at IS NULL AND {ITEM_WAITS}"
)
_ORDER_LINE = f"SELECT 1 FROM home_order WHERE home_order.stage = '{{stage}}' AND due_at IS NULL AND {ORDER_WAITS}"
_LOADING = "SELECT busy_until FROM kitchen_station WHERE stage = '{stage}' AND EXISTS ({line})"


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
    """Return when the next work or loading is due, without the lock; None if there is none that comes by itself."""
    stations = read_stations(*stages.WORKED).values()
    selects = [_SOONEST.format(rows=rows_at(station)) for station in stations]
    for station in stations:
        if station.is_belt and station.is_open:
            line = (_ITEM_LINE if station.is_of_items else _ORDER_LINE).format(stage=station.stage)
            selects.append(_LOADING.format(stage=station.stage, line=line))
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(selects))
        found: list[Any] = [moment for (moment,) in cursor.fetchall() if moment is not None]
    return EVENT_ROWS.convert("at", min(found)) if found else None


def rows_at(station: Station) -> str:
    """Return the rows of works at a station, those left out that only a tap will end."""
    rows = (_ITEM if station.is_of_items else _ORDER).format(stage=station.stage)
    return f"{rows} AND NOT overdue" if station.leaves_overdue else rows
