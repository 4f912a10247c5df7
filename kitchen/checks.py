"""System checks of the table of stages, run by `manage.py check --database default` and by every `migrate`."""

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Tags, Warning, register
from django.db import connections
from django.db.migrations.loader import MigrationLoader

from kitchen import stages
from kitchen.models import Station


@register(Tags.database)
def stages_have_stations(databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """Warn of worked stages without a station and of stations without a stage, once `migrate` has made them all."""
    warnings: list[CheckMessage] = []
    for alias in databases or ():
        if not is_migrated(alias):
            continue
        found = set(Station.objects.using(alias).values_list("stage", flat=True))
        for stage in sorted(set(stages.WORKED) - found):
            hint = "Create it in the migration that adds the stage: see kitchen/stages.py."
            warnings.append(Warning(f"Stage “{stage}” has no station.", hint, id="kitchen.W001"))
        for stage in sorted(found - set(stages.WORKED)):
            hint = "Delete it, or add its stage to kitchen/stages.py."
            text = f"There is a station for “{stage}”, which is not a stage."
            warnings.append(Warning(text, hint, id="kitchen.W002"))
    return warnings


def is_migrated(alias: str) -> bool:
    """Return whether there are stations, and no migration of theirs is still to come."""
    connection = connections[alias]
    if Station._meta.db_table not in connection.introspection.table_names():
        return False
    loader = MigrationLoader(connection)
    return set(loader.graph.leaf_nodes(Station._meta.app_label)) <= set(loader.applied_migrations)
