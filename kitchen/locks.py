"""The kitchen's one lock, and what `flow` reads behind it.

The lock is the shop's row. Every verb takes it in its first statement and reads everything else, also the time, in the
next ones: on PostgreSQL a statement that waited sees the row that it waited for as it is now, but all other rows,
and the clock, as they were before the wait. On SQLite `BEGIN IMMEDIATE` is the lock.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from home.models import EVENT_ROWS, ORDER_ROWS, Order
from home.rows import Rows
from kitchen import stages
from kitchen.models import Station

Clock = Callable[[], datetime]

HELD_SECONDS = 2.0  # if the clock goes back by up to this, the log stands still; more is a fault of the clock

NEVER = datetime.min.replace(tzinfo=UTC)

_STATION_ROWS = Rows(Station)
_LOCK = "SELECT id FROM kitchen_shop WHERE id = 1 FOR NO KEY UPDATE"
_FROM = "FROM kitchen_shop shop JOIN kitchen_station ON kitchen_station.shop_id = shop.id"
_STATIONS = f"SELECT {_STATION_ROWS.columns}, shop.speed, shop.is_open {_FROM} WHERE kitchen_station.stage IN ({{}})"

# Read behind the lock: the stations, what is counted there, and an order. The stages are literals in it, so that
# both databases see that the partial indexes of home.Order serve these queries.
_MOMENT = {"postgresql": "clock_timestamp()"}.get(connection.vendor, "NULL")
_LATEST = "(SELECT at FROM home_orderevent ORDER BY id DESC LIMIT 1)"
_WORKED = f"home_order.stage IN {stages.literal(stages.WORKED)}"
_WAITING = f"home_order.started_at IS NULL AND NOT home_order.held AND {_WORKED}"
_HERE = "FROM home_order WHERE home_order.stage = kitchen_station.stage AND"
_COUNTED = f"""shop.speed, shop.is_open, {_MOMENT}, {_LATEST},
    (SELECT count(*) {_HERE} home_order.due_at IS NOT NULL AND {_WORKED}), EXISTS (SELECT 1 {_HERE} {_WAITING})"""
_BEHIND_LOCK = f"""
    SELECT {_STATION_ROWS.columns}, {_COUNTED}{{order}}
    {_FROM} {{join}} WHERE kitchen_station.stage IN ({{codes}})"""
_ORDER, _JOIN_ORDER = f", {ORDER_ROWS.columns}", "LEFT JOIN home_order ON home_order.id = %s"
_STATION_END = len(_STATION_ROWS.attributes)
_COUNTED_END = _STATION_END + 6
_LINE = f"""
    SELECT {ORDER_ROWS.columns} FROM home_order WHERE home_order.stage = %s AND {_WAITING}
    ORDER BY home_order.rushed DESC, home_order.joined_at, home_order.id LIMIT %s"""


@contextmanager
def lock_kitchen(clock: Clock | None = None) -> Iterator["Kitchen"]:
    """Open a transaction that has the kitchen to itself. `clock` replaces the database's own, for tests."""
    with transaction.atomic():
        if connection.features.has_select_for_update:
            with connection.cursor() as cursor:
                cursor.execute(_LOCK)
        yield Kitchen(clock)


@dataclass
class Kitchen:
    """The kitchen behind its lock. Nobody else can change it, so what was read and counted stays true."""

    clock: Clock | None
    now: datetime = NEVER
    speed: float = 1.0
    shop_is_open: bool = False
    stations: dict[str, Station] = field(default_factory=dict)
    begun: list[Order] = field(default_factory=list)  # orders that need a chain once this is committed

    def read(self, *codes: str) -> None:
        """Read the time and the stations of these stages (of all, if none is named) in one statement."""
        self._read(codes)

    def read_order(self, pk: int, *codes: str) -> Order:
        """Do the same, and read an order in the same statement. Order.DoesNotExist if there is none."""
        values = self._read(codes, pk)
        if values is None:
            raise Order.DoesNotExist(f"There is no order {pk}.")
        return ORDER_ROWS.instance(values)

    def next_in_line(self, station: Station) -> list[Order]:
        """Return the orders that can begin at a station now: as many from its line as it has free places.

        Rushed orders come first, then by `joined_at`, then by id. A closed station begins nothing.
        """
        free = station.capacity - station.taken if station.is_open else 0
        return ORDER_ROWS.read(_LINE, [station.stage, free]) if free > 0 and station.has_line else []

    def begin_chain(self, order: Order) -> None:
        """Note that the work of an order has begun, and when it will be done by the clock of this process."""
        assert order.due_at is not None, "only work that has begun has a chain"
        order.due_monotonic = time.monotonic() + (order.due_at - self.now).total_seconds()
        self.begun.append(order)

    def _read(self, codes: Sequence[str], pk: int | None = None) -> Sequence[Any] | None:
        """Read everything; return the values of the order, if one was asked for and exists."""
        wanted = [code for code in codes if code in stages.WORKED] or stages.WORKED
        order, join, values = ("", "", []) if pk is None else (_ORDER, _JOIN_ORDER, [pk])
        sql = _BEHIND_LOCK.format(order=order, join=join, codes=_placeholders(wanted))
        with connection.cursor() as cursor:
            cursor.execute(sql, [*values, *wanted])
            rows = cursor.fetchall()
        self.stations = _by_stage((self._station(row) for row in rows), wanted)
        self.speed, self.shop_is_open, moment, latest = rows[0][_STATION_END : _STATION_END + 4]
        self.now = not_before(EVENT_ROWS.convert("at", latest), self.clock() if self.clock else read_clock(moment))
        return rows[0][_COUNTED_END:] if pk is not None and rows[0][_COUNTED_END] is not None else None

    def _station(self, row: Sequence[Any]) -> Station:
        station = _STATION_ROWS.instance(row[:_STATION_END])
        station.speed, station.shop_is_open, _, _, station.taken, station.has_line = row[_STATION_END:_COUNTED_END]
        return station


def read_clock(told: datetime | None) -> datetime:
    """Return the time by the database's clock, on which all machines agree. SQLite has none: use the process's own."""
    return timezone.now() if told is None else told


def not_before(latest: datetime | None, moment: datetime) -> datetime:
    """Return the moment, or the latest one of the log if the clock went back behind it by at most HELD_SECONDS."""
    if latest is not None and moment < latest <= moment + timedelta(seconds=HELD_SECONDS):
        return latest
    return moment


def read_stations(*codes: str) -> dict[str, Station]:
    """Return these stages' stations with the shop's speed, without the lock: enough to tell how long work takes."""
    if not codes:
        return {}
    sql = _STATIONS.format(_placeholders(codes))
    return _by_stage(_STATION_ROWS.read(sql, codes, also=("speed", "shop_is_open")), codes)


def _placeholders(values: Sequence[Any]) -> str:
    return ", ".join(["%s"] * len(values))


def _by_stage(stations: Iterable[Station], codes: Sequence[str]) -> dict[str, Station]:
    """Return the stations in the order of the codes. Station.DoesNotExist if one is missing."""
    found = {station.stage: station for station in stations}
    for code in codes:
        if code not in found:
            raise Station.DoesNotExist(f"Stage “{code}” has no station. Run migrate.")
    return {code: found[code] for code in codes}
