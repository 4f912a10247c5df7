"""Answer 503 when the database can't be had: it is away, does not answer, or is held by somebody else.

Django calls `server_error` for whatever a view or a middleware raises. What is a bug stays an answer of 500.
"""

import errno
import logging
import os
import sqlite3
import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template import loader
from django.views import defaults

from pizzaProj import waits
from realtime.seldom import Seldom

logger = logging.getLogger(__name__)

NO_ROOM = "We have no room to keep this right now. Please tell the staff, and try again later."
SENTENCE = "Our kitchen can’t hear us right now. Please try again in a moment."
RELOAD_SECONDS = 5  # a page that could not be shown tries again by itself

# Of SQLite, whose "no such table" is an OperationalError, too
UNAVAILABLE = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_PROTOCOL,
}


def is_unavailable(error: BaseException | None) -> bool:
    """Return whether the database could not be had, so that the same request can succeed a moment later."""
    if not isinstance(error, OperationalError | InterfaceError):
        return False
    cause = error.__cause__
    if isinstance(cause, sqlite3.Error):
        return (getattr(cause, "sqlite_errorcode", 0) & 0xFF) in UNAVAILABLE  # the rest tells the kind of it
    return True


def is_full_disk(error: OSError) -> bool:
    """Return whether a file could not be written, such as an upload, because there is no room for it."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


turned_away = Seldom(logger, "Requests asked to come back: %d. The database: %s")
without_room = Seldom(logger, "Requests whose files could not be kept: %d. %s")


def server_error(request: HttpRequest, template_name: str = "500.html") -> HttpResponse:
    """Answer a request that has failed; what was committed before is answered as if nothing had happened since."""
    error = sys.exception()
    if isinstance(error, OSError) and is_full_disk(error):
        without_room.warn(Exception(os.strerror(error.errno or 0)))  # its own text names the file
        return no_room(request)
    if error is None or not is_unavailable(error):
        return defaults.server_error(request, template_name)
    turned_away.warn(error)
    response = committed_answer(request) or unavailable(request)
    response._has_been_logged = True  # type: ignore[attr-defined]  # Django's own log has a traceback for each
    return response


def keep_answer(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """Keep the answer to what is committed, in case that a middleware fails behind it (the session can't be saved)."""
    request.committed_answer = response  # type: ignore[attr-defined]
    return response


def committed_answer(request: HttpRequest) -> HttpResponse | None:
    return getattr(request, "committed_answer", None)


def unavailable(request: HttpRequest) -> HttpResponse:
    """Say so, as a page or as JSON, without a look at the database."""
    if wants_json(request):
        response: HttpResponse = JsonResponse({"status": False, "error": SENTENCE}, status=503)
    else:
        can_reload = request.method in ("GET", "HEAD")
        # Rendered without the request, so that no context processor reads the session.
        page = loader.render_to_string("503.html", {"reload_seconds": RELOAD_SECONDS if can_reload else 0})
        response = HttpResponse(page, status=503)
    response["Retry-After"] = str(waits.RETRY_AFTER_SECONDS)
    response["Cache-Control"] = "no-store"
    return response


def no_room(request: HttpRequest) -> HttpResponse:
    response = in_words(request, "Our shelf is full", NO_ROOM)
    response.status_code = 503
    response._has_been_logged = True  # type: ignore[attr-defined]  # Django's own log has a traceback for each
    response["Retry-After"] = str(waits.RETRY_AFTER_SECONDS)
    return response


def in_words(request: HttpRequest, heading: str, sentence: str) -> HttpResponse:
    """Say the sentence. Rendered without the request, so that no context processor reads session or database."""
    if wants_json(request):
        response: HttpResponse = JsonResponse({"status": False, "error": sentence})
    else:
        context = {"heading": heading, "sentence": sentence}
        response = HttpResponse(loader.render_to_string("turned_away.html", context))
    response["Cache-Control"] = "no-store"
    return response


def wants_json(request: HttpRequest) -> bool:
    """Return whether a program asks, and not a browser that shows a page."""
    if request.path.startswith("/api/") or request.path.endswith(".json"):
        return True
    liked = request.get_preferred_type(["text/html", "application/json"])
    return request.content_type == "application/json" or liked == "application/json"
