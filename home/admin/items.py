"""The pizzas of an order, read and moved on its page."""

from datetime import datetime
from typing import Any, cast

from django.contrib import admin
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest
from django.utils.formats import localize
from django.utils.timezone import localtime

from home.forms import ItemForm, NotDone
from home.models import OrderItem
from kitchen import flow, outlook, stages


def in_words(moment: datetime | None) -> str:
    """Return a moment as the admin shows those of its fields."""
    return "-" if moment is None else str(localize(localtime(moment)))


class ItemFormSet(BaseInlineFormSet):  # type: ignore[type-arg]
    def get_form_kwargs(self, index: int | None) -> dict[str, Any]:
        return {**super().get_form_kwargs(index), "order": self.instance}

    @property
    def moves(self) -> list[ItemForm]:
        """The forms that move a pizza. Those that go back are first, so that their order does not go on meanwhile."""
        chosen = [form for form in cast(list[ItemForm], self.forms) if form.is_move]
        return sorted(chosen, key=lambda form: stages.number(form.cleaned_data["move_to"]))

    def save(self, commit: bool = True) -> Any:
        """Write nothing: only kitchen.flow does. Note what was asked for, which the admin logs."""
        self.new_objects, self.deleted_objects = [], []
        self.changed_objects = [(form.instance, form.changed_data) for form in self.moves]
        return []

    def move(self, by: Any) -> None:
        """Move the pizzas in a person's name. NotDone if the kitchen refuses one of them."""
        for form in self.moves:
            item, chosen = form.instance, form.cleaned_data
            try:
                flow.override(
                    item.order_id,
                    chosen["move_to"],
                    by=by,
                    reason=chosen["reason"],
                    seen=chosen["seen"],
                    item=item.number,
                )
            except flow.Refused as refused:
                raise NotDone(form, str(refused)) from None


class OrderItemInline(admin.TabularInline):  # type: ignore[type-arg]
    model = OrderItem
    form = ItemForm
    formset = ItemFormSet
    extra = 0
    can_delete = False
    verbose_name_plural = "pizzas"
    readonly_fields = ["number", "name", "stage", "now", "joined_at", "started_at", "expected"]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        can_move = self.has_change_permission(request, obj)
        return [*self.readonly_fields, *(["move_to", "reason", "seen"] if can_move else [])]

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        formset: Any = super().get_formset(request, obj, **kwargs)
        formset.form.not_done = getattr(request, "not_done", None)  # both classes are this request's own
        return formset

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description="state")
    def now(self, item: OrderItem) -> str:
        return f"{item.state}, longer than usual" if item.overdue else item.state

    @admin.display(description="expected to be done")
    def expected(self, item: OrderItem) -> str:
        return in_words(outlook.expected_end(item))
