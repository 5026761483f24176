"""Who visits a hosted page: whoever has its signed link, without an account."""

from __future__ import annotations

from typing import TypeVar, cast

from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse

from invoices.links import invoice_of
from invoices.models import Invoice
from invoices.wording import Language

Response = TypeVar("Response", HttpResponse, StreamingHttpResponse)


def invoice_by(token: str) -> Invoice:
    """Return the issued invoice a link names; 404 when it is forged or has expired."""
    invoice = invoice_of(token)
    if invoice is None:
        raise Http404("no such invoice")
    return invoice


def language_of(request: HttpRequest, invoice: Invoice) -> Language:
    """Return the language asked for, or the invoice's."""
    asked = request.GET.get("language")
    return cast("Language", asked if asked in {"zh", "en"} else invoice.language)


def private(response: Response) -> Response:
    """Keep the address of a page to its reader."""
    # The address is the key to the invoice: it must not travel on, nor be found.
    response["Referrer-Policy"] = "no-referrer"
    response["X-Robots-Tag"] = "noindex, nofollow"
    return response
