"""The stock admin. Every move of an order goes through kitchen.flow and shows on open pages at once."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.widgets import AdminFileWidget
from django.db.models import QuerySet
from django.forms import FileField
from django.http import HttpRequest
from django.utils.formats import localize
from django.utils.html import format_html
from django.utils.timezone import localtime

from home.forms import OrderForm
from home.models import Order, OrderEvent, OrderItem, OrderLine, Pizza
from kitchen import flow, outlook, stages


@admin.register(Pizza)
class PizzaAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ["picture", "name", "price", "on_menu", "updated_at"]
    list_display_links = ["picture", "name"]
    list_editable = ["price", "on_menu"]
    list_filter = ["on_menu"]
    search_fields = ["name", "description"]
    readonly_fields = ["created_at", "updated_at"]

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "image":
            # Only Pizza.clean judges the picture: Django's own field would decode it first, and say less.
            return FileField(required=False, widget=AdminFileWidget)
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    @admin.display(description="")
    def picture(self, pizza: Pizza) -> str:
        if not pizza.image:
            return "–"
        return format_html('<img src="{}" alt="" width="80" height="50" loading="lazy">', pizza.image.url)


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


class StageFilter(admin.SimpleListFilter):
    """Filter by stage. Open orders are found by their index, however long the history is."""

    title = "stage"
    parameter_name = "stage__exact"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return stages.choices()

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        stage = self.value()
        if stage is None:
            return queryset
        return (queryset.open() if stage in stages.WORKED else queryset).filter(stage=stage)


@admin.register(Order)
class OrderAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    form = OrderForm
    list_display = ["number", "summary", "way", "user", "amount", "stage", "state", "created_at"]
    list_display_links = ["number"]
    list_editable = ["stage"]
    list_filter = [StageFilter, "way", "held", "simulated", "created_at"]
    list_select_related = ["user"]
    list_per_page = 50
    search_fields = ["order_id", "user__username", "summary"]
    date_hierarchy = "created_at"
    fields = [
        ("order_id", "user"),
        ("summary", "amount", "way"),
        ("stage", "state", "reason"),
        ("joined_at", "started_at", "expected"),
        ("created_at", "ready_at", "delivered_at"),
        ("seq", "epoch"),
    ]
    readonly_fields = [name for row in fields for name in row if name not in ("stage", "reason")]
    inlines = [OrderLineInline, OrderItemInline, OrderEventInline]
    actions = ["advance", "hold", "resume", "remake", "cancel"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Order]:
        return Order.objects.with_items()

    @admin.display(description="expected to be done")
    def expected(self, order: Order) -> str | None:
        ends = [end for work in order.front if (end := outlook.expected_end(work))]
        return in_words(max(ends, default=None))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # orders are placed in the shop

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # history stays: cancel the order instead

    def get_changelist_form(self, request: HttpRequest, **kwargs: Any) -> Any:
        return OrderForm

    def save_model(self, request: HttpRequest, obj: Order, form: Any, change: bool) -> None:
        """Override the stage in the person's name. Nothing else can be changed here."""
        if "stage" in form.changed_data:
            target, reason = form.cleaned_data["stage"], form.cleaned_data.get("reason", "")
            self.ask_kitchen(request, flow.override, obj, target, reason=reason)
            obj.refresh_from_db()

    @admin.action(description="Advance: this stage is done")
    def advance(self, request: HttpRequest, orders: QuerySet[Order]) -> None:
        self.ask_for_all(request, flow.advance, orders)

    @admin.action(description="Hold: put aside")
    def hold(self, request: HttpRequest, orders: QuerySet[Order]) -> None:
        self.ask_for_all(request, flow.hold, orders)

    @admin.action(description="Resume: go on")
    def resume(self, request: HttpRequest, orders: QuerySet[Order]) -> None:
        self.ask_for_all(request, flow.resume, orders)

    @admin.action(description="Remake: burnt or dropped, begin again ahead of the line")
    def remake(self, request: HttpRequest, orders: QuerySet[Order]) -> None:
        self.ask_for_all(request, flow.remake, orders)

    @admin.action(description="Cancel")
    def cancel(self, request: HttpRequest, orders: QuerySet[Order]) -> None:
        self.ask_for_all(request, flow.cancel, orders)

    def ask_for_all(self, request: HttpRequest, verb: Callable[..., None], orders: QuerySet[Order]) -> None:
        """Do this with each order in a transaction of its own: the kitchen's lock is never held for all of them."""
        done = sum(self.ask_kitchen(request, verb, order) for order in orders.order_by("pk"))
        if done:
            self.message_user(request, f"{verb.__name__.capitalize()}: {done} done.", messages.SUCCESS)

    def ask_kitchen(
        self, request: HttpRequest, verb: Callable[..., None], order: Order, *args: Any, **kwargs: Any
    ) -> bool:
        """Call a verb of flow for one order; show a refusal, which changes nothing."""
        try:
            verb(order.pk, *args, by=request.user, **kwargs)
        except flow.Refused as refused:
            self.message_user(request, str(refused), messages.ERROR)
            return False
        return True
