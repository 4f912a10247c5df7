"""The archive of a shop on SQLite: one more file, beside the shop's own, which so stays small.

It is one file and not one a month: a person's orders are of many months, and one index finds them. It is opened when
somebody asks, as that is seldom. Nothing joins the two files, and no transaction is in both: in WAL mode SQLite makes
none that a power cut could not tear. So rows are put here first, down to the disk, and removed there after.
"""

import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from django.db import DatabaseError, OperationalError, connection

from archive.databases.schema import DEEDS, INDEXES, ORDERS
from archive.databases.statements import Do, Row
from pizzaProj import waits

JSON = ""
LENGTH = "json_array_length"
TABLES = (
    ORDERS.format(moment="TEXT", json="TEXT", collation="", partitioned=""),
    DEEDS.format(partitioned=""),
    *INDEXES,
)
DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
HAS_TABLES = "SELECT 1 FROM sqlite_master WHERE name = 'archive_order'"


def path_beside(database: Path) -> Path:
    """Return where the archive of a database is: db-archive.sqlite3 beside db.sqlite3."""
    return database.with_name(f"{database.stem}-archive{database.suffix}")


def path() -> Path:
    return path_beside(Path(connection.settings_dict["NAME"]))


def ask(sql: str, values: Sequence[Any] = ()) -> list[Row]:
    """Return what the archive says; nothing while there is none, which no question makes."""
    if not path().exists():
        return []
    with opened() as file:
        if file.execute(HAS_TABLES).fetchone() is None:
            return []  # somebody is just making it, or was killed as they did
        return list(file.execute(*adapted(sql, values)).fetchall())


@contextmanager
def writing() -> Iterator[Do]:
    """Yield what writes to the archive. All of it is on the disk at the end, or nothing of it."""
    with opened() as file:
        file.execute("BEGIN IMMEDIATE")
        try:
            for table in TABLES:
                file.execute(table)
            yield lambda sql, values=(): file.execute(*adapted(sql, values)).rowcount
            file.execute("COMMIT")
        except BaseException:
            if file.in_transaction:  # on a full disk SQLite has rolled back by itself
                file.execute("ROLLBACK")
            raise


def prepare(months: Collection[date]) -> None:
    """Do nothing: a month needs no place of its own."""


@contextmanager
def opened() -> Iterator[sqlite3.Connection]:
    """Yield the file, in which errors are Django's: their sentences and retries are those of the shop's own.

    A damaged one can't be had, like one that is away: what is not archived goes on, and the log names the file.
    """
    try:
        with closing(sqlite3.connect(path(), timeout=waits.SQLITE_SECONDS, isolation_level=None)) as file:
            file.execute("PRAGMA journal_mode = WAL")
            file.execute("PRAGMA synchronous = FULL")  # the shop's file gives up rows because they are in this one
            yield file
    except sqlite3.OperationalError as error:
        raise OperationalError(*error.args) from error
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in DAMAGED:
            raise OperationalError(f"{path().name} is damaged: {error}") from None
        raise DatabaseError(*error.args) from error


def adapted(sql: str, values: Sequence[Any]) -> tuple[str, list[Any]]:
    return sql.replace("%s", "?"), [as_stored(value) for value in values]


def as_stored(value: Any) -> Any:
    """Return a moment or a month as text that sorts as they do."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    return value.isoformat() if isinstance(value, date) else value
