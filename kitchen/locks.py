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
from functools import partial
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from home.models import EVENT_ROWS, ITEM_ROWS, ORDER_ROWS, Order, OrderEvent, OrderItem
from home.rows import Rows
from kitchen import bounds, changes, counted, outlook, stages
from kitchen.clock import the_databases
from kitchen.incomplete import Incomplete
from kitchen.models import Station
from telemetry import trace

Clock = Callable[[], datetime]
Work = Order | OrderItem  # what can have a place at a station
SetBack = Callable[["Kitchen", timedelta], None]

HELD_SECONDS = 2.0  # if the clock goes back by up to this, the log stands still; by more, everything goes back with it

NEVER = datetime.min.replace(tzinfo=UTC)

_STATION_ROWS = Rows(Station)
_LOCK = "SELECT id FROM kitchen_shop WHERE id = 1 FOR NO KEY UPDATE"
_FROM = "FROM kitchen_shop shop JOIN kitchen_station ON kitchen_station.shop_id = shop.id"
_SHOP = "shop.speed, shop.is_open, shop.hands_over"
_STATIONS = f"SELECT {_STATION_ROWS.columns}, {_SHOP} {_FROM} WHERE kitchen_station.stage IN ({{}})"

# Read behind the lock: the stations, what is counted there, and an order with its items. The stages are literals in
# it, so that both databases see that the partial indexes of home.Order and home.OrderItem serve these queries.
_MOMENT = {"postgresql": "clock_timestamp()"}.get(connection.vendor, "NULL")
_LATEST = "(SELECT at FROM home_orderevent WHERE id > shop.clock_event ORDER BY id DESC LIMIT 1), shop.seen_at"
_WORKED = f"stage IN {stages.literal(stages.WORKED)}"
OPEN_ORDER, OPEN_ITEM = f"home_order.{_WORKED}", f"NOT home_orderitem.is_done AND home_orderitem.{_WORKED}"
ORDER_WAITS = f"home_order.started_at IS NULL AND NOT home_order.held AND {OPEN_ORDER}"
ITEM_WAITS = f"home_orderitem.started_at IS NULL AND NOT home_orderitem.held AND {OPEN_ITEM}"
_ORDERS_HERE = "FROM home_order WHERE home_order.stage = kitchen_station.stage AND"
_ITEMS_HERE = "FROM home_orderitem WHERE home_orderitem.stage = kitchen_station.stage AND"
# In order and no further than matters: PostgreSQL would otherwise expect as many works at each station as there are on
# average, and read the whole table for none. SQLite would not find who waits by `started_at` among those who work.
_AS_FAR = f"ORDER BY due_at{bounds.LIMIT.get(connection.vendor, '')}"
_ITEMS_UNDER_WAY = f"SELECT 1 {_ITEMS_HERE} home_orderitem.due_at IS NOT NULL AND {OPEN_ITEM} {_AS_FAR}"
_ORDERS_UNDER_WAY = f"SELECT 1 {_ORDERS_HERE} home_order.due_at IS NOT NULL AND {OPEN_ORDER} {_AS_FAR}"
_UNDER_WAY = f"""CASE kitchen_station.works_on WHEN 'item'
    THEN (SELECT count(*) FROM ({_ITEMS_UNDER_WAY}) works)
    ELSE (SELECT count(*) FROM ({_ORDERS_UNDER_WAY}) works) END"""
_COUNTED = f"""{_SHOP}, {_MOMENT}, {_LATEST}, log.newest, {bounds.sql(_UNDER_WAY)},
    CASE kitchen_station.works_on WHEN 'item'
        THEN EXISTS (SELECT 1 {_ITEMS_HERE} home_orderitem.due_at IS NULL AND {ITEM_WAITS})
        ELSE EXISTS (SELECT 1 {_ORDERS_HERE} home_order.due_at IS NULL AND {ORDER_WAITS}) END"""
_BEHIND_LOCK = f"""
    SELECT {_STATION_ROWS.columns}, {_COUNTED}{{order}}
    {_FROM} {bounds.LOG} {{join}} WHERE kitchen_station.stage IN ({{codes}})"""
_ORDER = f", {ORDER_ROWS.columns}, {ITEM_ROWS.columns}"
# The items come with the row of one station only.
_JOIN_ORDER = """LEFT JOIN home_order ON home_order.id = %s
    LEFT JOIN home_orderitem ON home_orderitem.order_id = home_order.id AND kitchen_station.stage = %s"""
_STATION_END = len(_STATION_ROWS.attributes)
_COUNTED_END = _STATION_END + 9
_ORDER_END = len(ORDER_ROWS.attributes)
# For kitchen.verbs.batch, too
WITH_ITEMS = f"""
    SELECT {ORDER_ROWS.columns}, {ITEM_ROWS.columns}
    FROM home_order LEFT JOIN home_orderitem ON home_orderitem.order_id = home_order.id WHERE home_order.id IN"""
ORDER_LINE = f"""
    SELECT home_order.id, NULL FROM home_order WHERE home_order.stage = %s AND {ORDER_WAITS}
    ORDER BY home_order.rushed DESC, home_order.joined_at, home_order.id LIMIT %s"""
ITEM_LINE = f"""
    SELECT home_orderitem.order_id, home_orderitem.number FROM home_orderitem
    WHERE home_orderitem.stage = %s AND {ITEM_WAITS}
    ORDER BY home_orderitem.rushed DESC, home_orderitem.joined_at, home_orderitem.order_id, home_orderitem.number
    LIMIT %s"""


@contextmanager
def lock_kitchen(clock: Clock | None = None, when_set_back: SetBack | None = None) -> Iterator["Kitchen"]:
    """Open a transaction that has the kitchen to itself. `clock` replaces the database's own, for tests."""
    with transaction.atomic():
        if connection.features.has_select_for_update:
            with connection.cursor() as cursor:
                cursor.execute(_LOCK)
        yield Kitchen(clock, when_set_back)


@dataclass
class Kitchen:
    """The kitchen behind its lock. Nobody else can change it, so what was read and counted stays true.

    Changes are made to the instances and noted as events; `write` writes what was noted, order by order.
    """

    clock: Clock | None
    when_set_back: "SetBack | None" = None  # what to do first if the clock went back by more than the log can hold
    now: datetime = NEVER
    told: tuple[datetime, float] = (NEVER, 0.0)  # what the clock said, behind which `now` can be ahead, and when
    sign_at: datetime = NEVER  # the last sign of the clock before now
    speed: float = 1.0
    shop_is_open: bool = False
    stations: dict[str, Station] = field(default_factory=dict)
    orders: dict[int, Order] = field(default_factory=dict)  # each is one instance, however often it is read
    events: dict[int, list[OrderEvent]] = field(default_factory=dict)  # to be written, by order
    begun: list[Work] = field(default_factory=list)  # works that need a chain once this is committed
    unseated: dict[str, Station] = field(default_factory=dict)  # with room and, perhaps, a line
    awaited: dict[str, Station] = field(default_factory=dict)  # belts whose next loading somebody waits for
    occupied: dict[str, Station] = field(default_factory=dict)  # belts whose `busy_until` is to be written
    late_seconds: float | None = None  # how late the link came whose work ends with the next event

    def read(self, *codes: str) -> None:
        """Read the time and the stations of these stages (of all, if none is named) in one statement."""
        self._read(codes)

    def read_order(self, pk: int, *codes: str) -> Order:
        """Do the same, and read an order with its items in the same statement. Order.DoesNotExist if there is none."""
        rows = [row for row in self._read(codes, pk) if row[0] is not None]
        if not rows:
            raise Order.DoesNotExist(f"There is no order {pk}.")
        return self._remember(rows)[0]

    def read_orders(self, pks: Iterable[int]) -> list[Order]:
        """Read several orders with their items; those that were read already are as they are by now."""
        wanted = [pk for pk in dict.fromkeys(pks) if pk not in self.orders]
        if wanted:
            self.read_with_items(f"({_placeholders(wanted)})", wanted)
        return [self.orders[pk] for pk in dict.fromkeys(pks) if pk in self.orders]

    def read_with_items(self, pks: str, values: Sequence[Any]) -> list[Order]:
        """Read the orders whose ids this SQL gives, with their items; likewise."""
        with connection.cursor() as cursor:
            cursor.execute(f"{WITH_ITEMS} {pks}", values)
            return self._remember(cursor.fetchall())

    def next_in_line(self, station: Station, most: int) -> list[Work]:
        """Return the works that are the next to begin at a station, at most so many.

        Rushed ones come first, then by `joined_at`, then by the order's id and the item's number.
        """
        if most <= 0 or not station.has_line:
            return []
        self.write()  # the line is read from the database
        with connection.cursor() as cursor:
            cursor.execute(ITEM_LINE if station.is_of_items else ORDER_LINE, [station.stage, most])
            found = cursor.fetchall()
        self.read_orders(pk for pk, _ in found)
        return [self.orders[pk] if number is None else self.orders[pk].item(number) for pk, number in found]

    def is_of_items(self, stage: str) -> bool:
        """Return whether the station of a stage works on items."""
        return stage in self.stations and self.stations[stage].is_of_items

    def first_of_orders(self, order: Order) -> str:
        """Return the stage from which an order goes on as a whole. All stations must have been read."""
        return next(stage for stage in order.route.stages if not self.is_of_items(stage))

    def occupy(self, station: Station, until: datetime) -> None:
        """Let a belt take nothing else until a moment."""
        station.busy_until = until
        self.occupied[station.stage] = station

    def begin_chain(self, work: Work) -> None:
        """Note that a work has begun, and when it will be done by the clock of this process."""
        assert work.due_at is not None, "only work that has begun has a chain"
        work.due_monotonic = self.monotonic(work.due_at)
        if work not in self.begun:
            self.begun.append(work)

    def monotonic(self, moment: datetime) -> float:
        """Return what the clock of this process will say at a moment."""
        told, answered = self.told
        return answered + (moment - told).total_seconds()

    def note(self, event: OrderEvent) -> None:
        """Note an event of an order that was read or has just been made."""
        event.late_seconds, self.late_seconds = self.late_seconds, None
        self.orders.setdefault(event.order_id, event.order)
        self.events.setdefault(event.order_id, []).append(event)

    def write(self) -> None:
        """Write what was noted: for each order its events, its own state and that of the items that changed."""
        noted, self.events = self.events, {}
        for pk, events in noted.items():
            order = self.orders[pk]
            changed = [item for item in order.parts if item.has_changed]
            # before it is announced
            transaction.on_commit(partial(changes.tell, events, trace.present()), robust=True)
            stage_before = order.stage_read
            self.save(order, events, changed)
            counted.after_commit(counted.changed, events, stage_before)
        self.write_belts()

    def write_belts(self) -> None:
        occupied, self.occupied = self.occupied, {}
        for station in occupied.values():
            _STATION_ROWS.update(station, ("busy_until",))

    def save(self, order: Order, events: Sequence[OrderEvent], items: Sequence[OrderItem]) -> None:
        """Write an order's state, that of these items, and its events."""
        order.save_state(events, items)

    def _read(self, codes: Sequence[str], pk: int | None = None) -> list[Sequence[Any]]:
        """Read everything; return the rows of the order and its items, if one was asked for.

        If the clock is found to have been set back, that is dealt with first, and everything is read again.
        """
        rows = self._read_as_it_is(codes, pk)
        back = self.sign_at - self.now
        if self.when_set_back is None or back <= timedelta(seconds=HELD_SECONDS):
            return rows
        deal_with, self.when_set_back = self.when_set_back, None
        deal_with(self, back)
        return self._read_as_it_is(codes, pk)

    def _read_as_it_is(self, codes: Sequence[str], pk: int | None) -> list[Sequence[Any]]:
        wanted = [code for code in codes if code in stages.WORKED] or stages.WORKED
        order, join = ("", "") if pk is None else (_ORDER, _JOIN_ORDER)
        values: list[Any] = [] if pk is None else [pk, wanted[-1]]
        sql = _BEHIND_LOCK.format(order=order, join=join, codes=_placeholders(wanted))
        with connection.cursor() as cursor:
            asked = time.monotonic()
            cursor.execute(sql, [*bounds.bounds.values(), *values, *wanted])
            rows = cursor.fetchall()
            answered = time.monotonic()
        stations = {row[0]: row for row in rows}
        self.stations = _by_stage((self._station(row) for row in stations.values()), wanted)
        self._count(rows[0][_COUNTED_END - 3])
        outlook.stations.remember(self.stations)
        self.speed, self.shop_is_open, _, moment, *signs = rows[0][_STATION_END : _STATION_END + 6]
        latest, seen_at = (EVENT_ROWS.convert("at", sign) for sign in signs)
        if self.clock is None and moment is not None:
            the_databases.note(moment, asked, answered)
        self.sign_at = max(latest or NEVER, seen_at or NEVER)
        read = self.clock() if self.clock else read_clock(moment)
        self.told = read, answered
        self.now = not_before(latest, read)
        return [] if pk is None else [row[_COUNTED_END:] for row in rows]

    def _station(self, row: Sequence[Any]) -> Station:
        station = _STATION_ROWS.instance(row[:_STATION_END])
        station.speed, station.shop_is_open, station.hands_over = row[_STATION_END : _STATION_END + 3]
        station.taken, station.has_line = row[_COUNTED_END - 2 : _COUNTED_END]
        return station

    def count(self, station: Station) -> None:
        """Count all works at a station, which has got more places than when it was read."""
        works = (OrderItem if station.is_of_items else Order).objects.working()
        station.taken = works.filter(stage=station.stage).count()

    def _count(self, newest: int | None) -> None:
        counted = {stage: station.taken for stage, station in self.stations.items()}
        capacities = {stage: station.capacity for stage, station in self.stations.items()}
        for stage, taken in bounds.bounds.taken(newest, counted, capacities).items():
            self.stations[stage].taken = taken

    def _remember(self, rows: Iterable[Sequence[Any]]) -> list[Order]:
        """Make orders of rows that hold an order and one of its items each (or none)."""
        found: dict[int, Order] = {}
        items: dict[int, dict[int, OrderItem]] = {}
        for row in rows:
            pk = row[0]
            if pk not in found:
                found[pk] = self.orders.setdefault(pk, ORDER_ROWS.instance(row[:_ORDER_END]))
                items[pk] = {}
            if row[_ORDER_END] is not None and row[_ORDER_END] not in items[pk]:
                items[pk][row[_ORDER_END]] = ITEM_ROWS.instance(row[_ORDER_END:])
        for pk, order in found.items():
            if "parts" not in order.__dict__:
                order.parts = sorted(items[pk].values(), key=lambda item: item.number)
                for item in order.parts:
                    item.order = order
        return list(found.values())


def read_clock(told: datetime | None) -> datetime:
    """Return the time by the database's clock, on which all machines agree. SQLite has none: use the process's own."""
    return timezone.now() if told is None else told


def not_before(latest: datetime | None, moment: datetime) -> datetime:
    """Return the moment, or the latest one of the log if the clock went back behind it by at most HELD_SECONDS."""
    if latest is not None and moment < latest <= moment + timedelta(seconds=HELD_SECONDS):
        return latest
    return moment


def read_stations(*codes: str) -> dict[str, Station]:
    """Return these stages' stations with the shop's columns, without the lock: enough to tell how long work takes."""
    if not codes:
        return {}
    sql = _STATIONS.format(_placeholders(codes))
    return _by_stage(_STATION_ROWS.read(sql, codes, also=("speed", "shop_is_open", "hands_over")), codes)


def _placeholders(values: Sequence[Any]) -> str:
    return ", ".join(["%s"] * len(values))


def _by_stage(stations: Iterable[Station], codes: Sequence[str]) -> dict[str, Station]:
    """Return the stations in the order of the codes. Incomplete if one is missing."""
    found = {station.stage: station for station in stations}
    for code in codes:
        if code not in found:
            raise Incomplete(f"The kitchen is incomplete: there is no {stages.BY_CODE[code].station.lower()}.")
    return {code: found[code] for code in codes}
