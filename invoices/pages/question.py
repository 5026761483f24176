"""Asking finance about an invoice or one of its lines: a plain form, whole without JavaScript."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import override
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from billing.errors import Refused
from invoices import wording
from invoices.disputing import LONGEST, ask, line_names
from invoices.models import Dispute, Invoice
from invoices.pages.visiting import invoice_by, language_of, private
from invoices.tasks import tell_of_disputes
from invoices.wording import Language


# The link is the whole authority: no cookie stands behind a post, so there is nothing a foreign page could borrow. And
# the page tells nobody where it comes from (no-referrer), which a check of the origin would refuse.
@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def question_page(request: HttpRequest, token: str) -> HttpResponse:
    """Take a question, or show the form; ``?line=`` chooses the line asked about."""
    invoice = invoice_by(token)
    language = language_of(request, invoice)
    with override("zh-hans" if language == "zh" else "en"):
        refusal = None
        if request.method == "POST":
            try:
                _ask(request, invoice)
            except Refused as refused:
                refusal = refused
            else:
                return private(HttpResponseRedirect(f"?{urlencode({'language': language, 'sent': 1})}", status=303))
        page = render(request, "invoices/question.html", _context(request, invoice, token, language, refusal))
    page.status_code = refusal.status if refusal else 200
    return private(page)


def asked_so_far(invoice: Invoice, language: Language) -> list[dict[str, Any]]:
    """Tell what was asked about a document and answered, the latest first, as the page shows it."""
    names = line_names(invoice, language)
    zone = ZoneInfo(invoice.tenant.zone)
    return [
        {
            "about": names.get(each.line) or wording.label(language, "whole_invoice"),
            "by": each.asked_by,
            "on": wording.day(language, each.asked_at.astimezone(zone).date().isoformat()),
            "question": each.question,
            "answer": each.answer,
            "state": wording.label(language, _state(each)),
        }
        for each in invoice.disputes.all()
    ]


def is_open(invoice: Invoice) -> bool:
    """Tell whether a question about a document waits to be settled."""
    return invoice.disputes.filter(closed_at=None).exists()


def _state(dispute: Dispute) -> str:
    if dispute.closed_at:
        return "question_settled"
    return "question_answered" if dispute.answered_at else "question_waits"


def _ask(request: HttpRequest, invoice: Invoice) -> None:
    asked = request.POST
    ask(
        invoice.pk, asked.get("question", ""), line=asked.get("line", ""), asked_by=asked.get("name", ""),
        via=Dispute.PAGE, now=datetime.now(UTC),
    )  # fmt: skip
    tell_of_disputes.delay()


def _context(
    request: HttpRequest, invoice: Invoice, token: str, language: Language, refusal: Refused | None
) -> dict[str, Any]:
    chosen = request.POST.get("line", request.GET.get("line", ""))
    return {
        "invoice": invoice,
        "label": wording.labels(language),
        "html_language": wording.pick(language, "zh-Hans", "en"),
        "lines": [(key, name, key == chosen) for key, name in line_names(invoice, language).items()],
        "longest": LONGEST,
        "written": {name: request.POST.get(name, "") for name in ("name", "question")},
        "fault": refusal.message if refusal else "",
        "at_question": refusal is not None and refusal.pointer == "/question",
        "sent": refusal is None and "sent" in request.GET,
        "holds": is_open(invoice),
        "asked": asked_so_far(invoice, language),
        "back": f"{reverse('invoice-page', args=[token])}?language={language}",
    }
