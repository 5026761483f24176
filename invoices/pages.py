"""The hosted invoice: a signed link, no account."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import cast

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import override
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from invoices.issuing import stored_pdf
from invoices.links import invoice_of
from invoices.models import Invoice
from invoices.rendering import render_page
from invoices.rendering.document import Document
from invoices.rendering.page import Links
from invoices.wording import Language


@never_cache
@require_safe
def invoice_page(request: HttpRequest, token: str) -> HttpResponse:
    """Show one issued invoice; ?language=zh|en turns it round."""
    invoice = _invoice(token)
    language = _language(request, invoice)
    address = reverse("invoice-page", args=[token])
    links: Links = {
        "pdf": f"{reverse('invoice-pdf', args=[token])}?language={language}",
        "zh": f"{address}?language=zh",
        "en": f"{address}?language=en",
    }
    with override("zh-hans" if language == "zh" else "en"):
        html = render_page(cast("Document", invoice.document), links=links, language=language)
    return _private(HttpResponse(html))


@never_cache
@require_safe
def invoice_pdf(request: HttpRequest, token: str) -> HttpResponse:
    """Give the PDF of one issued invoice."""
    invoice = _invoice(token)
    stored = stored_pdf(invoice, datetime.now(UTC), _language(request, invoice))
    response = HttpResponse(bytes(stored.content), content_type="application/pdf")
    response["Content-Disposition"] = f'inline; filename="{invoice.number}.pdf"'
    return _private(response)


def _invoice(token: str) -> Invoice:
    invoice = invoice_of(token)
    if invoice is None:
        raise Http404("no such invoice")
    return invoice


def _language(request: HttpRequest, invoice: Invoice) -> Language:
    asked = request.GET.get("language")
    return cast("Language", asked if asked in {"zh", "en"} else invoice.language)


def _private(response: HttpResponse) -> HttpResponse:
    # The address is the key to the invoice: it must not travel on, nor be found.
    response["Referrer-Policy"] = "no-referrer"
    response["X-Robots-Tag"] = "noindex, nofollow"
    return response
