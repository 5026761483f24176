"""The hosted invoice: a signed link, no account."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TypeVar, cast

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.urls import reverse
from django.utils.translation import override
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from billing.errors import Refused
from invoices.evidence import bundle_of
from invoices.issuing import stored_pdf
from invoices.links import invoice_of
from invoices.models import Invoice
from invoices.rendering import render_page
from invoices.rendering.document import Document
from invoices.rendering.page import Links
from invoices.sealing import published_keys
from invoices.wording import Language

Response = TypeVar("Response", HttpResponse, StreamingHttpResponse)


@never_cache
@require_safe
def invoice_page(request: HttpRequest, token: str) -> HttpResponse:
    """Show one issued invoice; ?language=zh|en turns it round."""
    invoice = _invoice(token)
    language = _language(request, invoice)
    address = reverse("invoice-page", args=[token])
    links: Links = {
        "pdf": f"{reverse('invoice-pdf', args=[token])}?language={language}",
        "evidence": reverse("invoice-evidence", args=[token]),
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


@never_cache
@require_safe
def invoice_evidence(request: HttpRequest, token: str) -> HttpResponse | StreamingHttpResponse:
    """Give the evidence bundle of one issued invoice, sent while it is packed."""
    invoice = _invoice(token)
    try:
        bundle = bundle_of(invoice, datetime.now(UTC))
    except Refused as refusal:
        return _private(HttpResponse(refusal.message, status=refusal.status, content_type="text/plain; charset=utf-8"))
    response = StreamingHttpResponse(bundle, content_type="application/zip")
    response["Content-Disposition"] = f'attachment; filename="{invoice.number}-evidence.zip"'
    return _private(response)


@require_safe
def evidence_keys(request: HttpRequest) -> JsonResponse:
    """Publish the public keys that sign, or once signed, evidence bundles."""
    return JsonResponse({"keys": published_keys()})


def _invoice(token: str) -> Invoice:
    invoice = invoice_of(token)
    if invoice is None:
        raise Http404("no such invoice")
    return invoice


def _language(request: HttpRequest, invoice: Invoice) -> Language:
    asked = request.GET.get("language")
    return cast("Language", asked if asked in {"zh", "en"} else invoice.language)


def _private(response: Response) -> Response:
    # The address is the key to the invoice: it must not travel on, nor be found.
    response["Referrer-Policy"] = "no-referrer"
    response["X-Robots-Tag"] = "noindex, nofollow"
    return response
