"""Visitors without an account: a random word in their session says which orders are theirs.

The session's own key won't do: Django changes it at every log-in.
"""

import secrets

from django.http import HttpRequest

KEY = "guest"


def guest_of(request: HttpRequest) -> str:
    """The visitor's word, empty if they never ordered. Makes no session."""
    word: str = request.session.get(KEY, "")
    return word


def make_guest(request: HttpRequest) -> str:
    """The visitor's word, made now if need be."""
    if KEY not in request.session:
        request.session[KEY] = secrets.token_hex(16)
    return guest_of(request)
