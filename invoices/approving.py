"""Two people issue: one has reviewed a draft and asks for it to be issued, another approves, or sends it back (审核)."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from billing.errors import Refused
from invoices.models import Invoice, InvoiceEvent
from tenants.models import Tenant


class CannotApprove(Refused):
    """The draft is not where this step begins, or this person must not take it."""

    status = 409


def request_issue(invoice_id: int, *, reason: str, by: str, now: datetime) -> Invoice:
    """Ask for a reviewed draft to be issued; from then on it waits for another person.

    Raises CannotApprove without a reason, for what is no draft, or while calls in it are taken by no clause.
    """
    if not reason.strip() or not by:
        raise CannotApprove("reason_needed", _("Say what you reviewed."), pointer="/reason")
    with transaction.atomic(durable=True):
        draft = locked_invoice(invoice_id)
        if draft.state != Invoice.DRAFT:
            raise CannotApprove("no_draft", _("Only a draft can be put up for approval."))
        if draft.blocked:
            raise CannotApprove(
                "uncovered_usage", _("Some calls are taken by no clause; amend the contract and draft again.")
            )
        draft.state, draft.requested_by, draft.requested_at = Invoice.REQUESTED, by, now
        draft.save(update_fields=["state", "requested_by", "requested_at"])
        record(draft, InvoiceEvent.REQUESTED, by=by, reason=reason, now=now)
    return draft


def send_back(invoice_id: int, *, reason: str, by: str, now: datetime) -> Invoice:
    """Make a draft of what waits for approval: the approver has an objection, or whoever asked thought better of it.

    Raises CannotApprove without a reason, and for what does not wait for approval.
    """
    if not reason.strip() or not by:
        raise CannotApprove("reason_needed", _("Say why it is sent back."), pointer="/reason")
    with transaction.atomic(durable=True):
        waiting = locked_invoice(invoice_id)
        if waiting.state != Invoice.REQUESTED:
            raise CannotApprove("not_requested", _("It does not wait for approval."))
        withdraw_request(waiting)
        waiting.save(update_fields=["state", "requested_by", "requested_at"])
        record(waiting, InvoiceEvent.SENT_BACK, by=by, reason=reason, now=now)
    return waiting


def hold(invoice_id: int, *, reason: str, by: str, now: datetime) -> Invoice:
    """Say why a draft waits; it goes to the end of the queue until it is drafted anew or put up for approval after all.

    Raises CannotApprove without a reason, and for what is no draft.
    """
    if not reason.strip() or not by:
        raise CannotApprove("reason_needed", _("Say why it is held."), pointer="/reason")
    with transaction.atomic(durable=True):
        draft = locked_invoice(invoice_id)
        if draft.state != Invoice.DRAFT:
            raise CannotApprove("no_draft", _("Only a draft can be held."))
        record(draft, InvoiceEvent.HELD, by=by, reason=reason, now=now)
    return draft


def withdraw_request(invoice: Invoice) -> None:
    """Make it a draft again, unsaved: what was asked for is not what it says now."""
    invoice.state, invoice.requested_by, invoice.requested_at = Invoice.DRAFT, "", None


def refuse_unless_second_person(invoice: Invoice, by: str) -> None:
    """Raise CannotApprove unless it waits for approval and this is not the person who asked."""
    if invoice.state != Invoice.REQUESTED:
        raise CannotApprove(
            "not_requested", _("Nobody asked for it to be issued; put it up for approval when it is reviewed.")
        )
    if not by or invoice.requested_by == by:
        raise CannotApprove("four_eyes", _("Another person than the one who asked must approve."))


def record(invoice: Invoice, what: str, *, by: str, now: datetime, reason: str = "") -> None:
    """Write into an invoice's history who did what, when and why."""
    InvoiceEvent.objects.create(invoice=invoice, what=what, by=by, at=now, reason=reason.strip()[:300])


def note_refusal(invoice_id: int, refusal: Refused, *, by: str, now: datetime) -> None:
    """Write into an invoice's history that it could not be issued, for those who were not there to be told."""
    record(Invoice.objects.get(pk=invoice_id), InvoiceEvent.REFUSED, by=by, reason=refusal.message, now=now)


def locked_invoice(invoice_id: int) -> Invoice:
    """Read an invoice or draft for a change, one at a time for each tenant; within the caller's transaction."""
    invoice = Invoice.objects.select_related("tenant", "seller").get(pk=invoice_id)
    Tenant.objects.select_for_update().get(pk=invoice.tenant_id)
    invoice.refresh_from_db()
    return invoice
