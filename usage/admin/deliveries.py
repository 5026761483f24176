"""Deliveries: what came when, and what became of it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.http import HttpRequest

from tenants.models import Tenant
from usage.admin.listing import PAGE, ListingAdmin, link
from usage.models import Batch, BatchListing, Source


@admin.register(BatchListing)
class BatchListingAdmin(ListingAdmin):
    """The latest deliveries of a tenant; their ids are in the order of arrival."""

    permission = "usage.view_batch"
    template = "admin/usage/deliveries.html"

    def page(self, request: HttpRequest, tenant: Tenant) -> dict[str, Any]:
        """Return the batches and where the next page begins."""
        found = Batch.objects.filter(tenant_id=tenant.pk).order_by("-id")
        if request.GET.get("trouble"):
            found = found.exclude(rejected=0, conflicts=0)
        if before := uuid_of(request.GET.get("before", "")):
            found = found.filter(id__lt=before)
        if one := uuid_of(request.GET.get("batch", "")):
            found = found.filter(id=one)
        batches = list(found[: PAGE + 1])
        codes = dict(Source.objects.filter(tenant=tenant).values_list("id", "code"))
        for batch in batches:
            batch.source = codes.get(batch.source_id, "")  # type: ignore[attr-defined]
        last = batches[PAGE - 1] if len(batches) > PAGE else None
        return {"batches": batches[:PAGE], "following": link(request, before=str(last.id)) if last else ""}


def uuid_of(text: str) -> UUID | None:
    """Read an id of an address; None when it is none."""
    try:
        return UUID(text)
    except ValueError:
        return None
