"""What migrations have put into the tables, brought back after a test that emptied them.

Django itself reads it from JSON and saves each row by an UPDATE and an INSERT, which takes a tenth of a second.
"""

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from django.apps import apps
from django.db import connection, models, transaction

Rows = list[models.Model]


def stored_rows() -> Rows:
    """Return all rows of all tables, those of one model together."""
    return [row for model in all_models() for row in model._base_manager.order_by("pk")]


def restore(rows: Rows) -> None:
    """Write them as they were."""
    with transaction.atomic(), connection.constraint_checks_disabled():
        for model, those in groupby(rows, type):
            write(model, list(those))
        connection.check_constraints()


def write(model: type[models.Model], rows: Rows) -> None:
    """Write rows of one model: at once into an empty table, one by one where some are there."""
    if model._base_manager.exists():
        for row in rows:
            row.save_base(raw=True)
    else:
        fields: Any = model._meta.local_concrete_fields
        model._base_manager._insert(rows, fields=fields, raw=True)  # type: ignore[attr-defined]


def all_models() -> Iterator[type[models.Model]]:
    """Yield those with a table of their own, tables between two models included."""
    for model in apps.get_models(include_auto_created=True):
        if model._meta.managed and not model._meta.proxy:
            yield model
