"""Name what a migration takes away from a shop that runs.

During an upgrade the old code goes on for a while on the new tables. So a release only adds (expands); a later one,
when no old code runs any more, removes (contracts). A migration that removes on purpose says why in its class:

    contracts = "Nobody has read this column since 0.11."
"""

import re
from collections.abc import Iterator

from django.db import connection
from django.db.migrations import Migration, operations
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState
from django.db.models import Field, ManyToManyField
from django.db.models.fields import NOT_PROVIDED

Key = tuple[str, str]

REMOVES = {
    operations.RemoveField: "Stop using it in this release, and remove it in a later one",
    operations.DeleteModel: "Stop using it in this release, and delete it in a later one",
    operations.RenameField: "Add a field of the new name, write both, and remove the old one in a later release",
    operations.RenameModel: "Give the model its old table by db_table, or add a new one and delete the old one later",
    operations.AlterModelTable: "Keep the table's name",
}
WAIT = "Keep to it in the code of this release, and demand it in a later one"
SQL_THAT_REMOVES = re.compile(
    r"\b(ALTER\s+(COLUMN\s+)?\S+\s+(SET\s+DATA\s+)?TYPE|DROP|RENAME|TRUNCATE|DELETE\s+FROM)\b", re.I
)
SQL_THAT_FORBIDS = re.compile(r"\b(SET\s+NOT\s+NULL|ADD\s+CONSTRAINT|UNIQUE\s+INDEX)\b", re.I)


def faults_since(baseline: dict[str, str], landed: dict[Key, str]) -> list[str]:
    """Return a sentence for each thing that a migration of ours takes away, of those that came after a baseline."""
    loader = MigrationLoader(None)
    faults: list[str] = []
    for app, name in loader.graph.leaf_nodes():
        if app in baseline:
            for key in loader.graph.forwards_plan((app, name)):
                if key[0] == app and key[1] > baseline[app] and key not in landed:
                    before = loader.project_state(key, at_end=False)
                    faults += faults_of(loader.disk_migrations[key], before)
    return faults


def faults_of(migration: Migration, before: ProjectState) -> list[str]:
    """Return a sentence for each thing that this migration takes away, none if it says why."""
    if getattr(migration, "contracts", ""):
        return []
    name = f"{migration.app_label}.{migration.name}"
    steps, old = migration.operations, set(before.models)
    return [f"{name}: {fault}." for fault in _faults(steps, migration.app_label, before.clone(), old)]


def _faults(
    steps: list[operations.base.Operation], app: str, state: ProjectState, old_models: set[Key]
) -> Iterator[str]:
    for step in steps:
        if isinstance(step, operations.SeparateDatabaseAndState):
            yield from _faults(step.database_operations, app, state.clone(), old_models)
        else:
            yield from _faults_of_step(step, app, state, old_models)
        step.state_forwards(app, state)


def _faults_of_step(
    step: operations.base.Operation, app: str, state: ProjectState, old_models: set[Key]
) -> Iterator[str]:
    for kind, instead in REMOVES.items():
        if isinstance(step, kind):
            yield f"{step.describe()}, which old code still uses. {instead}"
    if forbids(step, app, state, old_models):
        yield f"{step.describe()}, which forbids what old code may write. {WAIT}"
    if isinstance(step, operations.RunSQL):
        for found in SQL_THAT_REMOVES.finditer(str(step.sql)):
            yield f"runs SQL with {found[0].upper()}, which old code may not survive. Add beside it what is new"
        for found in SQL_THAT_FORBIDS.finditer(str(step.sql)):
            yield f"runs SQL with {found[0].upper()}, which forbids what old code may write. {WAIT}"
    elif isinstance(step, operations.AddField):
        if is_demanded(step.field):
            yield f"{step.describe()}, which old code does not write. Give it a db_default, or null=True"
    elif isinstance(step, operations.AlterField):
        old = state.models[app, step.model_name_lower].fields[step.name]
        yield from _faults_of_change(step, old)


def _faults_of_change(step: operations.AlterField, old: Field) -> Iterator[str]:
    new = step.field
    if (column_type(old), old.db_column) != (column_type(new), new.db_column):
        yield (
            f"{step.describe()}: its column becomes {column_type(new)} instead of {column_type(old)}. "
            "Add a field of the new kind, write both, and remove the old one in a later release"
        )
    if new.unique and not old.unique:
        yield f"{step.describe()}, which forbids what old code may write. {WAIT}"
    if old.db_default is not NOT_PROVIDED and is_demanded(new):
        yield f"{step.describe()}: old code does not write it. Keep its db_default"
    elif old.null and not new.null:
        yield f"{step.describe()}: old code still writes NULL. {WAIT}"


def forbids(step: operations.base.Operation, app: str, state: ProjectState, old_models: set[Key]) -> bool:
    """Return whether rows of a model that old code knows must be unlike others, or of some kind, from now on."""
    if isinstance(step, operations.AddConstraint):
        return (app, step.model_name_lower) in old_models
    if isinstance(step, operations.AlterUniqueTogether):
        key = app, step.name_lower
        return key in old_models and bool(step.option_value - state.models[key].options.get("unique_together", set()))
    if isinstance(step, operations.AddField):
        return (app, step.model_name_lower) in old_models and step.field.unique and not step.field.null
    return False


def is_demanded(field: Field) -> bool:
    """Return whether an INSERT without this column fails."""
    if isinstance(field, ManyToManyField):
        return False
    return not field.null and field.db_default is NOT_PROVIDED


def column_type(field: Field) -> str | None:
    """Return the column's type. That of a foreign key follows the key, which can't be looked up here."""
    return "a key" if field.is_relation else field.db_type(connection)
