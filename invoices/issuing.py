"""From a draft to a legal document: numbered, snapshot, frozen, with the mails it owes, in one transaction."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import cast
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils.translation import gettext as _

from billing.errors import Refused
from billing.periods import Period
from billing.rating.bill import Bill
from invoices.approving import locked_invoice, record, refuse_unless_second_person
from invoices.ledger import post_document
from invoices.models import Delivery, Invoice, InvoiceEvent, NumberSeries, StoredFile
from invoices.numbering import take_number
from invoices.rendering import render_pdf
from invoices.rendering.document import Document
from invoices.settling import is_outdated
from tenants.contracts import entered_since, freeze_contract
from tenants.models import WebhookEndpoint
from tenants.packages import settle_packages
from tenants.webhooks.announcing import announce
from usage.freezing import freeze


class CannotIssue(Refused):
    """The draft must not become an invoice as it is."""

    status = 409


def issue(invoice_id: int, *, by: str, now: datetime) -> Invoice:
    """Approve a draft and issue it: freeze the month, take the number, fix the document, owe the mails. All or nothing.

    Raises CannotApprove unless another person asked for it; CannotIssue when it is issued, when usage is uncovered, or
    when calls came or something was agreed or entered since it was drafted; CannotPost when a package it draws from
    was drawn since.
    """
    with transaction.atomic(durable=True):
        draft = locked_invoice(invoice_id)
        if draft.state == Invoice.ISSUED:
            raise CannotIssue("no_draft", _("%(number)s is issued already.") % {"number": draft.number})
        refuse_unless_second_person(draft, by)
        if draft.blocked:
            raise CannotIssue(
                "uncovered_usage", _("Some calls are taken by no clause; amend the contract and draft again.")
            )
        if entered_since(draft.contract, draft.drafted_at, before=draft.period_ends_on):
            raise CannotIssue(
                "stale_draft",
                _("Something was agreed or entered after this draft was computed; draft it again and review it."),
            )
        if is_outdated(draft):
            raise CannotIssue(
                "settled_meanwhile", _("Another invoice settled the same late calls; draft it again and review it.")
            )
        if not freeze(draft.tenant_id, draft.period_starts_on, drafted_at=draft.drafted_at, now=now):
            raise CannotIssue(
                "stale_draft", _("Calls came in after this draft was computed; draft it again and review it.")
            )
        issued_on = now.astimezone(ZoneInfo(draft.tenant.zone)).date()
        draft.number = take_number(draft.seller, NumberSeries.INVOICE, issued_on.year)
        draft.state, draft.issued_at, draft.issued_by = Invoice.ISSUED, now, by
        draft.due_on = issued_on + timedelta(days=draft.seller.payment_days)
        draft.document = draft.document | {
            "state": "issued",
            "number": draft.number,
            "issued_on": issued_on.isoformat(),
            "due_on": draft.due_on.isoformat(),
        }
        draft.save()
        freeze_contract(draft.contract_id, draft.period_ends_on)
        post_document(draft, on=issued_on)
        _settle_packages(draft, now)
        record(draft, InvoiceEvent.ISSUED, by=by, now=now)
        owe_mails(draft, now)
        announce_document(draft, WebhookEndpoint.ISSUED, now, due_on=draft.due_on.isoformat())
    return draft


def _settle_packages(invoice: Invoice, now: datetime) -> None:
    period = Period(invoice.period_starts_on, invoice.period_ends_on)
    balances = Bill.from_json(invoice.document["bill"]).balances
    settle_packages(invoice.contract, period, balances, invoice=f"invoice {invoice.pk}", by=invoice.issued_by, now=now)


def announce_document(document: Invoice, kind: str, now: datetime, **more: str | None) -> None:
    """Owe webhooks the figures of an issued invoice or credit note; ``more`` is what is known besides."""
    told = {
        "number": document.number, "contract": document.contract.code, "currency": document.currency,
        "period_starts_on": document.period_starts_on.isoformat(), "period_ends_on": document.period_ends_on.isoformat(),
        "net": f"{document.net:.3f}", "tax": f"{document.tax:.3f}", "total": f"{document.total:.3f}",
    }  # fmt: skip
    event = " ".join(filter(None, [document.number, more.get("payment")]))
    announce(document.tenant, kind, f"{kind} {event}", told | more, now)


def owe_mails(invoice: Invoice, now: datetime) -> None:
    """Put a mail into the queue for each contact who receives invoices."""
    Delivery.objects.bulk_create(
        Delivery(invoice=invoice, recipient=contact.email, message_id=invoice.seller.new_message_id(), due_at=now)
        for contact in invoice.tenant.recipients()
    )


def stored_pdf(invoice: Invoice, now: datetime, language: str | None = None) -> StoredFile:
    """Return an issued invoice's PDF, rendered once and kept; what everyone gets are the same bytes."""
    language = language or invoice.language
    kept = StoredFile.objects.filter(invoice=invoice, language=language).first()
    if kept is not None:
        return kept
    if invoice.state != Invoice.ISSUED:
        raise CannotIssue("no_draft_files", _("A draft has no PDF to keep; look at its preview."))
    content = render_pdf(
        cast("Document", invoice.document), language,  # type: ignore[arg-type]
        logo=bytes(invoice.seller.logo), factur_x=invoice.tenant.factur_x,
    )  # fmt: skip
    digest = hashlib.sha256(content).hexdigest()
    StoredFile.objects.bulk_create(
        [StoredFile(invoice=invoice, language=language, content=content, sha256=digest, created_at=now)],
        ignore_conflicts=True,  # the same bytes were stored by someone quicker
    )
    return StoredFile.objects.get(invoice=invoice, language=language)
