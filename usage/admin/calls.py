"""Calls: found by id, by number's hash, by time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext_lazy as _

from billing.errors import Refused
from billing.permitting import permitted
from tenants.models import Tenant
from usage.admin.listing import PAGE, ListingAdmin, chosen_days, chosen_tenant, link
from usage.models import Call, CallListing, Source
from usage.numbers import number_hash
from usage.unmasking import PERMISSION as MAY_UNMASK
from usage.unmasking import unmask_call


@admin.register(CallListing)
class CallListingAdmin(ListingAdmin):
    """The latest calls of a tenant that fit, fifty at a time."""

    permission = "usage.view_call"
    template = "admin/usage/calls.html"

    def get_urls(self) -> list[URLPattern]:
        """Add the page that shows the numbers of one call."""
        own = [path("unmask/", self.admin_site.admin_view(self.unmask_view), name="usage_call_unmask")]
        return own + super().get_urls()

    @permitted(MAY_UNMASK)
    def unmask_view(self, request: HttpRequest) -> HttpResponse:
        """Ask for a reason, then show the numbers of one call once; who saw them and why is noted."""
        tenant = chosen_tenant(request)
        if tenant is None:
            raise PermissionDenied
        asked = {name: request.GET.get(name, "").replace("\x00", "") for name in ("source", "call_id", "leg")}
        numbers = None
        if request.method == "POST":
            source = asked["source"]
            source_id = int(source) if source.isascii() and source.isdecimal() and len(source) < 19 else 0
            try:
                numbers = unmask_call(
                    request.user, tenant.pk, source_id, asked["call_id"], leg=asked["leg"],
                    reason=request.POST.get("reason", ""), now=datetime.now(UTC),
                )  # fmt: skip
            except Refused as refusal:
                self.refuse(request, refusal)
        own = {"title": _("Numbers in clear"), "opts": self.opts, "asked": asked, "numbers": numbers}
        return TemplateResponse(request, "admin/usage/unmask.html", self.admin_site.each_context(request) | own)

    def page(self, request: HttpRequest, tenant: Tenant) -> dict[str, Any]:
        """Return the calls and where the next page begins."""
        start, end = chosen_days(request, tenant, datetime.now(UTC))
        found = _fitting(request, tenant, start, end).order_by("-started_at", "-call_id", "-leg")
        calls = list(_after(found, request.GET.get("after", ""))[: PAGE + 1])
        codes = dict(Source.objects.filter(tenant=tenant).values_list("id", "code"))
        for call in calls:
            call.source = codes.get(call.source_id, "")  # type: ignore[attr-defined]
        last = calls[PAGE - 1] if len(calls) > PAGE else None
        following = f"{last.started_at.isoformat()}|{last.call_id}|{last.leg}" if last else ""
        return {
            "may_unmask": request.user.has_perm(MAY_UNMASK),
            "calls": calls[:PAGE],
            "following": link(request, after=following) if last else "",
            "start": start,
            "end": end,
        }


def _fitting(request: HttpRequest, tenant: Tenant, start: datetime, end: datetime) -> QuerySet[Call]:
    found = Call.objects.filter(tenant_id=tenant.pk)
    ids = list(Source.objects.filter(tenant=tenant).values_list("id", flat=True))
    source = request.GET.get("source", "")
    if source.isascii() and source.isdecimal() and int(source[:18]) in ids:
        ids = [int(source[:18])]
    if call_id := request.GET.get("call_id", "").strip().replace("\x00", ""):
        return found.filter(source_id__in=ids, call_id=call_id)
    # A period may begin up to a month before its calls; the bounds leave the other partitions alone.
    found = found.filter(period__range=(start.date() - timedelta(days=32), end.date()), source_id__in=ids)
    found = found.filter(started_at__gte=start, started_at__lt=end)
    if number := request.GET.get("number", "").strip():
        digest = number_hash(tenant.pk, number.encode("utf-8", "replace").decode())
        found = found.filter(Q(caller_hash=digest) | Q(callee_hash=digest))
    return found


def _after(found: QuerySet[Call], place: str) -> QuerySet[Call]:
    """Begin after a place: start, id and leg of the last call shown."""
    parts = place.replace("\x00", "").split("|")
    if len(parts) < 3:
        return found
    started, call_id, leg = parts[0], "|".join(parts[1:-1]), parts[-1]
    try:
        at = datetime.fromisoformat(started)
    except ValueError:
        return found
    if at.tzinfo is None:
        return found
    same = Q(started_at=at) & (Q(call_id__lt=call_id) | Q(call_id=call_id, leg__lt=leg))
    return found.filter(Q(started_at__lt=at) | same)
