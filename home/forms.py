from typing import Any, cast

from django import forms
from django.http import QueryDict

from home.models import Order, OrderItem
from kitchen import outlook, stages
from kitchen.verbs.undoing import whereabouts
from office.forms import CarefulForm
from office.shown import ShownField

OUT_OF_DATE = "This page is out of date. Load it again."


class NotDone(Exception):
    """The kitchen refused what a form asked for. The text is the sentence for the person."""

    def __init__(self, form: forms.BaseForm, sentence: str) -> None:
        super().__init__(sentence)
        self.prefix = form.prefix

    def is_about(self, form: forms.BaseForm) -> bool:
        """Return whether this is the form, or the one that a page shows again in its stead."""
        return self.prefix == form.prefix


class OrderForm(CarefulForm):
    """The form for what staff can change about an order: its stage, with a reason."""

    reason = forms.CharField(max_length=200, required=False, help_text="For the history; customers see it.")
    not_done: NotDone | None = None  # what became of the same request a moment ago

    class Meta:
        model = Order
        fields = ["stage"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "stage" not in self.fields:  # for those who only read
            return
        codes = [*self.instance.route.stages, stages.CANCELLED.code]
        shown = [(code, stages.label(code, self.instance.way)) for code in codes]
        cast(forms.Select, self.fields["stage"].widget).choices = shown  # `clean` says what is wrong with another

    def clean(self) -> dict[str, Any]:
        """Refuse before saving; otherwise the admin would report a success beside the refusal."""
        data = super().clean() or {}
        if self.is_there_already:
            self.add_error("stage", "The order is already at that stage.")
        route, target = self.instance.route, data.get("stage")
        if target and "stage" in self.changed_data and target not in (*route.stages, stages.CANCELLED.code):
            label = stages.BY_CODE[target].label
            self.add_error("stage", f"The order never is “{label}”: its way is “{route.label}”.")
        if data.get("reason") and "stage" not in self.changed_data and not self.is_there_already:
            self.add_error("reason", "Choose a new stage to go with the reason.")
        if self.not_done is not None and self.not_done.is_about(self):
            self.add_error("stage", str(self.not_done))
        return data

    @property
    def is_there_already(self) -> bool:
        """Whether the stage that was chosen is the one that the order has reached meanwhile."""
        stage = cast(ShownField, self["stage"])
        return stage.is_intended and not stage.is_touched

    def conflict(self, shown: ShownField) -> str:
        """Say it as the board does."""
        return f"{self.instance} has moved on: it is {whereabouts(self.instance)} already. {OUT_OF_DATE}"


class ItemForm(CarefulForm):
    """The form for what staff can change about one pizza of an order: where it is, with a reason."""

    # It shows only what is possible now, of all that it takes: the kitchen says why not.
    move_to = forms.ChoiceField(label="move to", required=False, choices=stages.choices)
    reason = forms.CharField(
        label="reason", max_length=200, required=False, help_text="For the history; customers see it."
    )
    seen = forms.IntegerField(min_value=0, required=False, widget=forms.HiddenInput)  # the order's seq on the page
    not_done: NotDone | None = None
    gone_sentence = f"This pizza is no longer part of the order. {OUT_OF_DATE}"

    class Meta:
        model = OrderItem
        fields: list[str] = []

    def __init__(self, *args: Any, order: Order, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.instance.order = order  # one instance for all, and no query
        self.fields["seen"].initial = order.seq
        if self.is_refused:  # the page shows by now where it is
            data = cast(QueryDict, self.data).copy()
            data[self.add_prefix("seen")] = str(order.seq)
            self.data = data
        targets = targets_of(self.instance)
        shown = [("", "–"), *((code, stages.label(code, order.way)) for code in targets)]
        cast(forms.Select, self.fields["move_to"].widget).choices = shown
        for name, words in (("move_to", "Move {} to"), ("reason", "Reason for {}")):
            attributes = self.fields[name].widget.attrs
            attributes["aria-label"] = words.format(f"pizza {self.instance.number}")
            attributes["disabled"] = not targets  # an old page can still ask, and is told

    @property
    def is_refused(self) -> bool:
        return self.not_done is not None and self.not_done.is_about(self)

    @property
    def is_move(self) -> bool:
        return bool(self.cleaned_data.get("move_to"))

    @property
    def wishes(self) -> list[str]:
        return [name for name in self.changed_data if name in ("move_to", "reason")]

    def has_changed(self) -> bool:
        return bool(self.wishes)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("move_to") and data.get("seen") is None:
            self.add_error("move_to", OUT_OF_DATE)
        if data.get("move_to") == stages.CANCELLED.code and not data.get("reason"):
            self.add_error("reason", "Say why this pizza is cancelled: the customer reads it.")
        if data.get("reason") and "move_to" not in self.changed_data:
            self.add_error("reason", "Choose where the pizza goes to go with the reason.")
        if self.is_refused:
            self.add_error("move_to", str(self.not_done))
        return data


def targets_of(item: OrderItem) -> list[str]:
    """Return the stages that flow.override can move an item to from where it is, and “cancelled”."""
    order = item.order
    if item.pk is None or item.is_struck or order.stage_read in stages.ENDED:
        return []
    of_items = [code for code in order.route.stages if outlook.stations.is_of_items(code)]
    if item.is_done:
        return of_items
    first_of_orders = order.route.stages[len(of_items)]  # stations of items come first
    return [code for code in (*of_items, first_of_orders, stages.CANCELLED.code) if code != item.stage]
