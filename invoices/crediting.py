"""Taking back an issued invoice, whole or in part: one person asks with a reason, another decides (红冲)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils.translation import gettext as _

from billing.errors import Refused
from billing.rating import Bill
from billing.rating.reversal import left_of, reverse
from invoices.drafting import explanations_of, store_lines
from invoices.issuing import announce_document, owe_mails
from invoices.ledger import post_document
from invoices.models import CreditNote, CreditRequest, Invoice, NumberSeries
from invoices.numbering import take_number
from tenants.models import Tenant, WebhookEndpoint
from tenants.packages import reverse_packages


class CannotCredit(Refused):
    """The invoice must not be credited so, or this person must not decide."""

    status = 409


def request_credit(
    invoice: Invoice, amounts: Mapping[str, Decimal] | None, *, reason: str, by: str, now: datetime
) -> CreditRequest:
    """Ask for a credit note over ``amounts`` by the key of a line, or over all that is left of an issued invoice.

    Raises CannotCredit without a reason, for a draft, or while another request waits; CannotReverse when more would
    be taken back than is left.
    """
    if not reason.strip() or not by:
        raise CannotCredit("reason_needed", _("Say why the invoice is credited."), pointer="/reason")
    with transaction.atomic(durable=True):
        Tenant.objects.select_for_update().get(pk=invoice.tenant_id)
        if invoice.kind != Invoice.INVOICE or invoice.state != Invoice.ISSUED:
            raise CannotCredit("not_issued", _("Only an issued invoice can be credited."))
        if invoice.credit_requests.filter(approved=None).exists():
            raise CannotCredit("waits", _("A request for this invoice waits for its decision; decide that one first."))
        reverse(_bill(invoice), amounts, credited_bills(invoice))
        wanted = {key: f"{amount:f}" for key, amount in (amounts or {}).items() if amount}
        return CreditRequest.objects.create(
            invoice=invoice, amounts=wanted, reason=reason.strip()[:300], requested_by=by, requested_at=now
        )


def decide(request_id: int, *, approve: bool, by: str, now: datetime) -> CreditRequest:
    """Approve or decline a request. Approved, the credit note is numbered, frozen, and its mails are owed.

    Raises CannotCredit when it is decided already, and for the person who asked.
    """
    with transaction.atomic(durable=True):
        asked = CreditRequest.objects.select_related("invoice__seller", "invoice__tenant").get(pk=request_id)
        Tenant.objects.select_for_update().get(pk=asked.invoice.tenant_id)
        asked.refresh_from_db(fields=["approved"])
        asked.refuse_decision(by, CannotCredit)
        if approve:
            asked.credit_note = _issue(asked, by=by, now=now)
        asked.approved, asked.decided_by, asked.decided_at = approve, by, now
        asked.save()
    return asked


def credited_bills(invoice: Invoice) -> list[Bill]:
    """List the bills of an invoice's credit notes so far."""
    return [_bill(note) for note in CreditNote.objects.filter(credits=invoice).order_by("pk")]


def left_of_invoice(invoice: Invoice) -> dict[str, Decimal]:
    """Give what is left of each line of an invoice after its credit notes, by the line's key."""
    return left_of(_bill(invoice), credited_bills(invoice))


def _bill(invoice: Invoice) -> Bill:
    return Bill.from_json(invoice.document["bill"])


def _issue(asked: CreditRequest, *, by: str, now: datetime) -> CreditNote:
    """Make the credit note: numbered in its own series, its document mirrored from the invoice's.

    Once nothing of the invoice is left, what it drew from packages goes back to them.
    """
    invoice = asked.invoice
    amounts = {key: Decimal(amount) for key, amount in asked.amounts.items()} or None
    bill = reverse(_bill(invoice), amounts, credited_bills(invoice))
    issued_on = now.astimezone(ZoneInfo(invoice.tenant.zone)).date()
    note = CreditNote.objects.create(
        kind=Invoice.CREDIT_NOTE, credits=invoice, seller=invoice.seller, tenant=invoice.tenant, contract=invoice.contract,
        period_starts_on=invoice.period_starts_on, period_ends_on=invoice.period_ends_on, state=Invoice.DRAFT,
        currency=bill.currency, net=bill.net, tax=bill.tax, total=bill.total, language=invoice.language,
        terms=invoice.terms, totals={}, document={}, drafted_at=now,
    )  # fmt: skip
    store_lines(note, bill)
    note.number = take_number(invoice.seller, NumberSeries.CREDIT_NOTE, issued_on.year)
    note.document = _document(invoice, bill, number=note.number, issued_on=issued_on.isoformat(), reason=asked.reason)
    note.state, note.issued_at, note.issued_by, note.due_on = Invoice.ISSUED, now, by, issued_on
    note.requested_by, note.requested_at = asked.requested_by, asked.requested_at
    note.save()
    post_document(note, on=issued_on)
    if not any(left_of_invoice(invoice).values()):
        reverse_packages(invoice.contract, invoice=f"invoice {invoice.pk}", by=by, now=now)
    owe_mails(note, now)
    announce_document(note, WebhookEndpoint.CREDITED, now, credits=invoice.number)
    return note


def _document(invoice: Invoice, bill: Bill, *, number: str, issued_on: str, reason: str) -> dict[str, Any]:
    document: dict[str, Any] = invoice.document
    return document | {
        "kind": "credit_note",
        "number": number,
        "issued_on": issued_on,
        "due_on": None,
        "credits": {"number": invoice.number, "issued_on": invoice.document["issued_on"]},
        "reason": reason,
        "bill": bill.to_json(),
        "explanations": explanations_of(bill),
        "evidence": None,
        "previous": None,
        "usage_by_day": [],
        "summary": None,
    }
