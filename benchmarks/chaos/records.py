"""Read the shop's tables by plain SQL: what the audit believes. Imports nothing of the shop, on purpose.

Tables and columns are named here as the database has them, so that a mistake of the shop's own code can't hide.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import psycopg

ENDED = ("delivered", "cancelled")
CONNECT_SECONDS = 3
STATEMENT_SECONDS = 30


class Row(NamedTuple):
    """One event of the log."""

    order: int
    seq: int
    item: int | None
    stage: str
    event: str
    at: datetime
    order_stage: str = ""


@dataclass(frozen=True)
class Item:
    """A pizza of an order."""

    number: int
    stage: str
    is_done: bool

    @property
    def is_struck(self) -> bool:
        """Return whether it was cancelled by itself, not with its order."""
        return self.is_done and self.stage == "cancelled"


@dataclass(frozen=True)
class Ordered:
    """An order as it stands in its row, with its pizzas and its part of the log."""

    pk: int
    order_id: str
    stage: str
    way: str
    seq: int
    pizzas: int
    is_held: bool
    items: list[Item] = field(default_factory=list)
    log: list[Row] = field(default_factory=list)


@dataclass(frozen=True)
class Limits:
    """What the stations can do: how many at once, or how often, and whether they work on items."""

    capacity: dict[str, int]  # the largest that each station with places had
    headway_seconds: dict[str, float]  # of belts, on the wall
    of_items: frozenset[str]
    by_hand: frozenset[str] = frozenset()  # stages whose work ends with a tap, during the whole of the log


def connect(where: str) -> Any:
    """Open a database by its URL, or the path of an SQLite file, to read it."""
    if where.startswith(("postgres://", "postgresql://")):
        patience = f"-c statement_timeout={STATEMENT_SECONDS}s"
        return psycopg.connect(where, connect_timeout=CONNECT_SECONDS, options=patience, autocommit=True)
    path = Path(where.removeprefix("sqlite:///")).resolve()
    return sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=STATEMENT_SECONDS)


@contextmanager
def snapshot(where: str) -> Iterator[Any]:
    """Open a database so that all reads see one state of it, also while the shop goes on."""
    database = connect(where)
    is_sqlite = isinstance(database, sqlite3.Connection)
    database.execute("BEGIN" if is_sqlite else "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    try:
        yield database
    finally:
        database.close()


def select(database: Any, statement: str) -> list[tuple[Any, ...]]:
    cursor = database.cursor()
    try:
        cursor.execute(statement)
        return list(cursor.fetchall())
    finally:
        cursor.close()


def moment(value: Any) -> datetime:
    """Return a time as it is, or as SQLite keeps it: a text in UTC."""
    at = datetime.fromisoformat(value) if isinstance(value, str) else value
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def read_log(database: Any) -> list[Row]:
    """Return the events of all orders in the order in which they were written."""
    columns = "order_id, seq, item, stage, event, at, order_stage"
    rows = select(database, f"SELECT {columns} FROM home_orderevent ORDER BY id")
    return [Row(order, seq, item, stage, event, moment(at), last) for order, seq, item, stage, event, at, last in rows]


def read_orders(database: Any, log: Iterable[Row]) -> list[Ordered]:
    """Return every order with its pizzas and its part of the log."""
    events, items = defaultdict(list), defaultdict(list)
    for row in sorted(log, key=lambda row: row[:2]):
        events[row.order].append(row)
    statement = "SELECT order_id, number, stage, is_done FROM home_orderitem ORDER BY order_id, number"
    for order, number, stage, is_done in select(database, statement):
        items[order].append(Item(number, stage, bool(is_done)))
    columns = "id, order_id, stage, way, seq, pizzas, held"
    return [
        Ordered(pk, order_id, stage, way, seq, pizzas, bool(held), items[pk], events[pk])
        for pk, order_id, stage, way, seq, pizzas, held in select(
            database, f"SELECT {columns} FROM home_order ORDER BY id"
        )
    ]


def read_limits(database: Any) -> Limits:
    """Return what the stations can do now. The audit is right only if that was not changed meanwhile."""
    ((speed,),) = select(database, "SELECT speed FROM kitchen_shop")
    columns = "stage, kind, capacity, headway_seconds, works_on, ends_by"
    stations = select(database, f"SELECT {columns} FROM kitchen_station")
    return Limits(
        capacity={stage: capacity for stage, kind, capacity, *_ in stations if kind != "belt"},
        headway_seconds={stage: headway / speed for stage, kind, _, headway, *_ in stations if kind == "belt"},
        of_items=frozenset(stage for stage, *_, works_on, _ in stations if works_on == "item"),
        by_hand=frozenset(stage for stage, *_, ends_by in stations if ends_by == "hand"),
    )


# How things stand, for a run that waits


def open_orders(database: Any) -> list[str]:
    """Return the orders that are neither delivered nor cancelled."""
    return [
        order_id for (order_id,) in select(database, f"SELECT order_id FROM home_order WHERE stage NOT IN {ENDED}")
    ]


def late_works(database: Any, seconds: float, now: datetime | None = None) -> int:
    """Count the orders, and the pizzas, whose work should have ended so long ago."""
    border = (now or datetime.now(UTC)) - timedelta(seconds=seconds)
    open_work = f"due_at IS NOT NULL AND stage NOT IN {ENDED}"
    rows = select(
        database,
        f"SELECT due_at FROM home_order WHERE {open_work} "
        f"UNION ALL SELECT due_at FROM home_orderitem WHERE {open_work} AND NOT is_done",
    )
    return sum(moment(due_at) < border for (due_at,) in rows)
