"""Reminding of an invoice before and after its due day, in levels (催款): each at most once to a recipient, none once paid."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from billing.mail import NOTHING_OPEN, QUESTION_OPEN, NotNeeded
from invoices.approving import locked_invoice, record
from invoices.models import Delivery, Dispute, Invoice, InvoiceEvent, Receivable

REMINDER = "reminder-"


def owe_reminders(now: datetime) -> int:
    """Put the reminders into the queue whose day has come; return for how many invoices.

    The seller says on which days from the due day, in the tenant's zone. After days without a run only the latest is
    sent; a level sent once, and those below it, are never sent again. While the tenant has an open question about an
    invoice, its reminders wait.
    """
    still_open = Receivable.objects.filter(
        ~Exists(_open_disputes(OuterRef("invoice_id"))),
        open__gt=0, tenant__gets_reminders=True, invoice__state=Invoice.ISSUED,
    )  # fmt: skip
    reminded = 0
    for receivable in still_open.select_related("invoice__seller", "invoice__tenant").iterator():
        invoice = receivable.invoice
        today = now.astimezone(ZoneInfo(invoice.tenant.zone)).date()
        level = level_on(today, receivable.due_on, invoice.seller.reminder_days)
        if level and not _reminded(invoice, level):
            reminded += _owe(invoice, level, now)
    return reminded


def level_on(today: date, due_on: date, days: list[int]) -> int:
    """Give the level reached on a day: how many of the seller's days from the due day have come; 0 is none yet."""
    return sum(due_on + timedelta(days=day) <= today for day in days)


def level_of(delivery: Delivery) -> int:
    """Give the level of a reminder, 0 for any other mail."""
    return int(delivery.kind.removeprefix(REMINDER)) if delivery.kind.startswith(REMINDER) else 0


def refuse_when_settled(delivery: Delivery) -> Receivable:
    """Give what a reminder reminds of. Raises NotNeeded when nothing is open any more, or a question is."""
    receivable = Receivable.objects.get(invoice_id=delivery.invoice_id)
    if receivable.open <= 0:
        raise NotNeeded(NOTHING_OPEN)
    if _open_disputes(delivery.invoice_id).exists():
        raise NotNeeded(QUESTION_OPEN)
    return receivable


def _open_disputes(invoice_id: int | OuterRef) -> QuerySet[Dispute]:
    return Dispute.objects.filter(invoice_id=invoice_id, closed_at=None)


def _reminded(invoice: Invoice, level: int) -> bool:
    kinds = invoice.deliveries.filter(kind__startswith=REMINDER).values_list("kind", flat=True)
    return any(int(kind.removeprefix(REMINDER)) >= level for kind in kinds)


@transaction.atomic(durable=True)
def _owe(invoice: Invoice, level: int, now: datetime) -> bool:
    locked_invoice(invoice.pk)
    if _reminded(invoice, level):
        return False  # somebody was quicker
    kind, recipients = f"{REMINDER}{level}", invoice.tenant.recipients()
    mails = [
        Delivery(
            invoice=invoice, kind=kind, recipient=each.email, due_at=now, message_id=invoice.seller.new_message_id()
        )
        for each in recipients
    ]
    Delivery.objects.bulk_create(mails)
    record(invoice, InvoiceEvent.REMINDED, by="", reason=str(level), now=now)
    return True
