"""Service levels by month: what the calls say, what was entered, and which of the two counts."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.db.models import Sum
from django.http import HttpRequest

from billing.rating.levels import levels_of
from tenants.models import MeasuredLevel, Tenant
from tenants.wording.measures import measure_name
from usage.admin.listing import ListingAdmin
from usage.counting import LEVEL
from usage.models import LevelListing, UsageTotal

SHOWN = 200


@dataclass(slots=True)
class Row:
    """One measure of one contract in one month: what met it of how many calls, and the latest entry."""

    calls: int = 0
    met: int = 0
    level: Decimal | None = None
    entered: MeasuredLevel | None = None


@admin.register(LevelListing)
class LevelListingAdmin(ListingAdmin):
    """The levels of a tenant's contracts, newest month first."""

    permission = "tenants.view_measuredlevel"
    template = "admin/usage/levels.html"

    def page(self, request: HttpRequest, tenant: Tenant) -> dict[str, Any]:
        """Return the rows: month, contract, measure, and what is known of it."""
        contracts = {contract.pk: contract for contract in tenant.contracts.order_by("code")}
        rows: dict[tuple[date, int, str], Row] = defaultdict(Row)
        counted = UsageTotal.objects.filter(tenant_id=tenant.pk, meter=LEVEL, contract_id__in=contracts)
        sums = counted.values_list("period", "contract_id", "clause").annotate(Sum("calls"), Sum("value"))
        for period, contract, measure, calls, met in sums.order_by("-period")[:SHOWN]:
            found = levels_of({measure: (calls, int(met))})
            rows[period, contract, measure] = Row(calls, int(met), found[0].level if found else None)
        entered = MeasuredLevel.objects.filter(contract__in=contracts, version=None).order_by(
            "-period_starts_on", "-pk"
        )
        for entry in entered[:SHOWN]:
            row = rows[entry.period_starts_on, entry.contract_id, entry.measure]
            row.entered = row.entered or entry
        order = sorted(rows, key=lambda key: (-key[0].toordinal(), contracts[key[1]].code, key[2]))
        return {"rows": [(key[0], contracts[key[1]], measure_name(key[2]), rows[key]) for key in order[:SHOWN]]}
