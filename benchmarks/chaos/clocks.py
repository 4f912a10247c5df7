"""Clocks that are wrong: the whole shop's set back or forward by an hour, or that of one worker.

Seen from the shop it is the same whether its clocks go back by an hour, or whatever it has written down moves an hour
ahead. The second leaves this machine's clock alone. One worker can have a clock of its own (see traveller.py).
"""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path

import psycopg
from psycopg import sql

from benchmarks.chaos import traveller
from benchmarks.chaos.faults import Fault
from benchmarks.chaos.parts import Part
from benchmarks.chaos.records import moment, select
from benchmarks.chaos.shops import Shop

HOUR = timedelta(hours=1)
OFF = (timedelta(seconds=5), timedelta(seconds=-5), HOUR, -HOUR)
# The shop's row comes first: its lock keeps every verb out until all is written.
TABLES = (
    *("kitchen_shop", "home_order", "home_orderitem", "home_orderevent", "kitchen_station"),
    *("django_celery_beat_periodictask", "django_celery_beat_periodictasks"),
)


def faults(shop: Shop) -> list[Fault]:
    """Return what can be wrong with a shop's clocks."""
    back, forward = partial(move, shop.database, HOUR), partial(move, shop.database, -HOUR)
    found = [
        Fault("all clocks an hour back", partial(at_once, back), is_a_moment=True),
        Fault("all clocks an hour forward", partial(at_once, forward), is_a_moment=True),
        Fault("an hour back while closed", partial(while_closed, shop, back), is_the_door=True, is_a_moment=True),
    ]
    workers = [part for part in shop.parts if part.name == "worker-2"]
    apart = [(part, off) for part in workers for off in OFF]
    return found + [Fault(f"{part.name}, {words(off)}", partial(off_by, shop, part, off)) for part, off in apart]


def words(off: timedelta) -> str:
    return f"{abs(off.total_seconds()):g} s {'ahead' if off > timedelta(0) else 'behind'}"


# The whole shop's


@contextmanager
def at_once(act: Callable[[], None]) -> Iterator[None]:
    act()
    yield


@contextmanager
def while_closed(shop: Shop, act: Callable[[], None]) -> Iterator[None]:
    shop.close_ours()
    act()
    shop.open_ours()
    yield


def move(where: str, by: timedelta) -> None:
    """Move every moment that the shop has stored, in one transaction."""
    if where.startswith("postgres"):
        move_in_postgresql(where, by)
    else:
        move_in_sqlite(where, by)


def move_in_postgresql(where: str, by: timedelta) -> None:
    with psycopg.connect(where) as database:
        for table in TABLES:
            named = "SELECT column_name FROM information_schema.columns WHERE table_name = %s AND data_type LIKE %s"
            for (column,) in database.execute(named, [table, "timestamp%"]).fetchall():
                names = {"table": sql.Identifier(table), "column": sql.Identifier(column), "by": sql.Literal(by)}
                database.execute(sql.SQL("UPDATE {table} SET {column} = {column} + {by}").format(**names))


def move_in_sqlite(where: str, by: timedelta) -> None:
    database = sqlite3.connect(where, timeout=30, isolation_level=None)
    database.create_function("moved", 1, lambda text: text and str(moment(text) + by).removesuffix("+00:00"))
    database.execute("BEGIN IMMEDIATE")
    for table in TABLES:
        for _, column, kind, *_ in select(database, f"PRAGMA table_info({table})"):
            if kind == "datetime":
                database.execute(f"UPDATE {table} SET {column} = moved({column})")
    database.execute("COMMIT")
    database.close()


# One worker's


@contextmanager
def off_by(shop: Shop, part: Part, off: timedelta) -> Iterator[None]:
    """Start a worker again with a clock that is off, and with the right one at the end."""
    start_again(shop, part, travelling(shop.folder, off))
    try:
        yield
    finally:
        start_again(shop, part, {})


def start_again(shop: Shop, part: Part, environment: dict[str, str]) -> None:
    part.stop()
    part.environment = environment
    shop.start(part)


def travelling(folder: Path, off: timedelta) -> dict[str, str]:
    """Return the environment of a Python process whose clock is off."""
    home = folder / "travelling"
    home.mkdir(exist_ok=True)
    shutil.copy(traveller.__file__, home / "sitecustomize.py")
    return {"PYTHONPATH": str(home), "TRAVEL_SECONDS": str(off.total_seconds())}
