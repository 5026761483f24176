"""The hosted invoice itself, its PDF and its evidence."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import cast
from zoneinfo import ZoneInfo

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.urls import reverse
from django.utils.translation import override
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from billing.errors import Refused
from invoices import wording
from invoices.evidence import bundle_of
from invoices.gateways import gateways
from invoices.issuing import stored_pdf
from invoices.links import is_fitted
from invoices.models import CreditNote, Invoice, Receivable, TaxInvoice
from invoices.pages.calls import calls_links
from invoices.pages.question import asked_so_far, is_open
from invoices.pages.visiting import invoice_by, language_of, private
from invoices.rendering import render_page
from invoices.rendering.document import Document
from invoices.rendering.page import Links
from invoices.sealing import published_keys
from invoices.tax_invoices import standing
from invoices.wording import Language


@never_cache
@require_safe
def invoice_page(request: HttpRequest, token: str) -> HttpResponse:
    """Show one issued invoice; ?language=zh|en turns it round."""
    invoice = invoice_by(token)
    language = language_of(request, invoice)
    address = reverse("invoice-page", args=[token])
    links: Links = {
        "pdf": f"{reverse('invoice-pdf', args=[token])}?language={language}",
        "zh": f"{address}?language=zh",
        "en": f"{address}?language=en",
        "ask": f"{reverse('invoice-question', args=[token])}?language={language}",
        "month": f"{reverse('invoice-month', args=[token])}?language={language}",
    }
    if Receivable.objects.filter(invoice=invoice, open__gt=0).exists():
        links["pay"] = [
            (
                wording.label(language, "pay_by", gateway=gateway.title[language]),
                reverse("pay-invoice", args=[token, name]),
            )
            for name, gateway in gateways().items()
        ]
    tax_invoice = standing(invoice)
    if tax_invoice is not None and tax_invoice.what == TaxInvoice.RECEIVED and tax_invoice.file_name:
        links["tax_invoice"] = reverse("invoice-tax-invoice-file", args=[token])
    if is_fitted(invoice):
        links["fit"] = f"{reverse('invoice-fit', args=[token])}?language={language}"
    if invoice.kind == Invoice.INVOICE:
        links["evidence"] = reverse("invoice-evidence", args=[token])
    with override("zh-hans" if language == "zh" else "en"):
        html = render_page(
            cast("Document", invoice.document),
            links=links,
            language=language,
            calls_of_line=calls_links(invoice, token),
            notice=" ".join(
                filter(
                    None,
                    (
                        _credited(invoice, language),
                        _paid(invoice, language),
                        _held(invoice, language),
                        _taxed(tax_invoice, language),
                    ),
                )
            ),
            asked=asked_so_far(invoice, language),
            logo=bytes(invoice.seller.logo),
        )
    return private(HttpResponse(html))


@never_cache
@require_safe
def invoice_pdf(request: HttpRequest, token: str) -> HttpResponse:
    """Give the PDF of one issued invoice."""
    invoice = invoice_by(token)
    stored = stored_pdf(invoice, datetime.now(UTC), language_of(request, invoice))
    response = HttpResponse(bytes(stored.content), content_type="application/pdf")
    response["Content-Disposition"] = f'inline; filename="{invoice.number}.pdf"'
    return private(response)


@never_cache
@require_safe
def tax_invoice_file(request: HttpRequest, token: str) -> HttpResponse:
    """Give the tax invoice of one issued invoice as the tax bureau gave it."""
    kept = standing(invoice_by(token))
    if kept is None or kept.what != TaxInvoice.RECEIVED or not kept.file_name:
        raise Http404
    response = HttpResponse(bytes(kept.content), content_type="application/octet-stream")
    response["Content-Disposition"] = f'attachment; filename="{kept.file_name}"'
    return private(response)


@never_cache
@require_safe
def invoice_evidence(request: HttpRequest, token: str) -> HttpResponse | StreamingHttpResponse:
    """Give the evidence bundle of one issued invoice, sent while it is packed."""
    invoice = invoice_by(token)
    try:
        bundle = bundle_of(invoice, datetime.now(UTC))
    except Refused as refusal:
        return private(HttpResponse(refusal.message, status=refusal.status, content_type="text/plain; charset=utf-8"))
    response = StreamingHttpResponse(bundle, content_type="application/zip")
    response["Content-Disposition"] = f'attachment; filename="{invoice.number}-evidence.zip"'
    return private(response)


@require_safe
def evidence_keys(request: HttpRequest) -> JsonResponse:
    """Publish the public keys that sign, or once signed, evidence bundles."""
    return JsonResponse({"keys": published_keys()})


def _credited(invoice: Invoice, language: Language) -> str:
    """Say which credit notes took something of an invoice back."""
    notes = CreditNote.objects.filter(credits=invoice).order_by("pk")
    told = [f"{note.number} ({wording.money(language, str(note.total), note.currency)})" for note in notes]
    return wording.label(language, "credited_by", notes=wording.pick(language, "、", ", ").join(told)) if told else ""


def _held(invoice: Invoice, language: Language) -> str:
    """Say that reminders wait while a question is open."""
    return wording.label(language, "question_holds") if is_open(invoice) else ""


def _taxed(kept: TaxInvoice | None, language: Language) -> str:
    """Say which tax invoice was issued for it."""
    if kept is None or kept.what == TaxInvoice.ASKED:
        return ""
    key = "tax_invoice_received" if kept.what == TaxInvoice.RECEIVED else "tax_invoice_cancelled"
    return wording.label(language, key, number=kept.number, day=wording.day(language, f"{kept.issued_on}"))


def _paid(invoice: Invoice, language: Language) -> str:
    """Say what was paid of an invoice, and what is open when it is not simply owed."""
    receivable = Receivable.objects.filter(invoice=invoice).first()
    if receivable is None:
        return ""
    today = datetime.now(UTC).astimezone(ZoneInfo(invoice.tenant.zone)).date()
    key = {
        Receivable.PAID: "paid_in_full", Receivable.PART_PAID: "paid_in_part", Receivable.OVERDUE: "overdue",
    }.get(receivable.state(today))  # fmt: skip
    return (
        wording.label(language, key, open=wording.money(language, f"{receivable.open:f}", invoice.currency))
        if key
        else ""
    )
