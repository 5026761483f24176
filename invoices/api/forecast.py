"""What a tenant's running month is expected to end at, and its usage day by day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api import problems
from billing.rating import Bill
from billing.rating.totals import Row
from invoices.api.shapes import NameShape, Shape, money
from invoices.api.usage import month_told
from invoices.forecasting import outlooks
from invoices.foreseeing import Foresight, foresee, to_come
from tenants.api import TenantView
from tenants.models import ApiKey, Tenant


class SumShape(Shape):
    """What a month comes to."""

    net = money()
    tax = money()
    total = money()


class TierShape(Shape):
    """A tier that is not reached yet, and the day on which it is expected to be."""

    clause = serializers.CharField()
    name = NameShape()
    tier_from = serializers.CharField()
    unit = serializers.CharField()
    group = serializers.CharField(allow_blank=True)
    on = serializers.DateField()


class AgainstShape(Shape):
    """A commitment still short or a cap that takes off (amounts), or an allowance (units used out of ``of``)."""

    kind = serializers.ChoiceField(["commitment", "cap", "allowance"])
    code = serializers.CharField()
    name = NameShape()
    to_date = money()
    expected = money()
    of = serializers.DecimalField(18, 3, allow_null=True)
    unit = serializers.CharField(allow_blank=True)


class ForecastItem(Shape):
    """One contract's running month. ``low`` to ``high`` holds four times out of five; see docs/forecast.md."""

    contract = serializers.CharField()
    period_starts_on = serializers.DateField()
    period_ends_on = serializers.DateField(help_text="Exclusive.")
    currency = serializers.CharField()
    counted_at = serializers.DateTimeField(allow_null=True)
    waiting_since = serializers.DateTimeField(allow_null=True)
    to_date = SumShape()
    low = SumShape()
    expected = SumShape()
    high = SumShape()
    last_month = SumShape(allow_null=True)
    tiers = TierShape(many=True)
    against = AgainstShape(many=True)
    holidays_known = serializers.BooleanField(help_text="Whether public holidays of the tenant's country are in it.")


class ForecastShape(Shape):
    """The forecast of each contract."""

    items = ForecastItem(many=True)


class DayShape(Shape):
    """What one clause took on a local day, or is expected to."""

    day = serializers.DateField()
    clause = serializers.CharField()
    expected = serializers.BooleanField()
    calls = serializers.IntegerField()
    talk_seconds = serializers.IntegerField()
    billed_seconds = serializers.IntegerField()


class DailyItem(Shape):
    """One contract's running month, day by day; of the running day what is used and what is to come."""

    contract = serializers.CharField()
    period_starts_on = serializers.DateField()
    period_ends_on = serializers.DateField(help_text="Exclusive.")
    days = DayShape(many=True)


class DailyShape(Shape):
    """The days of each contract."""

    items = DailyItem(many=True)


class ForecastView(TenantView):
    """GET /api/v1/forecast."""

    scope = ApiKey.READ

    @extend_schema(
        operation_id="get_forecast", summary="Look up what the running month is expected to end at", tags=["invoices"],
        responses={200: ForecastShape, **problems()},
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """Show the range each contract's month is expected to end in, tiers ahead, and what it is measured against."""
        tenant = Tenant.objects.get(pk=self.holder.tenant_id)
        items = [_told(each) for each in foresee(tenant, datetime.now(UTC))]
        return Response(ForecastShape({"items": items}).data)


class DailyView(TenantView):
    """GET /api/v1/usage/daily."""

    scope = ApiKey.READ

    @extend_schema(
        operation_id="get_daily_usage", summary="Look the running month up day by day", tags=["invoices"],
        responses={200: DailyShape, **problems()},
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """Show what each clause took on each day, and what is expected of the days to come."""
        tenant = Tenant.objects.get(pk=self.holder.tenant_id)
        items = [
            {
                "contract": each.contract.code,
                "period_starts_on": each.terms.period.starts_on,
                "period_ends_on": each.terms.period.ends_on,
                "days": [*_days(each.totals.rows, expected=False), *_days(to_come(each), expected=True)],
            }
            for each in outlooks(tenant, datetime.now(UTC))
        ]
        return Response(DailyShape({"items": items}).data)


def _told(foresight: Foresight) -> dict[str, Any]:
    outlook = foresight.outlook
    return month_told(outlook) | {
        "to_date": _sum(outlook.bill),
        "low": _sum(foresight.low),
        "expected": _sum(outlook.expected_bill),
        "high": _sum(foresight.high),
        "last_month": _sum(foresight.last_month) if foresight.last_month else None,
        "tiers": [
            {"clause": each.clause, "name": each.name, "tier_from": f"{each.tier_from:f}", "unit": each.unit,
             "group": each.group, "on": each.on}
            for each in foresight.tiers
        ],
        "against": [
            {"kind": each.kind, "code": each.code, "name": each.name, "to_date": each.to_date, "expected": each.expected,
             "of": each.of, "unit": each.unit}
            for each in foresight.against
        ],
        "holidays_known": foresight.holidays_known,
    }  # fmt: skip


def _sum(bill: Bill) -> dict[str, Any]:
    return {"net": bill.net, "tax": bill.tax, "total": bill.total}


def _days(rows: Iterable[Row], *, expected: bool) -> list[dict[str, Any]]:
    sums: dict[tuple[date, str], Counter[str]] = {}
    for row in rows:
        if row.on:
            sums.setdefault((row.on, row.clause), Counter()).update(
                calls=row.calls, talk_ms=row.talk_ms, billed_seconds=row.billed_seconds
            )
    return [
        {"day": day, "clause": clause, "expected": expected, "calls": of["calls"],
         "talk_seconds": of["talk_ms"] // 1000, "billed_seconds": of["billed_seconds"]}
        for (day, clause), of in sorted(sums.items())
    ]  # fmt: skip
