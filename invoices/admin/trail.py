"""The audit trail: who changed what, when and why, before and after; the days' anchors; and having it all verified."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any, cast

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_lazy
from unfold.decorators import action as list_button

from billing.admin import ViewOnlyAdmin
from billing.exporting import CSV, table_response
from billing.permitting import permitted
from invoices.admin.books import ask_page
from invoices.models import TrailAnchor, TrailEntry, TrailSeal
from invoices.trail.reading import Told, entries, rows_of, tables, tell
from invoices.trail.watching import options_of

PAGE = 50
MAY_SEE, MAY_VERIFY = "billing.view_audittrail", "billing.verify_audittrail"
HEADERS = [
    gettext_lazy("entry"), gettext_lazy("at"), gettext_lazy("by way of"), gettext_lazy("who"), gettext_lazy("database role"),
    gettext_lazy("of"), gettext_lazy("key"), gettext_lazy("name"), gettext_lazy("what"), gettext_lazy("before and after"),
    gettext_lazy("why"), gettext_lazy("request"),
]  # fmt: skip


class TrailAdmin(ViewOnlyAdmin):
    """A page for those who may see the audit trail."""

    permission = MAY_SEE

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Tell whether the reader may see the trail."""
        return request.user.has_perm(self.permission)

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Show the page in the menu of those who may see it."""
        return self.has_view_permission(request)


@admin.register(TrailEntry)
class TrailEntryAdmin(TrailAdmin):
    """The entries that fit, fifty at a time."""

    def get_urls(self) -> list[URLPattern]:
        """Add the export."""
        own = [path("export/", self.admin_site.admin_view(self.export_view), name="invoices_trailentry_export")]
        return own + cast("list[URLPattern]", super().get_urls())

    @permitted("view")
    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show who changed what, by table, object, person and day."""
        found = _fitting(request)
        if (place := request.GET.get("before", "")).isdecimal() and len(place) < 19:
            found = found.filter(pk__lt=int(place))
        some = list(found[: PAGE + 1])
        asked = request.GET.copy()
        asked.pop("before", None)
        context = self.admin_site.each_context(request) | {
            "title": gettext("Audit trail"),
            "opts": self.opts,
            "asked": request.GET,
            "tables": tables(),
            "told": [{"said": (told := tell(each)), "link": _link(told)} for each in some[:PAGE]],
            "export": f"{reverse('admin:invoices_trailentry_export')}?{asked.urlencode()}",
            "following": f"?{asked.urlencode()}&before={some[PAGE - 1].pk}" if len(some) > PAGE else "",
        }
        return TemplateResponse(request, "admin/invoices/trail.html", context)

    @permitted("view")
    def export_view(self, request: HttpRequest) -> HttpResponseBase:
        """Give the entries that fit as CSV."""
        return table_response(CSV, "audit-trail", HEADERS, rows_of(_fitting(request)))

    @permitted("view")
    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the trail of the row that an entry is of."""
        entry = self.get_object(request, object_id)
        if entry is None or not self.has_view_permission(request, entry):
            raise PermissionDenied
        entry = cast("TrailEntry", entry)
        return HttpResponseRedirect(
            f"{reverse('admin:invoices_trailentry_changelist')}?table={entry.table_name}&key={entry.key}"
        )


@admin.register(TrailAnchor)
class TrailAnchorAdmin(TrailAdmin):
    """Where the chain ended on each day, and whether it still passes there."""

    list_display = ("day", "seal", "entries", "state", "hash_shown")
    actions_list = ("verify", "export")

    def get_queryset(self, request: HttpRequest) -> QuerySet[TrailAnchor]:
        """Look up the hash that the chain has there now."""
        seal = TrailSeal.objects.filter(number=OuterRef("seal")).values("hash")
        return cast("QuerySet[TrailAnchor]", super().get_queryset(request).annotate(chain=Subquery(seal)))

    @admin.display(description=gettext_lazy("state"))
    def state(self, anchor: TrailAnchor) -> str:
        """Say whether the chain still has the anchor's hash."""
        chain = getattr(anchor, "chain", None)
        if chain is None:
            return gettext("the seal is missing")
        return gettext("as anchored") if bytes(chain).hex() == anchor.hash else gettext("the chain has another hash")

    @admin.display(description=gettext_lazy("hash"))
    def hash_shown(self, anchor: TrailAnchor) -> SafeString:
        """Give the hash to compare with what is kept elsewhere."""
        return format_html('<code style="font-size: .75rem; overflow-wrap: anywhere">{}</code>', anchor.hash)

    def has_verify_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Show the button to those who have the trail verified."""
        return request.user.has_perm(MAY_VERIFY)

    @list_button(  # type: ignore[untyped-decorator]
        description=gettext_lazy("Verify the trail …"), url_path="verify", permissions=["verify"]
    )
    @permitted(MAY_VERIFY)
    def verify(self, request: HttpRequest) -> HttpResponse:
        """Say what will happen; on confirmation have the books checked, the trail with them, and show how far it is."""
        return ask_page(
            request,
            self.opts,
            title=gettext("Verify the audit trail"),
            saying=gettext(
                "Reads the whole trail and every row it watches, with the check of the books. Nothing is changed; I10 names "
                "what is not as it was written."
            ),
        )

    @list_button(description=gettext_lazy("Export as CSV"), url_path="export")  # type: ignore[untyped-decorator]
    @permitted("view")
    def export(self, request: HttpRequest) -> HttpResponseBase:
        """Give all anchors as CSV, to be kept outside of the database; ``verify_audit --anchors`` reads it."""
        heads = [gettext("day (UTC)"), gettext("seal"), gettext("entries so far"), gettext("hash")]
        found = TrailAnchor.objects.order_by("day").values_list("day", "seal", "entries", "hash")
        return table_response(CSV, "audit-anchors", heads, found.iterator())


def _fitting(request: HttpRequest) -> QuerySet[TrailEntry]:
    asked = {name: request.GET.get(name, "").strip().replace("\x00", "") for name in ("table", "key", "person")}
    first, last = _midnight(request.GET.get("from", "")), _midnight(request.GET.get("to", ""))
    return entries(**asked, first=first, last=last + timedelta(days=1) if last else None)


def _midnight(text: str) -> datetime | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return timezone.make_aware(datetime.combine(day, time())) if 1970 < day.year < 2200 else None


def _link(told: Told) -> str:
    """Give the address of the page of the object, if it has one."""
    if told.model is None or told.entry.after is None or not admin.site.is_registered(told.model):
        return ""
    meta = options_of(told.model)
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[told.entry.key])
