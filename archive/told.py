"""What a person is told of their archived orders, with the names of columns that keeping.table has for the tables."""

from collections.abc import Iterator
from functools import reduce
from typing import Any

from django.db.models import Model

from archive import store
from archive.document import orders_of
from archive.store import Owner
from home.models import Order, OrderEvent, OrderItem, OrderLine

READ_ROWS = 200  # at a time
DEEDS = "by"  # the way from an event to who did it


def rows(model: type[Model], way: str, user_pk: int | None, guest: str) -> Iterator[Model]:
    """Yield the rows of a table that are in the archive and this person's, the oldest order first."""
    if (model, way) == (OrderEvent, DEEDS):
        yield from () if user_pk is None else done(user_pk)
    elif model in (Order, OrderLine, OrderItem, OrderEvent):
        for order in of(Owner(user_pk, guest)):
            yield from parts(order, model)


def of(owner: Owner) -> Iterator[Order]:
    places = store.keys(*owner.condition)
    for start in range(0, len(places), READ_ROWS):
        yield from orders_of(store.at(places[start : start + READ_ROWS]))


def parts(order: Order, model: type[Model]) -> list[Any]:
    if model is Order:
        return [order]
    return list({OrderLine: order.lines.all(), OrderItem: order.parts, OrderEvent: order.events.all()}[model])


def done(user_pk: int) -> Iterator[OrderEvent]:
    for found in store.done_by(user_pk):
        for order in orders_of(found):
            yield from (event for event in order.events.all() if event.by_id == user_pk)


def value(row: Model, way: str) -> Any:
    """Follow a way such as "order__order_id"."""
    return reduce(getattr, way.split("__"), row)
