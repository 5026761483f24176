"""Staff and their roles, in the site's theme; nobody makes more of anybody than the table of roles says."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.http import HttpRequest
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from billing.admin import FinanceAdmin, KeptAdmin
from billing.roles import ROLES, TITLES

admin.site.unregister(User)
admin.site.unregister(Group)
ONLY_SUPERUSERS_GIVE = ("is_superuser", "user_permissions")


@admin.register(User)
class UserAdmin(DjangoUserAdmin, KeptAdmin):  # type: ignore[type-arg]
    """Staff; who leaves is made inactive, so that what they did keeps its name."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Keep a superuser, password included, from those who are none."""
        allowed = bool(super().has_change_permission(request, obj))
        return allowed and (obj is None or not obj.is_superuser or request.user.is_superuser)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Let roles be given, but rights past them only by superusers."""
        usual = super().get_readonly_fields(request, obj)
        return usual if request.user.is_superuser else (*usual, *ONLY_SUPERUSERS_GIVE)

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Call the roles what the reader calls them."""
        field = super().formfield_for_manytomany(db_field, request, **kwargs)
        if db_field.name == "groups" and field is not None:
            field.label_from_instance = lambda group: str(TITLES.get(group.name, group.name))  # type: ignore[method-assign, assignment]
        return field


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, FinanceAdmin):
    """Groups; those of the table of roles are looked at here and changed there."""

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Leave the roles to their table."""
        return bool(super().has_change_permission(request, obj)) and (obj is None or obj.name not in ROLES)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Leave the roles to their table."""
        return bool(super().has_delete_permission(request, obj)) and (obj is None or obj.name not in ROLES)
