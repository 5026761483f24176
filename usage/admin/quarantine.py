"""Quarantine: why each record could not be taken, and what to do: fix the source, read anew, or put aside."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext_lazy as _

from billing.errors import Refused
from billing.permitting import permitted
from tenants.models import Tenant
from usage import quarantine
from usage.admin.deliveries import uuid_of
from usage.admin.listing import PAGE, ListingAdmin, chosen_tenant, link
from usage.admin.reasons import ADVICE
from usage.models import Quarantined, QuarantineListing, Source

MAY_REPLAY = "usage.change_quarantined"
SHOWN = 600


@admin.register(QuarantineListing)
class QuarantineListingAdmin(ListingAdmin):
    """What waits in quarantine, with reasons; replay and put aside with ``usage.change_quarantined``."""

    permission = "usage.view_quarantined"
    template = "admin/usage/quarantine.html"

    def get_urls(self) -> list[URLPattern]:
        """Add the address the buttons post to."""
        own = [path("settle/", self.admin_site.admin_view(self.settle_view), name="usage_quarantine_settle")]
        return own + super().get_urls()

    def page(self, request: HttpRequest, tenant: Tenant) -> dict[str, Any]:
        """Return the records that wait, and how many there are for each reason among the newest thousand."""
        code = request.GET.get("code", "").replace("\x00", "")
        waiting = quarantine.open_records(tenant.pk, code=code)
        if before := uuid_of(request.GET.get("before", "")):
            waiting = waiting.filter(id__lt=before)
        records = list(waiting[: PAGE + 1])
        sources = {source.pk: source for source in Source.objects.filter(tenant=tenant)}
        for record in records:
            record.source = sources.get(record.source_id)  # type: ignore[attr-defined]
            record.advice = ADVICE.get(record.code, "")  # type: ignore[attr-defined]
            record.text = bytes(record.raw)[:SHOWN].decode("utf-8", "replace")  # type: ignore[attr-defined]
        newest = quarantine.open_records(tenant.pk).values("id")[: quarantine.AT_ONCE]
        reasons = Quarantined.objects.filter(tenant_id=tenant.pk, id__in=newest).values("code").annotate(n=Count("id"))
        last = records[PAGE - 1] if len(records) > PAGE else None
        return {
            "records": records[:PAGE],
            "reasons": list(reasons.order_by("-n")),
            "following": link(request, before=str(last.id)) if last else "",
            "may_replay": request.user.has_perm(MAY_REPLAY),
        }

    @permitted(MAY_REPLAY)
    def settle_view(self, request: HttpRequest) -> HttpResponse:
        """Read the chosen records anew or put them aside; all that fit the reason when none is chosen."""
        tenant = chosen_tenant(request)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if tenant is None:
            raise PermissionDenied
        ids = [found for text in request.POST.getlist("record") if (found := uuid_of(text))]
        waiting = quarantine.open_records(tenant.pk, code=request.GET.get("code", "").replace("\x00", ""))
        records = list((waiting.filter(id__in=ids) if ids else waiting)[: quarantine.AT_ONCE])
        if "discard" in request.POST and ids:
            count = quarantine.discard(tenant.pk, ids, datetime.now(UTC))
            self.message_user(request, _("%(count)d records were put aside.") % {"count": count})
        elif "discard" not in request.POST:
            self._replay(request, tenant, records)
        return HttpResponseRedirect(f"{reverse('admin:usage_quarantinelisting_changelist')}{link(request)}")

    def _replay(self, request: HttpRequest, tenant: Tenant, records: list[Quarantined]) -> None:
        try:
            done = quarantine.replay(tenant, records, datetime.now(UTC))
        except Refused as refusal:
            self.refuse(request, refusal)
            return
        sentence = _(
            "Read %(tried)d anew: %(accepted)d accepted, %(duplicates)d known before, %(rejected)d still wrong."
        )
        figures = {"tried": done.tried, "accepted": done.accepted, "duplicates": done.duplicates}
        wrong = done.rejected + done.conflicts
        level = messages.WARNING if wrong else messages.SUCCESS
        self.message_user(request, sentence % (figures | {"rejected": wrong}), level)
