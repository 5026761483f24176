"""The price preview of a contract version, for finance: a past month or a sample, lines explained, nothing stored."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from billing.errors import Refused
from billing.periods import Period, period_containing
from billing.rating import Agreement, Bill
from invoices.previewing import Preview, lines_of, past_months, preview_answers, preview_month, preview_sample
from tenants.catalogue import entries
from tenants.linting import examine
from tenants.models import ContractVersion
from tenants.sampling import Question, questions_of

LARGEST = Decimal(10) ** 12


def preview_page(request: HttpRequest, version: int) -> HttpResponse:
    """Show what a version would cost and why, beside what is in force."""
    found = get_object_or_404(ContractVersion.objects.select_related("contract__tenant"), pk=version)
    context = admin.site.each_context(request) | {
        "title": _("Price preview of %(version)s") % {"version": found},
        "version": found,
        "contract": found.contract,
        "asked": request.GET,
    }
    faults = [each for each in examine(found.agreement) if each.severity == "error"]
    if faults:
        return TemplateResponse(request, "admin/invoices/preview.html", context | {"faults": faults})
    agreement = Agreement.from_json(found.agreement)
    today = datetime.now(UTC).astimezone(ZoneInfo(found.contract.tenant.zone)).date()
    questions = questions_of(agreement)
    context |= {
        "months": past_months(found.contract, today),
        "samples": _samples(agreement),
        "questions": [(each, request.GET.get(each.key, "")) for each in questions],
    }
    month = _month(request, found, today)
    try:
        preview = _priced(request, found, month, questions)
    except Refused as refusal:
        messages.error(request, refusal.message)
        preview = None
    if preview is not None:
        context |= _shown(preview, agreement) | {"month": preview.bill.period}
    return TemplateResponse(request, "admin/invoices/preview.html", context)


def _month(request: HttpRequest, version: ContractVersion, today: date) -> Period:
    """Read the month of the address; without one, the month before this one."""
    billing_day = version.contract.tenant.billing_day
    try:
        return period_containing(date.fromisoformat(request.GET.get("month", "")), billing_day)
    except (ValueError, Refused):
        first = period_containing(today, billing_day).starts_on
        return period_containing(first.fromordinal(first.toordinal() - 1), billing_day)


def _priced(request: HttpRequest, version: ContractVersion, month: Period, questions: list[Question]) -> Preview | None:
    match request.GET.get("on"):
        case "month":
            return preview_month(version, month)
        case "sample" if request.GET.get("sample") in entries():
            return preview_sample(version, entries()[request.GET["sample"]].sample.totals)
        case "quantities":
            return preview_answers(version, _answers(request, questions), month)
    return None


def _answers(request: HttpRequest, questions: list[Question]) -> Mapping[str, Decimal]:
    """Read the quantities; one that is no number is named and left out."""
    found = {}
    for question in questions:
        text = request.GET.get(question.key, "").replace(",", "").strip()
        number = _number(text)
        if number is None:
            messages.error(request, _("%(name)s: write a number such as 1200.") % {"name": question.about})
        elif text:
            found[question.key] = number
    return found


def _number(text: str) -> Decimal | None:
    try:
        number = Decimal(text or 0)
    except InvalidOperation:
        return None
    return number if number.is_finite() and 0 <= number <= LARGEST else None


def _samples(agreement: Agreement) -> list[tuple[str, str]]:
    """List the model contracts whose sample speaks only of clauses this agreement has."""
    own = {clause.code for clause in agreement.clauses}
    found = []
    for code, entry in entries().items():
        if {row["clause"] for row in entry.sample.totals.get("rows", [])} <= own:
            found.append((code, getattr(entry.name, _language())))
    return found


def _shown(preview: Preview, agreement: Agreement) -> dict[str, Any]:
    bill, before = preview.bill, preview.in_force
    return {
        "lines": lines_of(bill, agreement, _language()),
        "bill": bill,
        "figures": {name: f"{getattr(bill, name):,}" for name in ("net", "total")},
        "taxes": [(f"{(row.rate * 100).normalize():f}%", f"{row.tax:,}") for row in bill.taxes],
        "uncovered": sum(each.calls for each in bill.uncovered),
        "before": f"{before.total:,}" if before is not None else "",
        "more": _more(bill, before),
    }


def _more(bill: Bill, before: Bill | None) -> str:
    """Say how much more or less the version costs than what is in force."""
    if before is None or before.currency != bill.currency:
        return ""
    more = bill.total - before.total
    if not more:
        return _("the same")
    return (_("%(amount)s more") if more > 0 else _("%(amount)s less")) % {"amount": f"{abs(more):,}"}


def _language() -> str:
    return "zh" if (get_language() or "").startswith("zh") else "en"
