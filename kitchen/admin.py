"""The stations and the shop's settings, in the stock admin."""

from collections.abc import Iterable, Sequence
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import NON_FIELD_ERRORS, PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponseNotAllowed, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html

from kitchen import as_measured, flow, presets, stages
from kitchen.locks import lock_kitchen
from kitchen.models import Shop, Station, by_stage
from office.careful import CarefulAdmin
from simulation import distributions
from simulation.distributions.text import EXAMPLE, overview, parse, written


class ParametersField(forms.CharField):
    """A distribution's own parameters, as text."""

    def prepare_value(self, value: Any) -> Any:
        return written(value) if isinstance(value, dict) else value

    def to_python(self, value: Any) -> Any:
        try:
            return parse(super().to_python(value) or "")
        except ValueError as error:
            raise ValidationError(str(error)) from None

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return bool((initial or {}) != self.to_python(data))
        except ValidationError:
            return True


class StationForm(forms.ModelForm):  # type: ignore[type-arg]
    parameters = ParametersField(required=False, label="Own parameters")
    derived: Sequence[str] = ()  # columns that follow from those the person changed

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["parameters"].help_text = f"Besides mean and spread, such as {EXAMPLE}. {overview()}"

    def clean(self) -> dict[str, Any]:
        """Take mean and spread from new parameters that define their own mean, unless the mean was changed, too."""
        values: dict[str, Any] = super().clean() or {}
        if {"distribution", "parameters"} & set(self.changed_data) and "mean_seconds" not in self.changed_data:
            try:
                moments = distributions.own_moments(values.get("distribution", ""), values.get("parameters", {}))
            except (ValueError, ArithmeticError, TypeError, KeyError):
                moments = None  # Station.clean reports what is wrong
            if moments:
                values["mean_seconds"], values["spread_seconds"] = moments
                self.derived = ["mean_seconds"]
        return values


class StationListForm(forms.ModelForm):  # type: ignore[type-arg]
    def add_error(self, field: str | None, error: Any) -> None:
        """Report errors about columns that the list does not show, which Station.clean names, as errors of the row."""
        if hasattr(error, "error_dict"):
            named = {
                name if name in self.fields else NON_FIELD_ERRORS: texts for name, texts in error.error_dict.items()
            }
            error = ValidationError(named)
        super().add_error(field, error)


class KitchenAdmin(CarefulAdmin):
    """What verbs read behind the kitchen's lock is changed behind the same one."""

    def lock(self, keys: Iterable[Any]) -> None:
        with lock_kitchen():
            pass


@admin.register(Station)
class StationAdmin(KitchenAdmin):
    form = StationForm
    # No wider than a screen, and no filters beside it: there are five of them.
    list_display = ["name", "works_on", "kind", "capacity", "headway_seconds", "work_ends", "is_open"]
    list_display += ["service", "mean_seconds", "spread_seconds", "as_measured", "measured"]
    list_editable = ["capacity", "headway_seconds", "mean_seconds", "spread_seconds", "as_measured"]
    list_select_related = ["shop"]
    readonly_fields = ["stage", "measured", "shop_says"]
    ordering = [by_stage()]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        ends_by = "shop_says" if obj is not None and obj.stage == stages.READY else "ends_by"
        return [
            (None, {"fields": ["name", "stage", "is_open"]}),
            ("What it works on", {"fields": ["works_on", "kind", "capacity", "headway_seconds"]}),
            ("Who ends the work", {"fields": [ends_by, "goes_on_after_times"]}),
            (
                "How long the work takes",
                {"fields": ["distribution", "mean_seconds", "spread_seconds", "parameters", "per_pizza"]},
            ),
            ("What customers are told", {"fields": ["as_measured", "measured"]}),
        ]

    @admin.display(description="work ends by")
    def work_ends(self, station: Station) -> str:
        if not station.with_shop().is_by_hand:
            return Station.EndsBy.CLOCK.label
        times = station.goes_on_after_times
        by_itself = "" if times is None else f", or by itself after {times:g} × the mean"
        return f"{Station.EndsBy.HAND.label}{by_itself}"

    @admin.display(description="work ends by")
    def shop_says(self, station: Station) -> str:
        """Say who ends the work at the counter, which the shop's own settings decide."""
        by, state = ("A tap", "off") if station.with_shop().is_by_hand else ("The clock", "on")
        page = reverse("admin:kitchen_shop_change", args=[station.shop_id])
        return format_html('{}, as <a href="{}">the shop</a> has “hand over by itself” switched {}.', by, page, state)

    @admin.display(description="service time")
    def service(self, station: Station) -> str:
        each = ", for each pizza" if station.per_pizza else ""
        return f"{station.get_distribution_display()}{each}"

    @admin.display(description="promises use the times, in kitchen seconds")
    def measured(self, station: Station) -> str:
        return as_measured.words(station)

    def get_changelist_form(self, request: HttpRequest, **kwargs: Any) -> Any:
        return super().get_changelist_form(request, form=StationListForm, **kwargs)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # each stage has exactly one station: see kitchen.stages

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Say what the kitchen refuses. Only here, outside of the transaction: nothing of the change is left."""
        try:
            return super().changeform_view(request, *args, **kwargs)
        except flow.Refused as refused:
            self.message_user(request, str(refused), messages.ERROR)
            return HttpResponseRedirect(request.path)

    def save_model(self, request: HttpRequest, obj: Station, form: Any, change: bool) -> None:
        names = [*form.changed_data, *getattr(form, "derived", ())]  # the list has another form, without `derived`
        flow.change_station(obj.stage, by=request.user, **{name: form.cleaned_data[name] for name in names})


@admin.register(Shop)
class ShopAdmin(KitchenAdmin):
    list_display = ["__str__", "is_open", "speed", "demand_per_hour", "carry_out_share", "hands_over"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Shop, form: Any, change: bool) -> None:
        if "speed" in form.changed_data:
            flow.set_speed(form.cleaned_data["speed"])
        obj.save(update_fields=set(form.changed_data) - {"speed"})

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.apply_preset)
        return [path("preset/<slug:code>/", view, name="kitchen_shop_preset"), *super().get_urls()]

    def apply_preset(self, request: HttpRequest, code: str) -> HttpResponseBase:
        """Set the shop up as a preset says, from the front page."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not self.has_change_permission(request) or not request.user.has_perm("kitchen.change_station"):
            raise PermissionDenied
        if code not in presets.PRESETS:
            raise Http404("There is no such preset.")
        preset = presets.PRESETS[code]
        try:
            presets.apply(preset)
        except flow.Refused as refused:
            self.message_user(request, f"Nothing was changed. {refused}", messages.ERROR)
        else:
            self.log_change(request, Shop.objects.get(), f"Set up as “{preset.label}”.")
            self.message_user(request, f"The shop is set up as “{preset.label}” now.", messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:index"))
