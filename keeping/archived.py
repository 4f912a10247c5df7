"""Remove from the archive what is kept no longer: piece by piece, or whole months at once."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Any

from archive import months, store
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
    for month in store.months():
        if months.end(month) <= before:
            number = forget_in_the_log("month = %s", [month])
            store.drop(month)
            yield number
    yield from those("created_at < %s", [before])


def those(condition: str, values: Sequence[Any]) -> Iterator[int]:
    """Remove the orders that meet a condition."""
    while found := store.keys(condition, values, batches.ROWS):
        store.remove(found)
        orders.forget_in_the_log([pk for _, pk in found])
        yield len(found)


def forget_in_the_log(condition: str, values: Sequence[Any]) -> int:
    """Remove what the admin's log says of these orders; return how many they are."""
    pks: Collection[int] = [pk for _, pk in store.keys(condition, values)]
    for some in batches.pieces(list(pks), batches.ROWS):
        orders.forget_in_the_log(some)
    return len(pks)
