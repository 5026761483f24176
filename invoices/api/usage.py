"""A tenant's running month, to date and as it is expected to end."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api import problems
from billing.rating import Bill, Totals
from billing.rating.terms import Name
from invoices.api import shapes
from invoices.forecasting import Outlook, outlooks
from tenants.api import TenantView
from tenants.models import ApiKey, Tenant


class UsageView(TenantView):
    """GET /api/v1/usage."""

    scope = ApiKey.READ

    @extend_schema(
        operation_id="get_usage", summary="Look the running month up", tags=["invoices"],
        responses={200: shapes.UsageShape, **problems()},
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """Show what each contract's running month comes to by now, and by its end if days go on as they did."""
        tenant = Tenant.objects.get(pk=self.holder.tenant_id)
        items = [_told(each) for each in outlooks(tenant, datetime.now(UTC))]
        return Response(shapes.UsageShape({"items": items}).data)


def month_told(outlook: Outlook) -> dict[str, Any]:
    """Tell which month of which contract is shown, and how fresh it is."""
    return {
        "contract": outlook.contract.code,
        "period_starts_on": outlook.terms.period.starts_on,
        "period_ends_on": outlook.terms.period.ends_on,
        "currency": outlook.bill.currency,
        "counted_at": outlook.counted_at,
        "waiting_since": outlook.waiting_since,
    }


def _told(outlook: Outlook) -> dict[str, Any]:
    return month_told(outlook) | {
        "to_date": _standing(outlook.bill, outlook.totals),
        "expected": _standing(outlook.expected_bill, outlook.expected),
    }


def _standing(bill: Bill, totals: Totals) -> dict[str, Any]:
    """Add lines and usage up by clause; discounts, commitments and taxes stand under codes of their own."""
    amounts, used = dict[str, Decimal](), dict[str, Counter[str]]()
    names = dict[str, Name]()
    for line in bill.lines:
        names.setdefault(line.code, line.name)
        amounts[line.code] = amounts.get(line.code, Decimal(0)) + line.amount
    for row in totals.rows:
        used.setdefault(row.clause, Counter()).update(
            calls=row.calls, talk_ms=row.talk_ms, billed_seconds=row.billed_seconds
        )
    clauses = [
        {"clause": code, "name": name, "amount": amounts[code], "calls": of["calls"],
         "talk_seconds": of["talk_ms"] // 1000, "billed_seconds": of["billed_seconds"]}
        for code, name in names.items() for of in [used.get(code, Counter())]
    ]  # fmt: skip
    return {"clauses": clauses, "net": bill.net, "tax": bill.tax, "total": bill.total}
