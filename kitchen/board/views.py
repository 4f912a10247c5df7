"""The board's page, for staff."""

from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts import rights
from kitchen import stages
from kitchen.board.actions import BUTTONS, MISHAPS
from kitchen.board.snapshot import TO_BE_MADE
from kitchen.board.totals import LATE_AFTER_TIMES, SOON_AFTER_TIMES
from kitchen.models import Station
from pizzaProj.limits import BOARD_OF_STATION


@require_safe
@rights.needs(rights.SEE_ORDERS)
def board(request: HttpRequest) -> HttpResponse:
    """Render the columns, or with `?station=baking` that station alone; what is in them comes over the socket."""
    stations = list(Station.objects.all())
    asked = request.GET.get("station", "")
    alone = next((station for station in stations if station.stage == asked), None)
    if asked and alone is None:
        missing = {"stations": stations, "asked": asked}
        return render(request, "kitchen/no_station.html", missing, status=HTTPStatus.NOT_FOUND)
    context = {
        "stations": stations,
        "columns": [alone] if alone else stations,
        "alone": alone,
        "stages": stages.STAGES,
        "buttons": BUTTONS,
        "mishaps": MISHAPS,
        "to_be_made": " ".join(TO_BE_MADE),
        "soon_after": f"{SOON_AFTER_TIMES:g}",
        "most": BOARD_OF_STATION,
        "late_after": f"{LATE_AFTER_TIMES:g}",
    }
    return render(request, "kitchen/board.html", context)
