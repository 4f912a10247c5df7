"""The admin's site. Whatever is registered there becomes careful: nobody has to remember it."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.db.models.base import ModelBase

from office.careful import CarefulAdmin

AdminClass = type[Any]


class CarefulSite(admin.AdminSite):
    def register(
        self,
        model_or_iterable: type[Model] | Iterable[type[Model]],
        admin_class: AdminClass | None = None,
        **options: Any,
    ) -> None:
        models = [model_or_iterable] if isinstance(model_or_iterable, ModelBase) else model_or_iterable
        super().register(models, careful(admin_class or admin.ModelAdmin), **options)


def careful(admin_class: AdminClass) -> AdminClass:
    """Return the class with CarefulAdmin between itself and Django's own, so that its `super()` is careful."""
    if issubclass(admin_class, CarefulAdmin):
        return admin_class
    bases = (CarefulAdmin,) if admin_class is admin.ModelAdmin else (admin_class, CarefulAdmin)
    return type(admin_class.__name__, bases, {"__module__": admin_class.__module__, "__doc__": admin_class.__doc__})
