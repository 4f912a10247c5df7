"""Answer 400 and 404 as a page, or as JSON where a program asks."""

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template import loader
from django.views import defaults

from pizzaProj import turned_away
from pizzaProj.unavailable import wants_json

UNREADABLE = "We could not read what was sent."
NOTHING = "There is nothing at this address."


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Say why, without a look at the database. Only what a BadRequest says is meant for people."""
    if isinstance(exception, turned_away.TOO_LARGE_ERRORS):
        return turned_away.too_large(request)
    sentence = str(exception) if isinstance(exception, BadRequest) else UNREADABLE
    if wants_json(request):
        return JsonResponse({"status": False, "error": sentence}, status=400)
    return HttpResponse(loader.render_to_string("400.html", {"sentence": sentence}), status=400)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if wants_json(request):
        return JsonResponse({"status": False, "error": NOTHING}, status=404)
    return defaults.page_not_found(request, exception)
