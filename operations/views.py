"""What a load balancer or a monitor asks: is the process up, and is the shop ready?

Neither needs a session, and both answer whatever Host header they get: they are asked by number, over plain HTTP, from
inside. So nothing in the answers may be a secret.
"""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from operations.lookout import Figures, Found, is_ready, lookout

HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """Answer, and do nothing else: whether to restart this process must not depend on any other part."""
    return HttpResponse("ok", content_type="text/plain", headers=HEADERS)


@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """Say which parts are well: 200 if all are, else 503."""
    found = lookout.look()
    return JsonResponse(report(found, lookout.figures), status=200 if is_ready(found) else 503, headers=HEADERS)


def report(found: Found, figures: Figures) -> dict[str, Any]:
    """Return what was found, and the age of each sign of life and the clock's offset, in seconds (null: not known)."""
    checks = {
        name: {
            "ok": not any(one.is_bad for one in each),
            "text": " ".join(one.sentence for one in each) or lookout.wells[name],
            **figures.get(name, {}),
        }
        for name, each in found.items()
    }
    return {"ready": is_ready(found), "checks": checks}


PROBES: dict[str, Callable[[HttpRequest], HttpResponse]] = {"healthz": healthz, "readyz": readyz}
