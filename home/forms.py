from typing import Any, cast

from django import forms

from home.models import Order
from kitchen import stages


class OrderForm(forms.ModelForm):  # type: ignore[type-arg]
    """The form for what staff can change about an order: its stage, with a reason."""

    reason = forms.CharField(max_length=200, required=False, help_text="For the history; customers see it.")

    class Meta:
        model = Order
        fields = ["stage"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Compare with what the person saw, not with what is true by now: the kitchen moves on while a list lies
        # open, and saving it must not move every other order back.
        self.fields["stage"].show_hidden_initial = True
        codes = [*self.instance.route.stages, stages.CANCELLED.code]
        shown = [(code, stages.label(code, self.instance.way)) for code in codes]
        cast(forms.Select, self.fields["stage"].widget).choices = shown  # `clean` says what is wrong with another

    def clean(self) -> dict[str, Any]:
        """Refuse before saving; otherwise the admin would report a success beside the refusal."""
        data = super().clean() or {}
        now_at = Order.objects.values_list("stage", flat=True).get(pk=self.instance.pk)
        if "stage" in self.changed_data and data.get("stage") == now_at:
            self.add_error("stage", "The order is already at that stage.")
        route, target = self.instance.route, data.get("stage")
        if target and "stage" in self.changed_data and target not in (*route.stages, stages.CANCELLED.code):
            label = stages.BY_CODE[target].label
            self.add_error("stage", f"The order never is “{label}”: its way is “{route.label}”.")
        if data.get("reason") and "stage" not in self.changed_data:
            self.add_error("reason", "Choose a new stage to go with the reason.")
        return data
