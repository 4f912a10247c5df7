"""Accounts in the stock admin: who is allowed what, tokens to revoke, pictures to remove."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.forms import AdminPasswordChangeForm
from django.contrib.auth.models import Group, User
from django.http import HttpRequest

from accounts.finding import named, with_all, with_word
from accounts.forms import AdminLogInForm
from accounts.models import Profile, Token

admin.site.login_form = AdminLogInForm
admin.site.unregister([User, Group])


class PasswordForm(AdminPasswordChangeForm):  # type: ignore[type-arg]
    """Write the password alone."""

    def set_password_and_save(self, user: Any, *args: Any, **kwargs: Any) -> Any:
        user = super().set_password_and_save(user, *args, **{**kwargs, "commit": False})  # type: ignore[misc]
        user.save(update_fields=["password"])
        return user


@admin.register(User)
class AccountAdmin(UserAdmin):  # type: ignore[type-arg]
    """Only a superuser gives rights away, or touches a superuser: otherwise `change_user` would be every right."""

    change_password_form = PasswordForm
    search_help_text = "A name or an address from its beginning; of the newest accounts and the staff any part."
    volatile = ["last_login"]

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        found = with_all(search_term, with_word)
        return queryset if found is None else queryset.filter(pk__in=found), False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fields = super().get_readonly_fields(request, obj)
        return fields if is_superuser(request) else [*fields, "is_superuser", "groups", "user_permissions"]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and (is_superuser(request) or not is_above(obj))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and (is_superuser(request) or not is_above(obj))


@admin.register(Group)
class RightsOfGroupAdmin(GroupAdmin):
    """Only a superuser says what a group is allowed to do."""

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fields = super().get_readonly_fields(request, obj)
        return fields if is_superuser(request) else [*fields, "permissions"]


def is_superuser(request: HttpRequest) -> bool:
    return request.user.is_superuser


def is_above(user: Any) -> bool:
    return user is not None and user.is_superuser


@admin.register(Token)
class TokenAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Tokens are created on the profile page only, where the key is shown. Deleting one here revokes it."""

    list_display = ["name", "user", "prefix", "created_at", "expires_at", "last_used_at"]
    list_select_related = ["user"]
    search_fields = ["name", "prefix", "user__username"]
    date_hierarchy = "created_at"
    fields = ["user", "name", "prefix", "created_at", "expires_at", "last_used_at"]
    volatile = ["last_used_at"]  # no reason to refuse anything (office.acting)

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
    search_help_text = "A user name, from its beginning; of the newest accounts any part."
    fields = ["user", "picture", "shows_reads"]

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        found = with_all(search_term, named)
        return queryset if found is None else queryset.filter(user__in=found), False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
