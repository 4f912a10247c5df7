"""The planner's pages, for staff: a form beside the answer, and the study for programs."""

import csv
from collections.abc import Iterator
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import rights
from kitchen.models import Shop, Study
from kitchen.planner import forms, studies, tasks
from kitchen.planner.scenarios import CREW, ENDS, TAKEN, clock
from pizzaProj import limits, waits
from realtime.incoming import Unkeepable, parse_json
from simulation.fields import SpecError

RECENT = 12
BAD_REQUEST, TOO_MANY = 400, 429


@require_http_methods(["GET", "HEAD", "POST"])
@rights.needs(rights.SEE_STUDIES)
def planner(request: HttpRequest) -> HttpResponse:
    """Show the form, or start its request."""
    return start(request) if request.method == "POST" else page(request, {})


@rights.needs(rights.PLAN)
def start(request: HttpRequest) -> HttpResponse:
    """Start what the form asks for. A program can post a plan's request as JSON."""
    is_program = request.content_type == "application/json"
    asked: Any = {}
    try:
        asked = read_body(request) if is_program else read_form(request)
        refuse_too_many(request.user)
        study = studies.make(asked, request.user, timezone.now())
    except SpecError as error:
        if is_program:
            return refused(JsonResponse({"error": str(error), "field": error.field}), error)
        return refused(page(request, asked, error), error)
    tasks.start(study)
    if is_program:
        return JsonResponse({"id": study.pk, "url": link(study), "json": json_link(study)}, status=201)
    return HttpResponseRedirect(link(study))


@require_safe
@rights.needs(rights.SEE_STUDIES)
def study(request: HttpRequest, pk: int) -> HttpResponse:
    found = get_object_or_404(Study.objects.select_related("by"), pk=pk)
    return page(request, found.request, study=found)


@require_POST
@rights.needs(rights.PLAN)
def cancel(request: HttpRequest, pk: int) -> HttpResponse:
    found = get_object_or_404(Study, pk=pk)
    studies.cancel(found, timezone.now())
    return redirect(link(found))


@require_POST
@rights.needs(rights.PLAN)
def again(request: HttpRequest, pk: int) -> HttpResponse:
    found = get_object_or_404(Study.objects.select_related("by"), pk=pk)
    try:
        refuse_too_many(request.user)
    except SpecError as error:
        return refused(page(request, found.request, error, study=found), error)
    made = studies.again(found, request.user, timezone.now())
    tasks.start(made)
    return redirect(link(made))


class Crowded(SpecError):
    """Another study would only wait."""


def refuse_too_many(user: Any) -> None:
    """Raise Crowded if as many studies are running as may in all, or of this person."""
    running = studies.running()
    if len(running) >= limits.STUDIES_RUNNING:
        raise Crowded("", f"{limits.STUDIES_RUNNING} studies are running. Wait for one, or cancel one.")
    if sum(study.by_id == user.pk for study in running) >= limits.STUDIES_OF_ONE:
        raise Crowded("", f"{limits.STUDIES_OF_ONE} studies of yours are running. Wait for one, or cancel one.")


def refused(response: HttpResponse, error: SpecError) -> HttpResponse:
    response.status_code = BAD_REQUEST
    if isinstance(error, Crowded):
        response.status_code = TOO_MANY
        response["Retry-After"] = str(waits.STUDY_RETRY_SECONDS)
    return response


@require_safe
@rights.needs(rights.SEE_STUDIES)
def study_json(request: HttpRequest, pk: int) -> HttpResponse:
    """Return what is known by now; with ?download as a file, with the plan."""
    found = get_object_or_404(Study, pk=pk)
    values = studies.snapshot(found)
    if "download" not in request.GET:
        return JsonResponse(values)
    response = JsonResponse({**values, "asked": found.request, "plan": found.plan}, json_dumps_params={"indent": 1})
    return as_file(response, f"study-{pk}.json")


@require_safe
@rights.needs(rights.SEE_STUDIES)
def study_csv(request: HttpRequest, pk: int) -> HttpResponse:
    """Return one row for each figure."""
    found = get_object_or_404(Study, pk=pk)
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    writer = csv.writer(response)
    writer.writerow(["scenario", "station", "from", "figure", "value", "half_width", "unit"])
    for row in csv_rows(studies.snapshot(found)["answer"] or {}):
        writer.writerow([harmless(cell) for cell in row])
    return as_file(response, f"study-{pk}.csv")


def page(
    request: HttpRequest,
    asked: Any,
    problem: SpecError | None = None,
    *,
    study: Study | None = None,
) -> HttpResponse:
    form = forms.context(asked, problem, studies.present(timezone.now()))
    context = {
        **form,
        "study": study,
        "recent": Study.objects.select_related("by").defer("plan", "request", "answer")[:RECENT],
        "speed": Shop.objects.get().speed,
    }
    return render(request, "kitchen/planner.html", context)


def read_form(request: HttpRequest) -> Any:
    sent = [(name, str(request.POST[name])) for name in request.POST]
    return forms.request_of(sent, studies.present_stations())


def read_body(request: HttpRequest) -> Any:
    try:
        return parse_json(request.body)
    except ValueError:
        raise SpecError("", "The plan is not JSON.") from None
    except Unkeepable as unkeepable:
        raise SpecError("", str(unkeepable)) from None


def link(study: Study) -> str:
    return reverse("study", args=[study.pk])


def json_link(study: Study) -> str:
    return reverse("study_json", args=[study.pk])


def as_file(response: HttpResponse, name: str) -> HttpResponse:
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


# CSV

Row = tuple[Any, ...]


def csv_rows(answer: dict[str, Any]) -> Iterator[Row]:
    """Yield (scenario, station, from, figure, value, half-width, unit)."""
    if answer.get("question") == CREW:
        yield from crew_rows(answer)
        return
    to = from_order(answer)
    for row in answer.get("scenarios", []):
        name = row["name"]
        yield name, "", "", "orders a day", row["orders_a_day"], "", "orders"
        yield name, "", "", to, *estimate(row["mean_minutes"]), "minutes"
        yield from way_rows(row)
        yield name, "", "", "saves", *estimate(row["saves_minutes"]), "minutes"
        yield name, "", "", "kept", *estimate(row["kept"]), "share"
        for share in ("p05", "p50", "p95"):
            yield name, "", "", share, row[f"{share}_minutes"], "", "minutes"
        for station in row["stations"]:
            yield name, station["name"], "", "places", station["places"], "", "places"
            yield name, station["name"], "", "load", station["load"], "", "share"
            yield name, station["name"], "", "wait", *estimate(station["wait_minutes"]), "minutes"
        yield from slot_rows(answer, row)


def from_order(answer: dict[str, Any]) -> str:
    """Name the figure; answers of before only knew the door."""
    return f"order to {' or '.join(answer.get('ends', ['door']))}"


def way_rows(row: dict[str, Any]) -> Iterator[Row]:
    for way, figures in (row.get("by_way") or {}).items():
        yield row["name"], "", "", f"{TAKEN[way]}: order to {ENDS[way]}", *estimate(figures["mean_minutes"]), "minutes"
        yield row["name"], "", "", f"{TAKEN[way]}: kept", *estimate(figures["kept"]), "share"


def slot_rows(answer: dict[str, Any], row: dict[str, Any]) -> Iterator[Row]:
    units = {"orders": "orders", "mean": "minutes", "low": "minutes", "high": "minutes", "kept": "share"}
    for slot, hour in enumerate(answer["slot_hours"][:-1]):
        for figure, unit in units.items():
            yield row["name"], "", clock(hour), figure, row["by_slot"][figure][slot], "", unit
        for station in row["stations"]:
            yield row["name"], station["name"], clock(hour), "load", station["load_by_slot"][slot], "", "share"


def crew_rows(answer: dict[str, Any]) -> Iterator[Row]:
    names = {station["stage"]: station["name"] for station in answer["stations"]}
    for row in answer["crews"]:
        crew = ", ".join(f"{names[stage]} {count}" for stage, count in row["places"].items())
        for stage, places in row["places"].items():
            yield crew, names[stage], "", "places", places, "", "places"
            yield crew, names[stage], "", "wait", row["wait_minutes"][stage], "", "minutes"
        yield crew, "", "", "cost", row["cost"], "", ""
        yield crew, "", "", "kept", *estimate(row["kept"]), "share"
        yield crew, "", "", from_order(answer), *estimate(row["mean_minutes"]), "minutes"
        yield crew, "", "", "does", "yes" if row["does"] else "no", "", ""


def estimate(value: dict[str, Any] | None) -> tuple[Any, Any]:
    return (value["value"], value["half_width"]) if value else ("", "")


def harmless(cell: Any) -> Any:
    """Quote a name that a spreadsheet would take for a formula."""
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in ("=", "+", "-", "@", "\t") else cell
