"""Declarations: what senders say they sent, beside what is there."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import admin
from django.http import HttpRequest

from tenants.models import Tenant
from usage.admin.listing import ListingAdmin, chosen_days
from usage.declarations import completeness
from usage.models import DeclarationListing, Source


@admin.register(DeclarationListing)
class DeclarationListingAdmin(ListingAdmin):
    """The declarations of the last months, compared."""

    permission = "usage.view_declaration"
    template = "admin/usage/declarations.html"

    def page(self, request: HttpRequest, tenant: Tenant) -> dict[str, Any]:
        """Return the comparisons."""
        start, end = chosen_days(request, tenant, datetime.now(UTC), back=93)
        codes = dict(Source.objects.filter(tenant=tenant).values_list("id", "code"))
        zone = ZoneInfo(tenant.zone)
        compared = completeness(tenant, start.astimezone(zone).date(), end.astimezone(zone).date())
        return {"rows": [(codes.get(each.source_id, ""), each) for each in compared], "start": start, "end": end}
