"""What an order's page shows and nobody changes there."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from home.models import OrderEvent, OrderLine


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

    def get_queryset(self, request: HttpRequest) -> QuerySet[OrderLine]:
        return super().get_queryset(request).select_related("pizza")


class OrderEventInline(ReadOnlyInline):
    """What happened. Where it is no longer kept (keeping.ages), the order's own `seq` says how much it was."""

    model = OrderEvent
    verbose_name_plural = "events, as far as they are still kept"
    fields = ["seq", "at", "item", "event", "stage", "who", "reason"]
    readonly_fields = ["who"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[OrderEvent]:
        return super().get_queryset(request).select_related("by")

    @admin.display(description="by")
    def who(self, event: OrderEvent) -> str:
        return str(event.by or "a person") if event.by_person else "kitchen"
