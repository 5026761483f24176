"""Signed addresses of invoice pages: whoever has the link sees that one invoice, without an account, for a year."""

from __future__ import annotations

from django.conf import settings
from django.core import signing
from django.urls import reverse

from invoices.models import Invoice

SALT = "huadan.invoice-page"
VALID_SECONDS = 366 * 86_400


def page_link(invoice: Invoice) -> str:
    """Return the whole address of an invoice's page."""
    return f"{settings.BASE_URL}{reverse('invoice-page', args=[token_of(invoice)])}"


def fit_link(invoice: Invoice) -> str:
    """Return the whole address of an invoice's fit report; "" where its tenant gets none or it is no whole month."""
    return f"{settings.BASE_URL}{reverse('invoice-fit', args=[token_of(invoice)])}" if is_fitted(invoice) else ""


def is_fitted(invoice: Invoice) -> bool:
    """Tell whether an issued document has a fit report, or gets one soon."""
    whole = invoice.kind == Invoice.INVOICE and not invoice.document.get("after_end")
    return whole and invoice.tenant.gets_fit_reports


def token_of(invoice: Invoice) -> str:
    """Return the signed part of an invoice's address."""
    return signing.dumps(invoice.pk, salt=SALT)


def invoice_of(token: str) -> Invoice | None:
    """Return the issued invoice or credit note a token names, or None when the token is forged or has expired."""
    try:
        pk = signing.loads(token, salt=SALT, max_age=VALID_SECONDS)
    except signing.BadSignature:
        return None
    return Invoice.documents.select_related("tenant", "seller").filter(pk=pk, state=Invoice.ISSUED).first()
