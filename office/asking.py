"""Ask in somebody's name where there is no request: in a worker."""

from typing import Any

from django.http import HttpRequest


def request_of(by: Any) -> HttpRequest:
    """Return a request in a person's name, for what Django asks a request: permissions."""
    request = HttpRequest()
    request.user = by
    request.session = {}  # type: ignore[assignment]
    return request
