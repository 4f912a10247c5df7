"""The stations and the shop's settings, in the stock admin."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone

from kitchen import flow, stages, tasks
from kitchen.locks import lock_stations
from kitchen.models import Shop, Station


@admin.register(Station)
class StationAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ["name", "stage", "capacity", "is_open", "distribution", "mean_seconds", "spread_seconds"]
    list_display += ["per_pizza", "as_measured", "measured"]
    list_editable = ["capacity", "mean_seconds", "spread_seconds", "as_measured"]
    list_filter = ["is_open", "distribution"]
    search_fields = ["name"]
    readonly_fields = ["stage", "measured"]

    @admin.display(description="measured, in kitchen seconds")
    def measured(self, station: Station) -> str:
        if station.measured_mean_seconds is None:
            return "Not enough work has been measured yet."
        mean, spread = station.measured_mean_seconds, station.measured_spread_seconds
        return f"{mean:.0f} ± {spread:.0f} ({station.measured_distribution}, {station.measured_samples} samples)"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # a stage has one station: see kitchen.stages

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Station, form: Any, change: bool) -> None:
        changes = {name: form.cleaned_data[name] for name in form.changed_data}
        lock_stations(*stages.WORKED)  # in their order, whatever the list's is: it is saved in one transaction
        tasks.cook_all(flow.change_station(obj.stage, timezone.now(), **changes))


@admin.register(Shop)
class ShopAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ["__str__", "is_open", "speed", "demand_per_hour"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Shop, form: Any, change: bool) -> None:
        tasks.cook_all(flow.set_speed(form.cleaned_data["speed"], timezone.now()))  # first: stations, then the shop
        obj.save(update_fields=set(form.changed_data) - {"speed"})
