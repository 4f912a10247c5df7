"""An order as a document, and back: what is read from the archive is an order like any other, but can't be saved.

Columns that are empty are left out. A column that a later version adds is empty in an old document, and one that it
removes is passed over.
"""

import json
from collections.abc import Collection, Iterable, Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple, TypeVar

from django.contrib.auth.models import User
from django.db.models import BooleanField, Field, Model

from archive.months import month_of
from home.models import Order, OrderEvent, OrderItem, OrderLine, Pizza

M = TypeVar("M", bound=Model)

IN_COLUMNS = ("id", "order_id", "user_id", "guest")  # of the archive's own: they are asked for, or can change
NOT_KEPT = ("idempotency_key", "eta_low", "eta_median", "eta_high")  # of use to an order that is under way
OF_THE_ORDER = "order_id"
UNDOING = "before"  # what `undo` needs, for ten seconds


class Archived(NamedTuple):
    """A row of the archive."""

    month: date
    id: int
    order_id: str
    user_id: int | None
    guest: str
    document: str
    events: str | None


# To the archive


def columns_of(order: Order) -> list[Any]:
    """Return the values of `archive.store.COLUMNS`. The order has its items, lines, their pizzas, and events read."""
    events = list(order.events.all())
    return [
        month_of(order.created_at),
        order.pk,
        order.order_id,
        order.user_id,
        order.guest,
        order.created_at,
        max([order.created_at, *(event.at for event in events)]),
        order.simulated,
        order.pizzas,
        order.way,
        as_json(document(order)),
        as_json([packed(event, (OF_THE_ORDER, UNDOING)) for event in events]) if events else None,
    ]


def document(order: Order) -> dict[str, Any]:
    return {
        "order": packed(order, (*IN_COLUMNS, *NOT_KEPT)),
        "lines": [packed(line, (OF_THE_ORDER,)) | {"pizza": line.pizza.name} for line in order.lines.all()],
        "items": [packed(item, (OF_THE_ORDER,)) for item in order.parts],
    }


def deeds_of(order: Order) -> set[int]:
    """Return the accounts that did something to the order."""
    return {event.by_id for event in order.events.all() if event.by_id is not None}


def packed(row: Model, without: Collection[str]) -> dict[str, Any]:
    values = {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}
    return {name: value for name, value in values.items() if name not in without and not is_empty(value)}


def is_empty(value: Any) -> bool:
    """Return whether a column is left out. A zero is none of these, though it equals False."""
    return value is None or value is False or value == ""


def as_json(value: Any) -> str:
    return json.dumps(value, default=as_text, ensure_ascii=False, separators=(",", ":"))


def as_text(value: Any) -> str:
    """Return a moment, whole, or an amount as text: Django's encoder would cut microseconds."""
    if isinstance(value, datetime):
        return value.isoformat()
    assert isinstance(value, Decimal)
    return str(value)


# And back


def orders_of(rows: Iterable[Archived]) -> list[Order]:
    """Return orders with all that was put away with them. Two queries, for the names that are shown beside them."""
    rows = list(rows)
    documents = [json.loads(row.document) for row in rows]
    pizzas = Pizza.objects.in_bulk({line["pizza_id"] for told in documents for line in told["lines"]})
    owners = User.objects.in_bulk({row.user_id for row in rows if row.user_id is not None})
    return [order_of(row, told, pizzas, owners) for row, told in zip(rows, documents, strict=True)]


def order_of(row: Archived, told: dict[str, Any], pizzas: dict[int, Pizza], owners: dict[int, User]) -> Order:
    order = unpacked(Order, told["order"] | {name: getattr(row, name) for name in IN_COLUMNS})
    order.is_archived = True
    order.user = owners.get(row.user_id) if row.user_id is not None else None
    order.parts = [unpacked(OrderItem, item, order=order) for item in told["items"]]
    lines = [unpacked(OrderLine, line, order=order) for line in told["lines"]]
    for line, known in zip(lines, told["lines"], strict=True):
        line.pizza = pizzas.get(line.pizza_id) or Pizza(name=known["pizza"])
    events = [unpacked(OrderEvent, event, order=order) for event in json.loads(row.events or "[]")]
    read(order, "lines", OrderLine, lines)
    read(order, "events", OrderEvent, events)
    return order


def unpacked(model: type[M], values: dict[str, Any], **related: Model) -> M:
    """Make an instance of all columns, also of those that are empty in the document."""
    names = {field.name: related[field.name] for field in model._meta.concrete_fields if field.name in related}
    columns = dict(columns_from(model, values, names))
    instance = model(**columns, **names)
    instance._state.adding = False
    return instance


def columns_from(model: type[Model], values: dict[str, Any], without: Collection[str]) -> Iterator[tuple[str, Any]]:
    for field in model._meta.concrete_fields:
        if field.name not in without:
            value = values.get(field.attname)
            yield field.attname, empty(field) if value is None else field.to_python(value)


def empty(field: "Field[Any, Any]") -> Any:
    """Return what a column has whose value was left out."""
    if field.null:
        return None
    if isinstance(field, BooleanField):
        return False
    return "" if field.empty_strings_allowed else field.get_default()


def read(order: Order, name: str, model: type[Model], rows: list[Any]) -> None:
    """Let `order.lines.all()` and its like return these rows, as if they had been read with the order."""
    found = model._default_manager.all()
    found._result_cache = rows
    vars(order).setdefault("_prefetched_objects_cache", {})[name] = found
