"""Orders, which staff read, and move in their own name."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from home.admin.history import OrderEventInline, OrderLineInline
from home.admin.items import ItemFormSet, OrderItemInline, in_words
from home.forms import NotDone, OrderForm
from home.models import Order
from kitchen import flow, outlook, stages


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
    def expected(self, order: Order) -> str:
        ends = [end for work in order.front if (end := outlook.expected_end(work))]
        return in_words(max(ends, default=None))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # orders are placed in the shop

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # history stays: cancel the order instead

    def get_changelist_form(self, request: HttpRequest, **kwargs: Any) -> Any:
        return OrderForm

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form: Any = super().get_form(request, obj, change=change, **kwargs)
        form.not_done = getattr(request, "not_done", None)  # the class is this request's own
        return form

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Save all that was chosen, or nothing: where the kitchen refuses a move, show the form as it was filled in.

        The refusal ends the transaction. The second time it is an error of its form, so nothing is saved.
        """
        try:
            return super().changeform_view(request, *args, **kwargs)
        except NotDone as not_done:
            request.not_done = not_done  # type: ignore[attr-defined]
            return super().changeform_view(request, *args, **kwargs)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        for formset in formsets:
            if isinstance(formset, ItemFormSet) and formset.moves:
                if "stage" in form.changed_data:
                    raise NotDone(form, "Move the order or its pizzas, not both at once. Nothing was moved.")
                formset.move(by=request.user)
        super().save_related(request, form, formsets, change)

    def save_model(self, request: HttpRequest, obj: Order, form: Any, change: bool) -> None:
        """Override the stage in the person's name. Nothing else can be changed here."""
        if "stage" in form.changed_data:
            target, reason = form.cleaned_data["stage"], form.cleaned_data.get("reason", "")
            self.ask_kitchen(request, flow.override, obj, target, reason=reason)
            obj.refresh_from_db()

    @admin.action(permissions=["change"], description="Advance: this stage is done")
    def advance(self, request: HttpRequest, orders: QuerySet[Order]) -> None:
        self.ask_for_all(request, flow.advance, orders)

    @admin.action(permissions=["change"], description="Hold: put aside")
    def hold(self, request: HttpRequest, orders: QuerySet[Order]) -> None:
        self.ask_for_all(request, flow.hold, orders)

    @admin.action(permissions=["change"], description="Resume: go on")
    def resume(self, request: HttpRequest, orders: QuerySet[Order]) -> None:
        self.ask_for_all(request, flow.resume, orders)

    @admin.action(permissions=["change"], description="Remake: burnt or dropped, begin again ahead of the line")
    def remake(self, request: HttpRequest, orders: QuerySet[Order]) -> None:
        self.ask_for_all(request, flow.remake, orders)

    @admin.action(permissions=["change"], description="Cancel")
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
