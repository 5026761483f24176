"""The admin of the finance staff: its site, and what its pages share."""

from __future__ import annotations

from functools import wraps
from typing import Any, cast

from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.core.paginator import Page, Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, URLResolver, path, reverse
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.sites import UnfoldAdminSite

from billing.errors import Refused
from billing.login_pages import code_page, enrol_page, led_away
from billing.own_settings import preference_of, preferences_page
from billing.permitting import permitted


class FinanceAdminSite(UnfoldAdminSite):  # type: ignore[misc]
    """The one admin site; everything finance does happens here."""

    index_title = _("Billing")
    enable_nav_sidebar = True
    index_template = "admin/invoices/home.html"

    def get_urls(self) -> list[URLPattern | URLResolver]:
        """Add the pages of the second factor, which one may see before it is proved, and a person's own settings."""
        owed = super().admin_view
        own = [
            path("enrol/", owed(enrol_page), name="enrol"),
            path("code/", owed(code_page), name="second_factor"),
            path("own-settings/", self.admin_view(preferences_page), name="own_settings"),
        ]
        return own + cast("list[URLPattern | URLResolver]", super().get_urls())

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """Let nobody who still owes the second factor see a page, but let them log out."""

        @wraps(view)
        def opened(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            return led_away(request) or view(request, *args, **kwargs)

        leaving = getattr(view, "__name__", "") == "logout"
        return super().admin_view(view if leaving else opened, cacheable)

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """Give the pages the theme that the person chose, and an object's the address of its history to who may read it."""
        context: dict[str, Any] = super().each_context(request)
        chosen = preference_of(request)
        if chosen and chosen.theme:
            context["theme"] = chosen.theme
        place = request.resolver_match
        name = (place.url_name or "") if place and "object_id" in place.kwargs else ""
        if place and name.endswith("_change") and request.user.has_perm("billing.view_audittrail"):
            context["history"] = reverse(
                f"admin:{name.removesuffix('change')}history", args=[place.kwargs["object_id"]]
            )
        context["show_history"] = "history" in context
        return context


class HistoryInTheTrail:
    """The history of an object is its audit trail, not Django's own log: that knows only of what the admin did."""

    opts: Any

    @permitted("view")
    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Lead to the trail of the object."""
        asked = urlencode({"table": self.opts.db_table, "key": unquote(object_id)})
        return HttpResponseRedirect(f"{reverse('admin:invoices_trailentry_changelist')}?{asked}")


class KeyedPaginator(Paginator):  # type: ignore[type-arg]
    """Pages cut by their keys: what belongs to a row is fetched for the rows shown, not for all that are sorted."""

    def page(self, number: Any) -> Page[Any]:
        """Find the keys of the page, then its rows in the same order."""
        page: Page[Any] = super().page(number)
        rows = cast("QuerySet[Any]", self.object_list)
        keys = list(cast("QuerySet[Any]", page.object_list).select_related(None).values_list("pk", flat=True))
        page.object_list = rows.filter(pk__in=keys)
        return page


class FinanceAdmin(HistoryInTheTrail, ModelAdmin):  # type: ignore[misc]
    """A page over rows people may change."""

    list_filter_submit = True
    warn_unsaved_form = True
    list_per_page = 50  # a page answers in half a second, and nobody reads more at once
    show_full_result_count = False  # no COUNT(*) over the whole table just to say "of 1,000,000"

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Refuse an action that the reader was not offered, where Django would show the list as if nothing had been asked."""
        asked = request.POST.get("action")
        if asked and asked not in self.get_actions(request):
            raise PermissionDenied
        return super().changelist_view(request, extra_context)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Offer the actions whose permission the reader holds."""
        return {
            name: action
            for name, action in super().get_actions(request).items()
            if all(request.user.has_perm(needed) for needed in getattr(action[0], "permissions", ()))
        }

    def refuse(self, request: HttpRequest, refusal: Refused) -> None:
        """Show a refusal as the sentence it is."""
        self.message_user(request, refusal.message, messages.ERROR)


class KeptAdmin(FinanceAdmin):
    """A page over rows that stay for ever: they are made inactive or ended, never deleted."""

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody deletes such a row."""
        return False


class ViewOnlyAdmin(KeptAdmin):
    """A page over rows that only the business's verbs may change."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody adds such a row by hand."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody changes such a row by hand."""
        return False
