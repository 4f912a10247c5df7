"""Who changed a row meanwhile, as far as the admin's own log knows. What the board or a shell did is not in it."""

import json
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from django.contrib.admin.models import DELETION, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model
from django.http import HttpRequest

from office.forms import Who

OPENED_AT = "opened_at"  # when the page was made, in seconds since 1970, in a hidden input
SLACK = timedelta(seconds=2)
MOST_ENTRIES = 20


def teller(request: HttpRequest, model: type[Model]) -> Who:
    """Return a function that names who changed a field of a row since the request's page was opened."""
    return partial(name_of, request, model)


def name_of(request: HttpRequest, model: type[Model], row: Model | str, title: str) -> str:
    """Return a user name, or nothing. Without a title: who deleted the row."""
    since = opened_at(request)
    if since is None:
        return ""
    key = str(row.pk) if isinstance(row, Model) else row
    entries = LogEntry.objects.filter(
        content_type=ContentType.objects.get_for_model(model), object_id=key, action_time__gte=since - SLACK
    )
    for entry in entries.select_related("user").order_by("-pk")[:MOST_ENTRIES]:
        if entry.action_flag == DELETION if not title else title in fields_of(entry):
            is_own = entry.user_id == request.user.pk
            return "you, on another page" if is_own else entry.user.get_username()
    return ""


def opened_at(request: HttpRequest) -> datetime | None:
    try:
        return datetime.fromtimestamp(float(request.POST.get(OPENED_AT, "")), UTC)
    except (ValueError, OverflowError, OSError):
        return None


def fields_of(entry: LogEntry) -> set[str]:
    """Return the titles of the fields that an entry of the log says were changed."""
    try:
        rows: Any = json.loads(entry.change_message)
    except ValueError:
        return set()
    changed = [row.get("changed", {}) for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    return {str(name) for change in changed for name in change.get("fields", [])}
