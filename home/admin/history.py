"""What an order's page shows and nobody changes there."""

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.formats import localize
from django.utils.timezone import localtime

from home.models import OrderEvent, OrderItem, OrderLine
from kitchen import outlook


class ReadOnlyInline(admin.TabularInline):  # type: ignore[type-arg]
    """History, which is read but not written."""

    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class OrderLineInline(ReadOnlyInline):
    model = OrderLine
    fields = ["pizza", "quantity", "unit_price"]


def in_words(moment: datetime | None) -> str | None:
    """Return a moment as the admin shows those of its fields."""
    return None if moment is None else str(localize(localtime(moment)))


class OrderItemInline(ReadOnlyInline):
    model = OrderItem
    fields = ["number", "name", "stage", "state", "joined_at", "started_at", "expected"]
    readonly_fields = ["state", "expected"]

    @admin.display(description="expected to be done")
    def expected(self, item: OrderItem) -> str | None:
        return in_words(outlook.expected_end(item))


class OrderEventInline(ReadOnlyInline):
    model = OrderEvent
    fields = ["seq", "at", "item", "event", "stage", "who", "reason"]
    readonly_fields = ["who"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[OrderEvent]:
        return super().get_queryset(request).select_related("by")

    @admin.display(description="by")
    def who(self, event: OrderEvent) -> str:
        return str(event.by or "a person") if event.by_person else "kitchen"
