"""The archive of a shop on PostgreSQL: two tables of the shop's database, with a partition for each month.

A month that is no longer kept goes in one statement, and leaves no holes.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Any

from django.db import connection, transaction

from archive import months as calendar
from archive.databases.schema import DEEDS, INDEXES, ORDERS
from archive.databases.statements import Do, Row

JSON = "::jsonb"
LENGTH = "jsonb_array_length"
MONTHLY = " PARTITION BY RANGE (month)"
TABLES = (
    ORDERS.format(moment="timestamptz", json="jsonb", collation=' COLLATE "C"', partitioned=MONTHLY),
    DEEDS.format(partitioned=MONTHLY),
    *INDEXES,
)
PARENTS = ("archive_order", "archive_deed")
PARTITIONS = """
    SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
    WHERE inhparent = 'archive_order'::regclass ORDER BY relname"""


def ask(sql: str, values: Sequence[Any] = ()) -> list[Row]:
    with connection.cursor() as cursor:
        cursor.execute(sql, list(values))
        return list(cursor.fetchall())


@contextmanager
def writing() -> Iterator[Do]:
    """Yield what writes to the archive, in the transaction that is under way or in one of its own."""
    with transaction.atomic(), connection.cursor() as cursor:

        def do(sql: str, values: Sequence[Any] = ()) -> int:
            cursor.execute(sql, list(values))
            return int(cursor.rowcount)

        yield do


def prepare(months: Collection[date]) -> None:
    """Make the partitions of these months, where there are none. Of two that make them one waits for the other.

    Each is made as a table first and then attached: what is created as a partition waits for all who read the archive,
    such as a backup, and lets all others wait behind it.
    """
    if set(months) <= set(partitions()):
        return
    with writing() as do:
        do("LOCK TABLE archive_order IN SHARE UPDATE EXCLUSIVE MODE")
        for month in sorted(set(months) - set(partitions())):
            for parent in PARENTS:
                name = name_of(parent, month)
                do(f"CREATE TABLE {name} (LIKE {parent})")
                do(
                    f"ALTER TABLE {parent} ATTACH PARTITION {name} "
                    f"FOR VALUES FROM ('{month}') TO ('{calendar.later(month, 1)}')"
                )


def partitions() -> list[date]:
    return [calendar.parsed(name.removeprefix("archive_order_").replace("_", "-")) for (name,) in ask(PARTITIONS)]


def drop(month: date) -> None:
    with writing() as do:
        do(f"DROP TABLE IF EXISTS {', '.join(name_of(parent, month) for parent in PARENTS)}")


def name_of(parent: str, month: date) -> str:
    return f"{parent}_{month:%Y_%m}"
