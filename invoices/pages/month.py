"""The tenant's running month beside its invoice: what is used, what is expected, which budgets stand where."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import override
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from billing.rating import Bill
from invoices import wording
from invoices.budget_mails import figure_of
from invoices.foreseeing import Against, Foresight, foresee, to_come
from invoices.pages.visiting import invoice_by, language_of, private
from invoices.wording import Language
from tenants.models import Budget, Tenant

WIDTH, FLOOR, TOP = 640, 128, 14
ALERTS = 12


@never_cache
@require_safe
def month_page(request: HttpRequest, token: str) -> HttpResponse:
    """Show how the running month of the invoice's tenant stands, and what it is expected to end at."""
    invoice = invoice_by(token)
    language = language_of(request, invoice)
    with override("zh-hans" if language == "zh" else "en"):
        page = render(
            request, "invoices/month.html",
            {
                "html_language": wording.pick(language, "zh-Hans", "en"),
                "back": f"{reverse('invoice-page', args=[token])}?language={language}",
                "buyer": invoice.tenant.name_zh if language == "zh" else invoice.tenant.name_en,
                "months": [_shown(each, language) for each in foresee(invoice.tenant, datetime.now(UTC))],
                "budgets": _budgets(invoice.tenant),
            },
        )  # fmt: skip
    return private(page)


def _shown(foresight: Foresight, language: Language) -> dict[str, Any]:
    outlook = foresight.outlook

    def total(bill: Bill | None) -> str:
        return wording.money(language, f"{bill.total:f}", bill.currency) if bill else "—"

    return {
        "contract": outlook.contract.code,
        "name": getattr(outlook.contract, f"name_{language}"),
        "starts_on": wording.day(language, outlook.terms.period.starts_on.isoformat()),
        "last_day": wording.day(language, (outlook.terms.period.ends_on - timedelta(days=1)).isoformat()),
        "to_date": total(outlook.bill),
        "low": total(foresight.low),
        "expected": total(outlook.expected_bill),
        "high": total(foresight.high),
        "last_month": total(foresight.last_month),
        "counted_at": _local(outlook.counted_at, outlook.contract.tenant) if outlook.counted_at else "",
        "bars": _bars(foresight, language),
        "tiers": [
            {"name": getattr(each.name, language), "group": each.group, "from": f"{each.tier_from.normalize():,f}",
             "unit": wording.unit_name(language, each.unit), "on": wording.day(language, each.on.isoformat())}
            for each in foresight.tiers
        ],
        "against": [_against(each, outlook.bill.currency, language) for each in foresight.against],
        "holidays_known": foresight.holidays_known,
    }  # fmt: skip


def _local(at: datetime, tenant: Tenant) -> str:
    return f"{at.astimezone(ZoneInfo(tenant.zone)):%Y-%m-%d %H:%M}"


def _against(told: Against, currency: str, language: Language) -> dict[str, str]:
    def shown(number: Decimal) -> str:
        if told.kind == "allowance":
            return f"{number:,.0f} {wording.unit_name(language, told.unit)}"
        return wording.money(language, f"{number:f}", currency)

    return {
        "kind": told.kind, "name": getattr(told.name, language), "to_date": shown(told.to_date), "expected": shown(told.expected),
        "of": shown(told.of) if told.of is not None else "",
    }  # fmt: skip


def _bars(foresight: Foresight, language: Language) -> list[dict[str, Any]]:
    """Draw billed minutes, or calls where none are billed by time, of every day: used solid, expected hatched above it."""
    outlook = foresight.outlook
    period = outlook.terms.period
    rows, coming = outlook.totals.rows, to_come(outlook)
    by_time = any(row.billed_seconds for row in (*rows, *coming))
    used, expected = Counter[date](), Counter[date]()
    for row_s, into in ((rows, used), (coming, expected)):
        for row in row_s:
            if row.on:
                into[row.on] += row.billed_seconds if by_time else row.calls
    days = [period.starts_on + timedelta(days=number) for number in range(period.days)]
    highest = max((used[day] + expected[day] for day in days), default=0)
    if not highest:
        return []
    step, high = WIDTH / len(days), (FLOOR - TOP) / highest
    unit = wording.unit_name(language, "minute" if by_time else "call")
    scale = 60 if by_time else 1
    return [
        {
            "x": round(number * step + step * 0.15, 1), "width": round(step * 0.7, 1),
            "used_y": round(FLOOR - used[day] * high, 1), "used": round(used[day] * high, 1),
            "expected_y": round(FLOOR - (used[day] + expected[day]) * high, 1), "expected": round(expected[day] * high, 1),
            "day": wording.day_short(language, day.isoformat()), "unit": unit, "tick": number % 7 == 0, "last": (number + 4) * step > WIDTH,
            "used_told": f"{round(used[day] / scale):,}", "expected_told": f"{round(expected[day] / scale):,}",
        }
        for number, day in enumerate(days)
    ]  # fmt: skip


def _budgets(tenant: Tenant) -> list[dict[str, Any]]:
    """Tell of each active budget how it stands in its latest month, and what was alerted in it."""
    told = []
    for budget in Budget.objects.filter(tenant=tenant, active=True).select_related("tenant").order_by("pk"):
        latest = budget.months.first()
        told.append(
            {
                "name": budget.name,
                "of": figure_of(budget, budget.limit),
                "used": figure_of(budget, latest.used) if latest else "—",
                "expected": figure_of(budget, latest.expected) if latest and latest.expected is not None else "—",
                "share": f"{latest.used * 100 / budget.limit:.0f} %" if latest else "—",
                "stopped": bool(latest and budget.stopped_in == latest.period),
                "alerts": [
                    {"at": _local(each.at, tenant), "percent": each.percent, "kind": each.get_kind_display()}
                    for each in (budget.alerts.filter(period=latest.period)[:ALERTS] if latest else ())
                ],
            }
        )
    return told
