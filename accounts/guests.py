"""Recognise visitors without an account by a random id in their session.

The session's own key will not do, because Django changes it at every log-in.
"""

import secrets

from django.http import HttpRequest

KEY = "guest"


def guest_of(request: HttpRequest) -> str:
    """Return the visitor's id, empty if they never ordered. Create no session."""
    guest: str = request.session.get(KEY, "")
    return guest


def make_guest(request: HttpRequest) -> str:
    """Return the visitor's id, creating it if needed."""
    if KEY not in request.session:
        request.session[KEY] = secrets.token_hex(16)
    return guest_of(request)
