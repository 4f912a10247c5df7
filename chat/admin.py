"""The admin of canned answers and reports. Actions remove reported messages and mute their authors."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from chat import messages
from chat.models import CannedAnswer, Report, Room
from chat.person import person_of
from chat.rooms import NoRoom
from realtime.refused import Refused


@admin.register(CannedAnswer)
class CannedAnswerAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("title", "body")
    search_fields = ("title", "body")


class IsOpen(admin.SimpleListFilter):
    title = "state"
    parameter_name = "settled"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("no", "Open"), ("yes", "Settled")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Report]) -> QuerySet[Report]:
        if self.value() is None:
            return queryset
        return queryset.filter(settled_at__isnull=self.value() == "no")


@admin.register(Report)
class ReportAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Reports to read and settle. Only moderators see messages from rooms that they are not in."""

    list_display = ("at", "room", "said_by", "said", "reason", "reported_by", "settled_at")
    list_filter = (IsOpen,)
    list_select_related = ("message__room", "by", "message__author")
    actions = ("settle", "remove_message", "mute_author")
    readonly_fields = ("at", "room", "said_by", "said", "reason", "reported_by", "settled_at", "settled_by")
    fields = readonly_fields

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return person_of(request).moderates

    has_view_permission = has_change_permission

    def has_module_permission(self, request: HttpRequest) -> bool:
        return person_of(request).moderates

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(ordering="message__room")
    def room(self, report: Report) -> Room:
        return report.message.room

    @admin.display(description="said by")
    def said_by(self, report: Report) -> str:
        return f"{report.message.sent_by} (guest)" if report.message.guest else report.message.sent_by

    def said(self, report: Report) -> str:
        return report.message.body

    @admin.display(description="reported by")
    def reported_by(self, report: Report) -> str:
        return str(report.by) if report.by else "a guest"

    @admin.action(description="Settle: no action needed")
    def settle(self, request: HttpRequest, queryset: QuerySet[Report]) -> None:
        queryset.filter(settled_at=None).update(settled_at=timezone.now(), settled_by=request.user.pk)

    @admin.action(description="Remove the message for everyone, and settle")
    def remove_message(self, request: HttpRequest, queryset: QuerySet[Report]) -> None:
        for report in queryset.select_related("message"):
            self.moderate(request, messages.remove_reported, report)
        self.settle(request, queryset)

    @admin.action(description="Mute the author in that room, and settle")
    def mute_author(self, request: HttpRequest, queryset: QuerySet[Report]) -> None:
        for report in queryset.select_related("message"):
            self.moderate(request, messages.mute_reported, report)
        self.settle(request, queryset)

    def moderate(self, request: HttpRequest, verb: Any, report: Report) -> None:
        try:
            verb(report.message, person_of(request), timezone.now())
        except (Refused, NoRoom) as refused:
            self.message_user(request, f"{report.message.sent_by}: {refused}", level="warning")
