"""The fit report of an issued month behind its invoice's link, and the service levels promised in it."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import override
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from invoices import wording
from invoices.links import is_fitted
from invoices.models import FitReport, Invoice
from invoices.pages.visiting import invoice_by, language_of, private
from invoices.wording import Language


@never_cache
@require_safe
def fit_page(request: HttpRequest, token: str) -> HttpResponse:
    """Show what the month was paid and not used, and what would have cost less; 404 where the tenant gets no reports."""
    invoice = invoice_by(token)
    report = FitReport.objects.filter(invoice=invoice).exclude(document__isnull=True).first()
    if report is None and not is_fitted(invoice):
        raise Http404("no such report")
    language = language_of(request, invoice)
    with override("zh-hans" if language == "zh" else "en"):
        page = render(
            request, "invoices/fit.html",
            {
                "html_language": wording.pick(language, "zh-Hans", "en"),
                "back": f"{reverse('invoice-page', args=[token])}?language={language}",
                "buyer": invoice.tenant.name_zh if language == "zh" else invoice.tenant.name_en,
                "number": invoice.number,
                "period": wording.period(language, invoice.period_starts_on.isoformat(), invoice.period_ends_on.isoformat()),
                "label": wording.labels(language),
                "report": _shown(report.document, invoice, language) if report else None,
            },
        )  # fmt: skip
    return private(page)


def _shown(document: Any, invoice: Invoice, language: Language) -> dict[str, Any]:
    return {
        "findings": [
            {name: each[name][language] for name in ("title", "text", "how", "saves")} for each in document["findings"]
        ],
        "service_levels": [
            {
                "name": each["name"][language],
                "measure": each["measure"],
                "target": wording.percent(each["target"]) if each["target"] else "—",
                "level": wording.percent(each["level"]) if each["level"] else "—",
                "missed": bool(float(each["rate"])),
                "credit": wording.money(language, each["credit"], invoice.currency),
            }
            for each in document["service_levels"]
        ],
    }
