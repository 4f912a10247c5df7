"""System checks of the table of stages, run by `manage.py check --database default` and by every `migrate`."""

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Tags, Warning, register
from django.db import connections

from kitchen import stages
from kitchen.models import Station


@register(Tags.database)
def stages_have_stations(databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """Warn of worked stages without a station and of stations without a stage. Before `migrate` there is no table."""
    warnings: list[CheckMessage] = []
    for alias in databases or ():
        if Station._meta.db_table not in connections[alias].introspection.table_names():
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
