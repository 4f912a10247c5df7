"""The page that says how often promises are kept, for everyone."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts import rights
from kitchen import as_measured, stages
from kitchen.models import Shop, Station
from kitchen.promises import ledger
from simulation import calibration


@require_safe
def promises(request: HttpRequest) -> HttpResponse:
    """Show how often promises are kept. Simulated orders have a page of their own."""
    wanted = request.GET.get("simulated")
    both = {simulated: ledger.newest(simulated) for simulated in (False, True)}
    # The default is real orders, or simulated ones if there are no real ones.
    simulated = wanted == "1" if wanted in ("0", "1") else not both[False] and bool(both[True])
    rows = both[simulated]
    context = {
        "simulated": simulated,
        "has_both": all(both.values()),
        "figures": ledger.figures(rows),
        "beside": ledger.beside(simulated, rows),
        "ways": ledger.by_way(rows),
        "loads": ledger.by_load(rows),
        "hours": ledger.by_hour(rows),
        "days": ledger.by_day(simulated, timezone.now())[::-1],
        "chart": ledger.in_turn(rows),
        "aim": round(100 * calibration.COVERAGE),
        "speed": Shop.objects.get().speed,
        "stations": stations() if rights.has(request.user, rights.SEE_STATIONS) else (),
    }
    return render(request, "kitchen/promises.html", context)


def stations() -> list[tuple[Station, str]]:
    """Return the stations, each with which times promises use there, and why."""
    return [(station, as_measured.words(station)) for station in Station.objects.exclude(stage=stages.READY)]
