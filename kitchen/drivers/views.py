"""The drivers' page."""

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from kitchen.drivers.access import may_deliver


@require_safe
@login_required
def drivers(request: HttpRequest) -> HttpResponse:
    """Render the empty lists; what is in them comes over the socket."""
    if not may_deliver(request.user):
        raise PermissionDenied  # not the log-in page: it would send them straight back
    return render(request, "kitchen/drivers.html")
