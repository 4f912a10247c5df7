"""Make an index while the shop goes on. A migration with this has `atomic = False`.

PostgreSQL otherwise lets nobody write to the table meanwhile: for seconds, where there are millions of rows. It waits
until transactions that began before have ended, such as a backup's, and nobody waits for it. What a try has left
behind that was broken off is thrown away by the next one.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db.migrations.operations import AddIndex

from pizzaProj import waits


class AddIndexBeside(AddIndex):
    """AddIndex that lets others write meanwhile."""

    atomic = False

    def database_forwards(self, app_label: str, schema_editor: Any, *states: Any) -> None:
        model = states[-1].apps.get_model(app_label, self.model_name)
        if not self.allow_migrate_model(schema_editor.connection.alias, model):
            return
        with patient(schema_editor):
            schema_editor.execute(f'DROP INDEX {beside(schema_editor)} IF EXISTS "{self.index.name}"')
            more = {"concurrently": True} if beside(schema_editor) else {}
            schema_editor.add_index(model, self.index, **more)

    def describe(self) -> str:
        return f"{super().describe()}, while others write"


def beside(schema_editor: Any) -> str:
    """Return the word for it. SQLite has none: there writers wait."""
    return "CONCURRENTLY" if schema_editor.connection.vendor == "postgresql" else ""


@contextmanager
def patient(schema_editor: Any) -> Iterator[None]:
    """Wait longer than others may for a lock: nobody waits for who waits here."""
    is_patient = bool(beside(schema_editor))
    if is_patient:
        schema_editor.execute(f"SET lock_timeout = '{waits.INDEX_SECONDS:g}s'")
    try:
        yield
    finally:
        if is_patient:
            schema_editor.execute("RESET lock_timeout")


def add_to(table: str, name: str, what: str) -> Any:
    """Return a function for RunPython that adds an index to a table of Django's own: its model is not ours.

    what: its columns, and for which rows.
    """

    def add(apps: Any, schema_editor: Any) -> None:
        with patient(schema_editor):
            schema_editor.execute(f"DROP INDEX {beside(schema_editor)} IF EXISTS {name}")
            schema_editor.execute(f"CREATE INDEX {beside(schema_editor)} {name} ON {table} {what}")

    return add


def add_without_case(table: str, name: str, column: str) -> Any:
    """Return a function that adds an index for `iexact` and `istartswith`, in the words that Django has for them."""

    def add(apps: Any, schema_editor: Any) -> None:
        is_postgresql = schema_editor.connection.vendor == "postgresql"
        what = f"(UPPER({column}::text) text_pattern_ops)" if is_postgresql else f"({column} COLLATE NOCASE)"
        add_to(table, name, what)(apps, schema_editor)
        if is_postgresql:
            schema_editor.execute(f"ANALYZE {table}")  # without its figures it would not be used

    return add


def tell_planner(name: str, what: str) -> Any:
    """Return a function for RunPython that lets PostgreSQL count which values of columns come together.

    Otherwise it takes the share of rows that meet two conditions for the product of both shares.
    """

    def tell(apps: Any, schema_editor: Any) -> None:
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute(f"CREATE STATISTICS IF NOT EXISTS {name} (mcv) ON {what}")

    return tell


def remove(name: str) -> Any:
    """Return the function that removes it."""
    return lambda apps, schema_editor: schema_editor.execute(f"DROP INDEX IF EXISTS {name}")
