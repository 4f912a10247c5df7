"""The actions on many rows, with how far each is."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect, JsonResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone

from office import progress, runs
from office.careful import CarefulAdmin
from office.models import Run


@admin.register(Run)
class RunAdmin(CarefulAdmin):
    """Show how far an action is, and stop it: for the person who started it, and all who have the right to."""

    list_display = ["__str__", "by", "begun_at", "status", "position", "total"]
    list_select_related = ["by"]
    actions = None

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_own(request, obj) or super().has_view_permission(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_own(request, obj) or super().has_change_permission(request, obj)

    def get_urls(self) -> list[URLPattern]:
        site = self.admin_site
        return [
            path("<int:pk>/state.json", site.admin_view(self.state), name="office_run_state"),
            path("<int:pk>/stop/", site.admin_view(self.stop), name="office_run_stop"),
            *super().get_urls(),
        ]

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        """Show how far a run is. There is nothing to change on the page."""
        run = self.seen_by(request, object_id)
        context = {
            **self.admin_site.each_context(request),
            "title": progress.title(run),
            "opts": self.opts,
            "run": run,
            "state": progress.state(run, timezone.now()),
            "can_stop": self.has_change_permission(request, run),
        }
        return TemplateResponse(request, "admin/office/run.html", context)

    def state(self, request: HttpRequest, pk: int) -> HttpResponse:
        return JsonResponse(progress.state(self.seen_by(request, pk), timezone.now()))

    def stop(self, request: HttpRequest, pk: int) -> HttpResponse:
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        run = self.seen_by(request, pk)
        if not self.has_change_permission(request, run):
            raise PermissionDenied
        if not runs.stop(run.pk, timezone.now()):
            self.message_user(request, "It had ended already.", messages.WARNING)
        return HttpResponseRedirect(reverse("admin:office_run_change", args=[run.pk]))

    def seen_by(self, request: HttpRequest, key: Any) -> Run:
        run = get_object_or_404(Run.objects.select_related("by"), pk__in=self.valid_keys([key]))
        if not self.has_view_permission(request, run):
            raise PermissionDenied
        return run


def is_own(request: HttpRequest, run: Run | None) -> bool:
    return run is not None and run.by_id is not None and run.by_id == request.user.pk
