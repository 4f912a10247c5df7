"""What the lists of the admin show in place of Django's own."""

from typing import Any

from django import template

from office import dates
from pizzaProj import limits

register = template.Library()
register.inclusion_tag("admin/date_hierarchy.html", name="dates")(dates.hierarchy)


@register.simple_tag
def listed_rows(shown: Any) -> int | None:
    """Return how many rows a list shows at most, if there can be more."""
    return limits.LISTED_ROWS if shown.paginator.is_cut else None
