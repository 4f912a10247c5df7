"""Orders, which staff read, and move in their own name."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse

from home.admin.finding import HeldFilter, StageFilter, WayFilter, found
from home.admin.history import OrderEventInline, OrderLineInline
from home.admin.items import ItemFormSet, OrderItemInline, in_words
from home.forms import NotDone, OrderForm
from home.models import Order
from kitchen import flow, outlook
from kitchen.locks import lock_kitchen
from kitchen.verbs.hands import was_tapped_since
from kitchen.verbs.undoing import has_stayed, refuse_moved
from office.careful import CarefulAdmin


@admin.register(Order)
class OrderAdmin(CarefulAdmin):
    form = OrderForm
    list_display = ["number", "summary", "way", "user", "amount", "stage", "state", "created_at"]
    list_display_links = ["number"]
    list_editable = ["stage"]
    list_filter = [StageFilter, WayFilter, HeldFilter, "simulated", "created_at"]
    list_select_related = ["user"]
    list_per_page = 50
    search_fields = ["order_id", "user__username", "summary"]  # see `found`
    search_help_text = "A number or an id, a customer’s name from its beginning, or what the newest orders are of."
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
    row_actions = {
        "advance": "advanced",
        "hold": "put on hold",
        "resume": "resumed",
        "remake": "begun again",
        "cancel": "cancelled",
    }
    tells_elsewhere = False  # orders move all the time

    def get_queryset(self, request: HttpRequest) -> QuerySet[Order]:
        return Order.objects.with_items()

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        return found(queryset, search_term), False

    def get_ordering(self, request: HttpRequest) -> Any:
        """Sort the orders of some days as their index does: SQLite would first read all of them."""
        of_days = any(name.startswith("created_at__") for name in request.GET)
        return ["-created_at", "-pk"] if of_days else super().get_ordering(request)

    @admin.display(description="expected to be done")
    def expected(self, order: Order) -> str:
        ends = [end for work in order.front if (end := outlook.expected_end(work))]
        return in_words(max(ends, default=None))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # orders are placed in the shop

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # history stays: cancel the order instead

    def get_changelist_form(self, request: HttpRequest, **kwargs: Any) -> Any:
        return type("OrderListForm", (OrderForm,), {"not_done": getattr(request, "not_done", None)})

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

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """Do the same with the list, which also leads to the archive."""
        older = {"older": reverse("older_orders")}
        try:
            return super().changelist_view(request, older | (extra_context or {}))
        except NotDone as not_done:
            request.not_done = not_done  # type: ignore[attr-defined]
            return super().changelist_view(request, older | (extra_context or {}))

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
            reason = form.cleaned_data.get("reason", "")
            try:
                flow.override(obj.pk, form.cleaned_data["stage"], by=request.user, reason=reason)
            except flow.Refused as refused:
                raise NotDone(form, str(refused)) from None
            obj.refresh_from_db()

    # Actions: a verb of flow for each order, in a transaction of its own, so that the kitchen's lock is never held for
    # all of them.

    @admin.action(permissions=["change"], description="Advance: this stage is done")
    def advance(self, request: HttpRequest, orders: QuerySet[Order]) -> None:
        """Done by `act_on`, as all of these."""

    @admin.action(permissions=["change"], description="Hold: put aside")
    def hold(self, request: HttpRequest, orders: QuerySet[Order]) -> None: ...

    @admin.action(permissions=["change"], description="Resume: go on")
    def resume(self, request: HttpRequest, orders: QuerySet[Order]) -> None: ...

    @admin.action(permissions=["change"], description="Remake: burnt or dropped, begin again ahead of the line")
    def remake(self, request: HttpRequest, orders: QuerySet[Order]) -> None: ...

    @admin.action(permissions=["change"], description="Cancel")
    def cancel(self, request: HttpRequest, orders: QuerySet[Order]) -> None: ...

    def act_on(self, name: str, key: Any, seen: str, by: Any) -> None:
        """Call a verb of flow, which refuses what was meant for another stage."""
        if name == "advance":
            return advance(key, int(seen), by)
        getattr(flow, name)(key, by=by, seen=int(seen))

    def version(self, row: Any) -> str:
        return str(row.seq)

    def versions(self, rows: Any) -> Any:
        return [(pk, str(seq)) for pk, seq in rows.order_by("pk").values_list("pk", "seq")]

    def lock(self, keys: Iterable[Any]) -> None:
        """Lock the kitchen, not the rows: a verb locks it first, and would wait for these while we wait for it."""
        with lock_kitchen():
            pass


def advance(pk: int, seen: int, by: Any) -> None:
    """Advance an order that is at the stage where it was seen.

    On the board that is a tap on the works that were under way. Here it is about the order: of many that are chosen,
    those in line begin as the first ones make room.
    """
    with lock_kitchen():
        order = Order.objects.filter(pk=pk).first()
        if order is not None and (not has_stayed(order, seen) or was_tapped_since(order, seen)):
            refuse_moved(order)
        flow.advance(pk, by=by)
