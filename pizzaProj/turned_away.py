"""Answer in words whoever asks too often (429) or sends too much (413): as a page, or as JSON to a program.

`unavailable` does the same for 503.
"""

from collections.abc import Callable

from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.http import HttpRequest, HttpResponse

from accounts.limits import TooMany
from pizzaProj.unavailable import in_words

TOO_LARGE = "That is more than we can take at once."
TOO_LARGE_STATUS = 413
TOO_LARGE_ERRORS = (RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent)


class TurnedAway:
    """Answer TooMany, wherever a view raises it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not isinstance(error, TooMany):
            return None
        return error.answered_by(in_words(request, "One slice at a time", error.sentence))


def too_large(request: HttpRequest) -> HttpResponse:
    answer = in_words(request, "That does not fit into our oven", TOO_LARGE)
    answer.status_code = TOO_LARGE_STATUS
    return answer
