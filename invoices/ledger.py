"""Posting in double entry: each document, payment and write-off moves money between accounts, and the sum is zero."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db.models import Max, Sum
from django.utils.translation import gettext as _

from billing.errors import Refused
from invoices.models import Invoice, LedgerEntry, LedgerSide, Payment, Receivable, Refund, WriteOff


class PaidBack(Refused):
    """The money that should be moved was paid back to the tenant."""

    status = 409


Side = tuple[str, Invoice | int | None, Decimal]


def post(
    tenant_id: int, currency: str, kind: str, sides: Iterable[Side], *, on: date, by: str, now: datetime, **cause: Any
) -> LedgerEntry | None:
    """Write one entry with its ``sides``: account, invoice and amount; nothing when nothing moves.

    ``cause`` is the document, payment or write-off, and the reason. To be called in the transaction of the verb that
    holds the tenant's lock. The database refuses an entry that does not add up to zero, and more than is open.
    """
    moving = [(account, invoice, amount) for account, invoice, amount in sides if amount]
    if not moving:
        return None
    entry = LedgerEntry.objects.create(
        tenant_id=tenant_id, currency=currency, kind=kind, on=on, by=by, at=now, **cause
    )  # fmt: skip
    LedgerSide.objects.bulk_create(
        LedgerSide(
            entry=entry, account=account, invoice_id=getattr(invoice, "pk", invoice), amount=amount
        )
        for account, invoice, amount in moving
    )  # fmt: skip
    return entry


def post_document(document: Invoice, *, on: date) -> None:
    """Post an invoice or a credit note as it is issued; a note takes from what the invoice it credits owes.

    When more of that invoice is settled than will be left of it, the surplus goes back on account first; when one in
    the tenant's favour has paid more than will be left of it, the invoices it paid are open again for the difference.
    """
    by, now = document.issued_by, document.issued_at
    assert now is not None  # the caller has issued it  # noqa: S101  # nosec B101
    if document.kind == Invoice.CREDIT_NOTE:
        _make_room(document, on=on, by=by, now=now)
    post(
        document.tenant_id, document.currency,
        LedgerEntry.ISSUED if document.kind == Invoice.INVOICE else LedgerEntry.CREDITED,
        [
            (LedgerSide.RECEIVABLE, document.credits_id or document.pk, document.total),
            (LedgerSide.REVENUE, None, -document.net),
            (LedgerSide.TAX, None, -document.tax),
        ],
        on=on, by=by, now=now, document_id=document.pk,
    )  # fmt: skip


def release(invoice: Invoice, amount: Decimal, *, on: date, by: str, now: datetime, reason: str) -> None:
    """Take back up to ``amount`` of what was allocated to or written off an invoice, the latest first."""
    settling = (
        LedgerSide.objects.filter(invoice=invoice, entry__kind__in=LedgerEntry.SETTLING)
        .values("entry__payment", "entry__write_off", "entry__document")
        .annotate(moved=-Sum("amount"), latest=Max("entry_id"))
        .order_by("-latest")
    )
    for each in settling:
        back = min(amount, each["moved"])
        if back > 0:
            release_from(
                invoice, back, payment=each["entry__payment"], write_off=each["entry__write_off"],
                document=each["entry__document"], on=on, by=by, now=now, reason=reason,
            )  # fmt: skip
            amount -= back


def take_back_set_off(in_favour: Invoice, amount: Decimal, *, on: date, by: str, now: datetime, reason: str) -> None:
    """Take back up to ``amount`` of what an invoice in the tenant's favour settled of others, the latest first."""
    for invoice_id, moved in set_off_of(in_favour).items():
        back = min(amount, moved)
        if back > 0:
            paid = Invoice.objects.get(pk=invoice_id)
            release_from(paid, back, document=in_favour.pk, on=on, by=by, now=now, reason=reason)
            amount -= back


def set_off_of(in_favour: Invoice) -> dict[int, Decimal]:
    """Give what an invoice in the tenant's favour settled of others, by their ids, the latest first."""
    given = (
        LedgerSide.objects.filter(
            entry__document=in_favour, entry__kind__in=LedgerEntry.SETTLING, invoice__isnull=False
        )
        .exclude(invoice=in_favour)
        .values("invoice")
        .annotate(moved=-Sum("amount"), latest=Max("entry_id"))
        .order_by("-latest")
    )
    return {each["invoice"]: each["moved"] for each in given if each["moved"]}


def release_from(
    invoice: Invoice, amount: Decimal, *, on: date, by: str, now: datetime, reason: str,
    payment: int | None = None, write_off: int | None = None, document: int | None = None,
) -> None:  # fmt: skip
    """Take back ``amount`` of what one payment, write-off or invoice in the tenant's favour settled of an invoice."""
    other = LedgerSide.BAD_DEBT if write_off else LedgerSide.RECEIVABLE
    post(
        invoice.tenant_id, invoice.currency, LedgerEntry.RELEASED,
        [(LedgerSide.RECEIVABLE, invoice, amount), (other, document, -amount)],
        on=on, by=by, now=now, reason=reason[:300], payment_id=payment, write_off_id=write_off, document_id=document,
    )  # fmt: skip


def post_payment(payment: Payment, *, now: datetime) -> None:
    """Post money that came in: on account until it is allocated."""
    sides: list[Side] = [
        (LedgerSide.BANK, None, payment.amount), (LedgerSide.RECEIVABLE, None, -payment.amount)
    ]  # fmt: skip
    post(
        payment.tenant_id, payment.currency, LedgerEntry.RECEIVED, sides,
        on=payment.on, by=payment.by, now=now, payment=payment,
    )  # fmt: skip


def post_write_off(asked: WriteOff, *, on: date, now: datetime) -> None:
    """Post what was given up of an invoice."""
    invoice = asked.invoice
    post(
        invoice.tenant_id, invoice.currency, LedgerEntry.WRITTEN_OFF,
        [(LedgerSide.BAD_DEBT, None, asked.amount), (LedgerSide.RECEIVABLE, invoice, -asked.amount)],
        on=on, by=asked.decided_by, now=now, write_off=asked, reason=asked.reason,
    )  # fmt: skip


def post_refund(refund: Refund, source: Payment | Receivable, amount: Decimal, *, on: date, now: datetime) -> None:
    """Post what was paid back out of one payment on account, or of one invoice in the tenant's favour."""
    payment = source if isinstance(source, Payment) else None
    document = source.invoice_id if isinstance(source, Receivable) else None
    post(
        refund.tenant_id, refund.currency, LedgerEntry.REFUNDED,
        [(LedgerSide.BANK, None, -amount), (LedgerSide.RECEIVABLE, document, amount)],
        on=on, by=refund.decided_by, now=now, reason=refund.reason, refund=refund, payment=payment, document_id=document,
    )  # fmt: skip


def _make_room(note: Invoice, *, on: date, by: str, now: datetime) -> None:
    """Release of the invoice what would be settled beyond what the note leaves of it."""
    invoice = note.credits
    assert invoice is not None  # the database knows no note without  # noqa: S101  # nosec B101
    receivable = getattr(invoice, "receivable", None)
    if receivable is None:
        return
    receivable.refresh_from_db()
    left = receivable.owed + note.total
    if receivable.owed >= 0:
        surplus = receivable.settled - max(left, Decimal(0))
        release(invoice, surplus, on=on, by=by, now=now, reason=f"{note.number}")
    else:
        surplus = min(left, Decimal(0)) - receivable.settled
        if surplus > sum(set_off_of(invoice).values()):
            raise PaidBack(
                "paid_back", _("What this invoice had in the tenant's favour was paid back in part; credit less of it.")
            )
        take_back_set_off(invoice, surplus, on=on, by=by, now=now, reason=f"{note.number}")
