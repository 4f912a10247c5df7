"""Visitors without an account, known by a random word in their session.

The session's own key won't do: Django changes it at every log-in.
"""

import secrets

from django.http import HttpRequest

KEY = "guest"


def guest_of(request: HttpRequest) -> str:
    """Return the visitor's word, empty if they never ordered. Creates no session."""
    word: str = request.session.get(KEY, "")
    return word


def make_guest(request: HttpRequest) -> str:
    """Return the visitor's word, created if need be."""
    if KEY not in request.session:
        request.session[KEY] = secrets.token_hex(16)
    return guest_of(request)
