"""The rows of a posted list, by their numbers."""

import re
from collections.abc import Sequence

from django.http import QueryDict


def rows_of(post: QueryDict, prefix: str, key: str) -> dict[int, str]:
    """Return {number: key} of the rows."""
    pattern = re.compile(rf"{re.escape(prefix)}-(\d{{1,6}})-{re.escape(key)}$")
    found = ((pattern.match(name), name) for name in post)
    return {int(match[1]): str(post[name]) for match, name in found if match}


def only(post: QueryDict, prefix: str, numbers: Sequence[int]) -> QueryDict:
    """Return what was posted with these rows alone, numbered anew."""
    pattern = re.compile(rf"(initial-)?{re.escape(prefix)}-(\d{{1,6}})-(.+)$")
    again = {str(number): place for place, number in enumerate(numbers)}
    kept = QueryDict(mutable=True)
    for name, values in post.lists():
        match = pattern.match(name)
        if match is None:
            kept.setlist(name, values)
        elif match[2] in again:
            kept.setlist(f"{match[1] or ''}{prefix}-{again[match[2]]}-{match[3]}", values)
    for count in ("TOTAL", "INITIAL"):
        kept[f"{prefix}-{count}_FORMS"] = str(len(numbers))
    return kept
