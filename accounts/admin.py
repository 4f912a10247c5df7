"""Show tokens and profiles in the stock admin, where staff can revoke a token or remove a picture."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from accounts.forms import AdminLogInForm
from accounts.models import Profile, Token

admin.site.login_form = AdminLogInForm


@admin.register(Token)
class TokenAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Tokens are created on the profile page only, where the key is shown. Deleting one here revokes it."""

    list_display = ["name", "user", "prefix", "created_at", "expires_at", "last_used_at"]
    list_select_related = ["user"]
    search_fields = ["name", "prefix", "user__username"]
    date_hierarchy = "created_at"
    fields = ["user", "name", "prefix", "created_at", "expires_at", "last_used_at"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Profile)
class ProfileAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Deleting a profile removes an unwanted picture. The profile is created again when it is next needed."""

    list_display = ["user", "picture", "shows_reads"]
    list_select_related = ["user"]
    search_fields = ["user__username"]
    fields = ["user", "picture", "shows_reads"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
