"""The page that Prometheus reads."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from prometheus_client.exposition import choose_encoder

from operations.metrics.callers import refusal
from operations.metrics.figures import figures

HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer with the figures of the whole shop, whichever web is asked, in the form that the caller prefers."""
    answer = refusal(request)
    if answer is None:
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        answer = HttpResponse(encode(figures), content_type=content_type)
    for name, value in HEADERS.items():
        answer[name] = value
    return answer
