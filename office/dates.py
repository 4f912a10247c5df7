"""The way to the rows of a day: the years, months and days between a table's first row and its last.

Django's own looks at every row for the years in which there is one.
"""

from calendar import monthrange
from datetime import date, datetime
from typing import Any

from django.db.models import Model
from django.utils.formats import date_format
from django.utils.text import capfirst
from django.utils.timezone import localtime

PARTS = ("year", "month", "day")
FORMS = ("Y", "YEAR_MONTH_FORMAT", "MONTH_DAY_FORMAT")

Chosen = tuple[int, ...]  # nothing, a year, a year and a month, or a day


def hierarchy(shown: Any) -> dict[str, Any]:
    """Return what the template of Django's own hierarchy shows, for a list of the admin."""
    column = shown.date_hierarchy
    ends = ends_of(shown.model, column)
    if ends is None:
        return {}
    chosen = chosen_in(shown.params, column)

    def link(parts: Chosen) -> dict[str, str]:
        wanted = {f"{column}__{part}": number for part, number in zip(PARTS, parts, strict=False)}
        return {"link": shown.get_query_string(wanted, [f"{column}__"]), "title": title(parts)}

    choices = [link(parts) for parts in following(chosen, *ends)] or [{"title": title(chosen)}]
    return {"show": True, "back": link(chosen[:-1]) if chosen else None, "choices": choices}


def following(chosen: Chosen, first: date, last: date) -> list[Chosen]:
    """Return what can be chosen next; without a choice, from where there is more than one: a young shop has one year.

    It is empty for a day.
    """
    if len(chosen) == len(PARTS):
        return []
    low, high = ((day.year, day.month, day.day) for day in (first, last))
    depth = len(chosen)
    least = low[depth] if chosen == low[:depth] else 1
    most = high[depth] if chosen == high[:depth] else most_of(chosen)
    found = [(*chosen, number) for number in range(least, most + 1)]
    is_only = len(found) == 1 and chosen == low[:depth] == high[:depth] and depth + 1 < len(PARTS)
    return following(found[0], first, last) if is_only else found


def most_of(chosen: Chosen) -> int:
    return 12 if len(chosen) == 1 else monthrange(*chosen)[1]


def title(parts: Chosen) -> str:
    if not parts:
        return "All dates"
    return capfirst(date_format(date(*(*parts, 1, 1)[:3]), FORMS[len(parts) - 1]))


def ends_of(model: type[Model], column: str) -> tuple[date, date] | None:
    """Return the days of the first and the last row. Each is one look into the column's index."""
    rows = model._base_manager.exclude(**{column: None}).values_list(column, flat=True)
    first, last = rows.order_by(column).first(), rows.order_by(f"-{column}").first()
    return None if first is None or last is None else (day_of(first), day_of(last))


def day_of(moment: date) -> date:
    return localtime(moment).date() if isinstance(moment, datetime) else moment


def chosen_in(params: Any, column: str) -> Chosen:
    """Return the year, month and day that a list's address names, as far as they make sense."""
    chosen: Chosen = ()
    for part in PARTS:
        try:
            wanted = (*chosen, int(params[f"{column}__{part}"]))
            date(*(*wanted, 1, 1)[:3])
        except (KeyError, ValueError, OverflowError):
            break
        chosen = wanted
    return chosen
