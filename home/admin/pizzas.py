from typing import Any

from django.contrib import admin
from django.contrib.admin.widgets import AdminFileWidget
from django.forms import FileField
from django.http import HttpRequest
from django.utils.html import format_html

from home.models import Pizza
from office.careful import CarefulAdmin


@admin.register(Pizza)
class PizzaAdmin(CarefulAdmin):
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

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[Any, Any, Any, Any]:
        """Say which pizzas have been ordered, and so stay. Django would list each order with them, of all years."""
        kept = [pizza for pizza in objs if pizza.lines.exists()]
        if kept:
            return [str(pizza) for pizza in objs], {}, set(), [f"Orders with {pizza}" for pizza in kept]
        return super().get_deleted_objects(objs, request)

    @admin.display(description="")
    def picture(self, pizza: Pizza) -> str:
        if not pizza.image:
            return "–"
        return format_html('<img src="{}" alt="" width="80" height="50" loading="lazy">', pizza.image.url)
