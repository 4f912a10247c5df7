"""The drivers' page."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts import rights


@require_safe
@rights.needs(rights.DELIVER)
def drivers(request: HttpRequest) -> HttpResponse:
    """Render the empty lists; what is in them comes over the socket."""
    return render(request, "kitchen/drivers.html")
