"""What `manage.py check --database default`, and every `migrate`, says about the table of stages."""

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Tags, Warning, register
from django.db import connections

from kitchen import stages
from kitchen.models import Station


@register(Tags.database)
def stages_have_stations(databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """Each stage that is worked at needs a station, and each station a stage. Before `migrate` there are none."""
    warnings: list[CheckMessage] = []
    for alias in databases or ():
        if Station._meta.db_table not in connections[alias].introspection.table_names():
            continue
        found = set(Station.objects.using(alias).values_list("stage", flat=True))
        for stage in sorted(set(stages.WORKED) - found):
            hint = "Make it in the migration that adds the stage: see kitchen/stages.py."
            warnings.append(Warning(f"Nobody works at stage “{stage}”: it has no station.", hint, id="kitchen.W001"))
        for stage in sorted(found - set(stages.WORKED)):
            hint = "Delete it, or add its stage to kitchen/stages.py."
            warnings.append(Warning(f"There is a station for “{stage}”, which is no stage.", hint, id="kitchen.W002"))
    return warnings
