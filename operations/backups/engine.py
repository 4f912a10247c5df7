"""What a backup needs of a database, whichever it is, and what it asks of a copy."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from django.apps import apps
from django.db.models import FileField

Say = Callable[[str], None]
Ask = Callable[[str], list[tuple[Any, ...]]]  # a statement, all its rows


class Facts(NamedTuple):
    """What one state of a database says."""

    pictures: set[str]  # the files that it names
    migrations: list[str]
    server: int = 0
    program: int = 0


class Engine(Protocol):
    name: str  # Django's
    file: str  # in a backup

    def refuse_nothing(self) -> None:
        """Refuse a database without a shop."""

    def size_bytes(self) -> int:
        """Return how much room a copy can take; 0 if that is not known."""

    def copy(self, target: Path, say: Say) -> Facts:
        """Copy one state of the database while the shop goes on, and return what that state says."""

    def facts(self) -> Facts:
        """Return what the database says now."""

    def refuse_occupied(self) -> None:
        """Refuse if there is something already where a database is to be restored."""

    def restore(self, source: Path, server: int, program: int, say: Say) -> None:
        """Restore a copy, all of it or nothing."""

    def settle(self) -> None:
        """Do what is good for a database that was restored, and could be left out."""


def facts_of(ask: Ask, has_column: Callable[[str, str], bool], **more: int) -> Facts:
    """Ask one state of a database. An older one may lack a column of today's pictures."""
    pictures = {
        name
        for table, column in picture_columns()
        if has_column(table, column)
        for (name,) in ask(f'SELECT DISTINCT "{column}" FROM "{table}" WHERE "{column}" <> \'\'')
    }
    migrations = sorted(f"{app}.{name}" for app, name in ask("SELECT app, name FROM django_migrations"))
    return Facts(pictures, migrations, **more)


def picture_columns() -> list[tuple[str, str]]:
    """Return the tables and columns that name files among the uploads."""
    return [
        (model._meta.db_table, str(field.column))
        for model in apps.get_models()
        for field in model._meta.concrete_fields
        if isinstance(field, FileField)
    ]
