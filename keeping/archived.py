"""Remove from the archive what is kept no longer: piece by piece, or whole months at once."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Any

from django.contrib.admin.models import LogEntry

from archive import months, store
from archive.databases.statements import placeholders
from keeping import batches, orders


def events(before: datetime) -> Iterator[int]:
    """Forget what happened to orders that had ended by then."""
    while found := store.with_events(before, batches.ROWS):
        store.forget_events([(month, pk) for month, pk, _ in found])
        yield sum(number for *_, number in found)


def simulated(before: datetime) -> Iterator[int]:
    yield from those("simulated AND created_at < %s", [before])


def all_orders(before: datetime) -> Iterator[int]:
    """Remove what was placed before: whole months at once, and of the last one the orders that are older."""
    for month in store.whole_months():
        if months.end(month) <= before:
            number = store.size(month)
            forget_month_in_the_log(month)
            store.drop(month)
            yield number
    yield from those("created_at < %s", [before])


def those(condition: str, values: Sequence[Any]) -> Iterator[int]:
    """Remove the orders that meet a condition."""
    while found := store.keys(condition, values, batches.ROWS):
        store.remove(found)
        orders.forget_in_the_log([pk for _, pk in found])
        yield len(found)


def forget_month_in_the_log(month: date) -> None:
    """Remove what the admin's own log says of a month's orders. Most have no line there: begin with the lines."""
    for lines in batches.keys(orders.lines_about_orders()):
        pks = [int(pk or 0) for pk in LogEntry.objects.filter(pk__in=lines).values_list("object_id", flat=True)]
        here = store.keys(f"month = %s AND id IN ({placeholders(pks)})", [month, *pks])
        orders.forget_in_the_log([pk for _, pk in here])
