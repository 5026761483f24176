"""Keeping what was asked of the tax bureau and what came back: by whom and when, nothing written over."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from billing.errors import Refused
from invoices.crediting import left_of_invoice
from invoices.models import Invoice, TableExport, TaxInvoice
from invoices.models.taxing import TAX_NUMBER
from invoices.tax_invoices.lines import CannotAsk
from invoices.tax_invoices.requests import request_for
from tenants.models import Seller

AT_MOST = 1000  # tax invoices that one file may ask for
LARGEST_FILE = 700_000  # bytes, so that it fits a request of 1 MiB
STARTS = {b"%PDF-": "pdf", b"PK\x03\x04": "ofd", b"<": "xml", b"\xef\xbb\xbf<": "xml"}
STILL_TO_ASK = (TaxInvoice.NOT_ASKED, TaxInvoice.RED_CANCELLED)


class CannotKeep(Refused):
    """What came back does not fit the document, or would write over what is known."""

    status = 409


def standing(invoice: Invoice) -> TaxInvoice | None:
    """Give the latest step of a document's tax invoice, without its file; none while it is not asked for."""
    return TaxInvoice.objects.filter(invoice=invoice).defer("content").first()


def state_of(invoice: Invoice) -> str:
    """Say how a document's tax invoice stands: not asked for, asked for, received or red-cancelled."""
    latest = standing(invoice)
    return latest.what if latest else TaxInvoice.NOT_ASKED


def ask_for(
    ids: Sequence[int], form: str, *, days: tuple[date, date], by: str, now: datetime
) -> tuple[list[dict[str, Any]], list[str]]:
    """Write the requests of one seller's documents and note that they were asked for, by whom, in which file.

    Return them with a sentence for each document that cannot be asked for. What was received is not asked for again;
    what was only asked for is, under the same serial. ``days`` are the span of the documents, the end exclusive.
    Raises CannotAsk for more than the bureau takes at once.
    """
    if len(ids) > AT_MOST:
        raise CannotAsk(
            "too_many", _("The tax bureau takes %(most)s at once; choose fewer days.") % {"most": f"{AT_MOST:,}"}
        )
    requests: list[dict[str, Any]] = []
    refused: list[str] = []
    with transaction.atomic(durable=True):
        for pk in ids:
            invoice = Invoice.documents.select_related("tenant", "seller", "credits").get(pk=pk)
            try:
                requests.append(_asked(invoice, by=by, now=now))
            except Refused as refusal:
                refused.append(f"{invoice}: {refusal.message}")
        if requests:
            TableExport.objects.create(
                kind=TableExport.TAX_INVOICES, form=form, seller=invoice.seller, starts_on=days[0], ends_on=days[1], by=by,
                at=now, rows=len(requests),
            )  # fmt: skip
    return requests, refused


def _asked(invoice: Invoice, *, by: str, now: datetime) -> dict[str, Any]:
    _wait_for_others(invoice.seller_id)
    state = state_of(invoice)
    if state == TaxInvoice.RECEIVED:
        raise CannotKeep("received", _("its tax invoice is here already."))
    asked = request_for(invoice)
    if state in STILL_TO_ASK:
        TaxInvoice.objects.create(invoice=invoice, what=TaxInvoice.ASKED, by=by, at=now)
    return asked


def record_tax_invoice(
    invoice: Invoice, number: str, issued_on: date, content: bytes = b"", *, reason: str = "", by: str, now: datetime
) -> TaxInvoice:
    """Keep the number, the day and the file (PDF, OFD or XML) of a document's tax invoice; the same again changes nothing.

    A file may follow later. Another number, day or file than is known needs a reason; what was known stays in the
    history. The red one of a credit note that leaves nothing of its invoice red-cancels the invoice's. Raises CannotKeep.
    """
    with transaction.atomic(durable=True):
        _wait_for_others(invoice.seller_id)
        _refuse(invoice, number, issued_on, content, now)
        known = TaxInvoice.objects.filter(invoice=invoice).first()
        if known is not None and known.what == TaxInvoice.RECEIVED:
            changed = (known.number, known.issued_on) != (number, issued_on)
            digest = hashlib.sha256(content).hexdigest() if content else known.sha256
            if not changed and digest == known.sha256:
                return known
            if not reason.strip() and (changed or known.sha256):
                raise CannotKeep(
                    "known_otherwise",
                    _("%(number)s is kept already; say why it is to be another.") % {"number": known.number},
                    pointer="/reason",
                )
            content = content or (b"" if changed else bytes(known.content))
        kept = _kept(invoice, TaxInvoice.RECEIVED, number, issued_on, content, reason=reason, by=by, now=now)
        original = invoice.credits
        if (
            original is not None
            and state_of(original) == TaxInvoice.RECEIVED
            and not any(left_of_invoice(original).values())
        ):
            _kept(
                original, TaxInvoice.RED_CANCELLED, number, issued_on, b"", reason=invoice.number or "", by=by, now=now
            )
    return kept


def record_red(
    invoice: Invoice, number: str, issued_on: date, content: bytes = b"", *, reason: str, by: str, now: datetime
) -> TaxInvoice:
    """Keep that a received tax invoice was cancelled by a red one without a credit note, such as a wrong title.

    It may be asked for again then. Raises CannotKeep without a reason, or when none was received.
    """
    if not reason.strip():
        raise CannotKeep("reason_needed", _("Say why it was cancelled."), pointer="/reason")
    with transaction.atomic(durable=True):
        _wait_for_others(invoice.seller_id)
        if state_of(invoice) != TaxInvoice.RECEIVED:
            raise CannotKeep("not_received", _("There is no tax invoice to cancel."))
        _refuse(None, number, issued_on, content, now)
        return _kept(invoice, TaxInvoice.RED_CANCELLED, number, issued_on, content, reason=reason, by=by, now=now)


def _wait_for_others(seller_id: int) -> None:
    Seller.objects.select_for_update(no_key=True).get(pk=seller_id)


def _refuse(invoice: Invoice | None, number: str, issued_on: date, content: bytes, now: datetime) -> None:
    try:
        TAX_NUMBER(number)
    except ValidationError as fault:
        raise CannotKeep("wrong_number", str(fault.message), pointer="/number") from None
    if not 2000 <= issued_on.year < 2100 or issued_on.toordinal() > now.date().toordinal() + 1:
        raise CannotKeep("wrong_day", _("The day of issue is one of the past."), pointer="/issued_on")
    if len(content) > LARGEST_FILE or (content and not _ending(content)):
        raise CannotKeep("wrong_file", _("Choose a PDF, OFD or XML file of at most 700 kB."), pointer="/file")
    if invoice is not None and invoice.state != Invoice.ISSUED:
        raise CannotKeep("not_issued", _("Only an issued invoice has a tax invoice."))
    taken = TaxInvoice.objects.filter(number=number)
    if invoice is not None:
        cancelled_by_it = Q(invoice=invoice.credits, what=TaxInvoice.RED_CANCELLED)
        taken = taken.exclude(Q(invoice=invoice) | cancelled_by_it)
    if other := taken.select_related("invoice__contract").first():
        raise CannotKeep(
            "number_taken",
            _("This number is kept with %(other)s; compare it.") % {"other": other.invoice},
            pointer="/number",
        )


def _kept(
    invoice: Invoice, what: str, number: str, issued_on: date, content: bytes, *, reason: str, by: str, now: datetime
) -> TaxInvoice:
    return TaxInvoice.objects.create(
        invoice=invoice, what=what, number=number, issued_on=issued_on, content=content,
        file_name=f"{number}.{_ending(content)}" if content else "",
        sha256=hashlib.sha256(content).hexdigest() if content else "", reason=reason.strip()[:300], by=by, at=now,
    )  # fmt: skip


def _ending(content: bytes) -> str:
    return next((ending for start, ending in STARTS.items() if content.startswith(start)), "")
