"""The admin of canned answers and reports. Actions remove reported messages and mute their authors."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from chat import leaving, messages
from chat.models import CannedAnswer, Message, Report, Room
from chat.person import Person, person, person_of
from chat.rooms import NoRoom
from office.careful import CarefulAdmin
from realtime.refused import Refused

Verb = Callable[[Message, Person, datetime], object]


def leave(message: Message, person: Person, now: datetime) -> None:
    """Do nothing with the message."""


VERBS: dict[str, Verb] = {"remove_message": messages.remove_reported, "mute_author": messages.mute_reported}


@admin.register(CannedAnswer)
class CannedAnswerAdmin(CarefulAdmin):
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
class ReportAdmin(CarefulAdmin):
    """Reports to read and settle. Only moderators see messages from rooms that they are not in."""

    list_display = ("at", "room", "said_by", "said", "reason", "reported_by", "settled_at")
    list_filter = (IsOpen,)
    list_select_related = ("message__room", "by", "message__author")
    actions = ("settle", "remove_message", "mute_author")
    row_actions = {
        "settle": "settled",
        "remove_message": "settled, their messages removed",
        "mute_author": "settled, their authors muted",
    }
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

    # Actions, done by `act_on`

    @admin.action(description="Settle: no action needed")
    def settle(self, request: HttpRequest, queryset: QuerySet[Report]) -> None: ...

    @admin.action(description="Remove the message for everyone, and settle")
    def remove_message(self, request: HttpRequest, queryset: QuerySet[Report]) -> None: ...

    @admin.action(description="Mute the author in that room, and settle")
    def mute_author(self, request: HttpRequest, queryset: QuerySet[Report]) -> None: ...

    def act_on(self, name: str, key: Any, seen: str, by: Any) -> None:
        """Decide a report, once: what a colleague has settled meanwhile is left alone."""
        with transaction.atomic():
            report = self.as_seen(key, seen)
            if report.settled_at is None:
                report.settled_at, report.settled_by = timezone.now(), by
                report.save(update_fields=["settled_at", "settled_by"])
            try:
                VERBS.get(name, leave)(report.message, person(by), timezone.now())
            except NoRoom as none:
                raise Refused(str(none)) from None
            leaving.settled(report.message_id)

    def name_of(self, key: Any) -> str:
        report = Report.objects.select_related("message__author").filter(pk=key).first()
        return super().name_of(key) if report is None else f"the message of {report.message.sent_by}"
