"""What is asked of the archive, and what is written to it: one statement each, on either database."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from operator import itemgetter
from typing import Any

from django.db import connection, transaction

from archive.databases import postgresql, sqlite
from archive.databases.statements import Row, placeholders
from archive.document import Archived, columns_of, deeds_of
from archive.months import month_of
from home.models import Order

COLUMNS = (
    "month", "id", "order_id", "user_id", "guest", "created_at", "ended_at", "simulated", "pizzas", "way",
    "document", "events",
)  # fmt: skip
KEY = 2  # the first of them, which are unique
READ = "month, id, order_id, user_id, guest, document, events"
READ_TOGETHER = 100  # orders
LOOKED_UP = 500  # keys in one query
LAST_LETTER = chr(0x10FFFF)

Place = tuple[date, int]  # in the order in which lists show the archive: a month, and an order's key


@dataclass(frozen=True)
class Owner:
    """An account, or a visitor, whose orders are asked for."""

    user_pk: int | None = None
    guest: str = ""

    @property
    def condition(self) -> tuple[str, list[Any]]:
        """Return their orders. What an account owns is no visitor's, and nobody has the orders of nobody."""
        if self.user_pk is not None:
            return "user_id = %s", [self.user_pk]
        return "user_id IS NULL AND guest <> '' AND guest = %s", [self.guest]


def database() -> Any:
    return postgresql if connection.vendor == "postgresql" else sqlite


def is_apart() -> bool:
    """Return whether the archive is a file of its own, so that no transaction is about both."""
    return database() is sqlite


# Reading


def ask(sql: str, values: Sequence[Any] = ()) -> list[Row]:
    rows: list[Row] = database().ask(sql, values)
    return rows


def rows(condition: str, values: Sequence[Any], most: int | None = None) -> list[Archived]:
    """Return the rows that meet a condition, the newest first."""
    return without_twins(with_twins(condition, values, most))


def with_twins(condition: str, values: Sequence[Any], most: int | None = None) -> list[Archived]:
    limit = "" if most is None else f" LIMIT {most:d}"
    found = ask(f"SELECT {READ} FROM archive_order WHERE {condition} ORDER BY month DESC, id DESC{limit}", values)
    return [Archived(as_month(month), *others) for month, *others in found]


def as_month(value: date | str) -> date:
    return date.fromisoformat(value) if isinstance(value, str) else value


def as_moment(value: datetime | str) -> datetime:
    return datetime.fromisoformat(value) if isinstance(value, str) else value


def without_twins(found: list[Archived]) -> list[Archived]:
    twins = twins_of([row.id for row in found])
    return [row for row in found if row.id not in twins]


def twins_of(pks: Collection[int]) -> set[int]:
    """Return which of these orders are in the shop's own file, too: their way here was cut off, and begins again."""
    asked, there = list(pks) if is_apart() else [], set[int]()
    for start in range(0, len(asked), LOOKED_UP):
        some = Order.objects.filter(pk__in=asked[start : start + LOOKED_UP]).order_by()
        there.update(some.values_list("pk", flat=True))
    return there


def by_address(order_ids: Collection[str]) -> list[Archived]:
    return rows(f"order_id IN ({placeholders(list(order_ids))})", list(order_ids)) if order_ids else []


def page(owner: Owner | None, before: Place | None, most: int, only_real: bool = False) -> list[Archived]:
    """Return a person's orders, or everybody's, the newest first, from a place on.

    It looks further where it finds twins, of which a restored backup can have many.
    """
    of, whose = owner.condition if owner else ("TRUE", [])
    of = f"{of} AND NOT simulated" if only_real else of
    found: list[Archived] = []
    while len(found) < most:
        condition, values = (of, whose) if before is None else (f"{of} AND (month, id) < (%s, %s)", [*whose, *before])
        more = with_twins(condition, values, most)
        found += without_twins(more)
        if len(more) < most:
            break
        before = more[-1].month, more[-1].id
    return found[:most]


def beginning_with(word: str, most: int) -> list[Archived]:
    """Return orders by the beginning of their id."""
    return rows("order_id >= %s AND order_id < %s", [word, word + LAST_LETTER], most)


def has_any(owner: Owner | None) -> bool:
    return bool(page(owner, None, 1))


def number_of(owner: Owner) -> int:
    condition, values = owner.condition
    return len(ids(condition, values))


def ids(condition: str, values: Sequence[Any] = ()) -> list[int]:
    """Return the keys of the rows that meet a condition."""
    found = sorted(pk for (pk,) in ask(f"SELECT id FROM archive_order WHERE {condition}", values))
    twins = twins_of(found)
    return [pk for pk in found if pk not in twins]


def placed(since: datetime, until: datetime) -> list[tuple[datetime, int, str]]:
    """Return (when it was placed, pizzas, way) of the orders of a while, which is not long."""
    found = ask(
        "SELECT id, created_at, pizzas, way FROM archive_order WHERE created_at >= %s AND created_at <= %s",
        [since, until],
    )
    twins = twins_of([pk for pk, *_ in found])
    return [(as_moment(at), pizzas, way) for pk, at, pizzas, way in found if pk not in twins]


def done_by(user_pk: int) -> Iterator[list[Archived]]:
    """Yield the orders to which a member of the staff did something, the oldest first, some at a time."""
    found = ask("SELECT month, id FROM archive_deed WHERE user_id = %s ORDER BY month, id", [user_pk])
    for start in range(0, len(found), READ_TOGETHER):
        yield at([(as_month(month), pk) for month, pk in found[start : start + READ_TOGETHER]])


def at(places: Iterable[Place]) -> list[Archived]:
    """Return the orders of these places, in the same order."""
    found = []
    for month, some in groupby(places, itemgetter(0)):
        pks = [pk for _, pk in some]
        found += rows(f"month = %s AND id IN ({placeholders(pks)})", [month, *pks])[::-1]
    return found


def sizes() -> list[tuple[date, int]]:
    """Return how many orders each month has."""
    counted = ask("SELECT month, count(*) FROM archive_order GROUP BY month ORDER BY month")
    return [(as_month(month), int(number)) for month, number in counted]


def size(month: date) -> int:
    ((number,),) = ask("SELECT count(*) FROM archive_order WHERE month = %s", [month])
    return int(number)


# Writing


def put(orders: Collection[Order]) -> None:
    """Put orders away, which have all that is kept of them read. What is there of them already is replaced."""
    sql, columns = insertion(), [columns_of(order) for order in orders]
    with database().writing() as do:
        for values in columns:
            do(sql, values)
        for order in orders:
            month = month_of(order.created_at)
            for user_pk in sorted(deeds_of(order)):
                do(
                    "INSERT INTO archive_deed (user_id, month, id) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
                    [user_pk, month, order.pk],
                )


def prepare(orders: Iterable[datetime]) -> None:
    """Make room for orders that were placed then."""
    database().prepare({month_of(moment) for moment in orders})


def insertion() -> str:
    values = ["%s"] * (len(COLUMNS) - 2) + [f"%s{database().JSON}"] * 2
    new = ", ".join(f"{name} = excluded.{name}" for name in COLUMNS[KEY:])
    return (
        f"INSERT INTO archive_order ({', '.join(COLUMNS)}) VALUES ({', '.join(values)}) "
        f"ON CONFLICT (month, id) DO UPDATE SET {new}"
    )


def change(sql: str, values: Sequence[Any] = ()) -> int:
    """Run one statement that writes, unless there is nothing to write to; return how many rows it was about."""
    if is_apart() and not sqlite.path().exists():
        return 0
    with database().writing() as do:
        return int(do(sql, values))


def forget_twins(order_ids: Collection[str]) -> None:
    """Forget orders that are removed from the shop's own file, where their way into the archive was cut off."""
    if is_apart() and order_ids:
        change(f"DELETE FROM archive_order WHERE order_id IN ({placeholders(list(order_ids))})", list(order_ids))


def together(write: Callable[[], object], robust: bool = True) -> None:
    """Write to the archive what belongs to the transaction under way: within it, or after it where that can't be.

    robust: if it fails then, that is logged. The transaction has succeeded, and what it was can be done again.
    """
    if is_apart():
        transaction.on_commit(write, robust=robust)
    else:
        write()


def remove(places: Sequence[Place]) -> None:
    """Remove these orders."""
    with database().writing() as do:
        for month, pk in places:
            do("DELETE FROM archive_order WHERE month = %s AND id = %s", [month, pk])
            do("DELETE FROM archive_deed WHERE month = %s AND id = %s", [month, pk])


def keys(condition: str, values: Sequence[Any], most: int | None = None) -> list[Place]:
    """Return the month and key of each row that meets a condition, twins included."""
    limit = "" if most is None else f" LIMIT {most:d}"
    found = ask(f"SELECT month, id FROM archive_order WHERE {condition}{limit}", values)
    return sorted((as_month(month), pk) for month, pk in found)  # in SQL, SQLite would take the index that is sorted


def with_events(before: datetime, most: int) -> list[tuple[date, int, int]]:
    """Return the month, the key and the number of events of orders that have any, and ended before a moment."""
    found = ask(
        f"SELECT month, id, {database().LENGTH}(events) FROM archive_order "
        f"WHERE events IS NOT NULL AND ended_at < %s LIMIT {most:d}",
        [before],
    )
    return [(as_month(month), pk, number) for month, pk, number in found]


def forget_events(places: Sequence[Place]) -> None:
    """Forget what happened to these orders, and who did it."""
    with database().writing() as do:
        for month, pk in places:
            do("UPDATE archive_order SET events = NULL WHERE month = %s AND id = %s", [month, pk])
            do("DELETE FROM archive_deed WHERE month = %s AND id = %s", [month, pk])


def whole_months() -> list[date]:
    """Return the months that can be dropped at once: none of a file of its own.

    There it would hold the file's lock for seconds, for which who moves orders waits, and with them the kitchen.
    """
    return [] if is_apart() else postgresql.partitions()


def drop(month: date) -> None:
    """Remove a whole month."""
    postgresql.drop(month)
