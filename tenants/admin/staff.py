"""Staff and their roles, in the site's theme; nobody makes more of anybody than the table of roles says."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from billing.admin import FinanceAdmin, KeptAdmin, ViewOnlyAdmin
from billing.models import Lockout, Unlocking
from billing.permitting import permitted
from billing.roles import ROLES, TITLES
from billing.second_factor import forget_devices

admin.site.unregister(User)
admin.site.unregister(Group)
# Their own pages show the keys, with which anybody makes a person's codes.
admin.site.unregister(TOTPDevice)
admin.site.unregister(StaticDevice)
ONLY_SUPERUSERS_GIVE = ("is_superuser", "user_permissions")


@admin.register(User)
class UserAdmin(DjangoUserAdmin, KeptAdmin):  # type: ignore[type-arg]
    """Staff; who leaves is made inactive, so that what they did keeps its name."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm

    change_form_before_template = "staff/_factor_link.html"

    def get_urls(self) -> list[URLPattern]:
        """Add the page that resets a person's second factor."""
        view = self.admin_site.admin_view(self.reset_view)
        own = [path("<int:pk>/reset-factor/", view, name="auth_user_reset_factor")]
        return own + super().get_urls()

    @permitted("auth.change_user")
    def reset_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Take a person's telephone and recovery codes away, for a reason that is kept."""
        person = get_object_or_404(User, pk=pk)
        if not self.has_change_permission(request, person):
            raise PermissionDenied
        reason = request.POST.get("reason", "").strip()[:300]
        if request.method == "POST" and reason:
            forget_devices(person)
            self.log_change(request, person, f"second factor reset: {reason}")
            said = _("The second factor of %(person)s is reset; it is set up anew at the next login.")
            self.message_user(request, said % {"person": person}, messages.SUCCESS)
            return HttpResponseRedirect(reverse("admin:auth_user_change", args=[pk]))
        if request.method == "POST":
            self.message_user(request, _("Say why: the reason is kept."), messages.ERROR)
        context = self.admin_site.each_context(request) | {
            "title": _("Reset the second factor of %(person)s") % {"person": person}, "opts": self.opts, "person": person,
        }  # fmt: skip
        return TemplateResponse(request, "staff/reset_factor.html", context)

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

    def get_queryset(self, request: HttpRequest) -> QuerySet[Group]:
        """Bring along what the permissions are named by."""
        return super().get_queryset(request).prefetch_related("permissions__content_type")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Leave the roles to their table."""
        return bool(super().has_change_permission(request, obj)) and (obj is None or obj.name not in ROLES)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Leave the roles to their table."""
        return bool(super().has_delete_permission(request, obj)) and (obj is None or obj.name not in ROLES)


@admin.register(Lockout)
class LockoutAdmin(ViewOnlyAdmin):
    """Wrong passwords that count at the moment; unlocking forgets them."""

    list_display = ("username", "ip_address", "failures_since_start", "attempt_time")
    list_display_links = None
    search_fields = ("username", "ip_address")
    fields = ("username", "ip_address", "failures_since_start", "attempt_time")
    actions = ("unlock",)

    @admin.action(description=gettext_lazy("Unlock the chosen ones"))
    @permitted("billing.change_lockout")
    def unlock(self, request: HttpRequest, chosen: QuerySet[Lockout]) -> None:
        """Let these people try again at once; who let whom is kept."""
        locks = list(chosen)
        names = ", ".join(sorted({str(each.username) for each in locks}))
        by, now = request.user.get_username(), datetime.now(UTC)
        with transaction.atomic():
            Unlocking.objects.bulk_create(
                Unlocking(
                    username=each.username or "",
                    ip_address=each.ip_address,
                    failures=each.failures_since_start,
                    by=by,
                    at=now,
                )
                for each in locks
            )
            Lockout.objects.filter(pk__in=[each.pk for each in locks]).delete()
        self.message_user(request, _("Unlocked: %(names)s.") % {"names": names}, messages.SUCCESS)
