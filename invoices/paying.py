"""Money that came in: recorded once, allocated to invoices, never beyond what is open (回款与核销)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils.translation import gettext as _

from billing.errors import Refused
from billing.money import decimals_of
from invoices.issuing import announce_document
from invoices.ledger import Side, post, post_payment, release_from, set_off_of
from invoices.models import Invoice, LedgerEntry, LedgerSide, Payment, Receivable
from tenants.models import Tenant, WebhookEndpoint

LARGEST = Decimal(999999999999)


class CannotPay(Refused):
    """The payment must not be recorded, allocated or taken back so."""

    status = 409


def record_payment(
    tenant_id: int, amount: Decimal, *, currency: str, by: str, now: datetime,
    allocate_to: Mapping[int, Decimal] | None = None, **known: Any,
) -> Payment:  # fmt: skip
    """Record money a tenant paid; ``known`` are the day it came (``on``), its reference, payer and note.

    ``allocate_to`` says which invoices it pays, by their id; without it the oldest due are paid first. What is left
    stays on account. Raises CannotPay for an amount that cannot be, a day to come, a reference recorded already, and
    for more than is open of an invoice: then nothing is recorded.
    """
    with transaction.atomic():
        tenant = Tenant.objects.select_for_update().get(pk=tenant_id)
        today = now.astimezone(ZoneInfo(tenant.zone)).date()
        known.setdefault("on", today)
        _check_amount(amount, currency)
        if known["on"] > today:
            raise CannotPay("day_to_come", _("Write the day the money came in, not one to come."), pointer="/on")
        reference = known.get("reference", "")
        if reference and tenant.payments.filter(reference=reference, reversed=False).exists():
            raise CannotPay(
                "recorded_already",
                _("A payment of the reference %(reference)s is recorded already.") % {"reference": reference},
                pointer="/reference",
            )
        payment = Payment.objects.create(tenant=tenant, amount=amount, currency=currency, by=by, at=now, **known)
        post_payment(payment, now=now)
        wanted = proposal(tenant_id, currency, amount) if allocate_to is None else allocate_to
        _allocate(payment, wanted, by=by, now=now)
        payment.refresh_from_db()
    return payment


def proposal(tenant_id: int, currency: str, amount: Decimal) -> dict[int, Decimal]:
    """Propose which invoices an amount pays: the oldest due first, as far as it reaches; by their ids."""
    wanted = {}
    for receivable in open_invoices(tenant_id, currency):
        wanted[receivable.invoice_id] = min(amount, receivable.open)
        amount -= wanted[receivable.invoice_id]
        if not amount:
            break
    return {invoice_id: part for invoice_id, part in wanted.items() if part}


def open_invoices(tenant_id: int, currency: str) -> list[Receivable]:
    """List what is open of a tenant's invoices in a currency, the oldest due first."""
    found = Receivable.objects.filter(tenant_id=tenant_id, currency=currency, open__gt=0)
    return list(found.select_related("invoice__tenant", "invoice__contract").order_by("due_on", "invoice_id"))


def allocate(payment_id: int, amounts: Mapping[int, Decimal], *, by: str, now: datetime) -> Payment:
    """Allocate what is left of a payment to invoices, amounts by their ids.

    Raises CannotPay for more than is left of the payment or open of an invoice, and for another tenant's invoice.
    """
    with transaction.atomic():
        payment = _locked(payment_id)
        _allocate(payment, amounts, by=by, now=now)
        payment.refresh_from_db()
    return payment


def set_off(in_favour: Invoice, amounts: Mapping[int, Decimal], *, by: str, now: datetime) -> None:
    """Let an invoice in the tenant's favour (its total is below zero) pay others. Raises CannotPay as allocate does."""
    with transaction.atomic():
        Tenant.objects.select_for_update().get(pk=in_favour.tenant_id)
        left = -Receivable.objects.get(invoice=in_favour).open
        _settle(in_favour.tenant_id, in_favour.currency, left, amounts, in_favour, by=by, now=now, document=in_favour)


def undo_set_off(in_favour: Invoice, invoice: Invoice, *, reason: str, by: str, now: datetime) -> None:
    """Put back what an invoice in the tenant's favour settled of another. Raises CannotPay without a reason or set-off."""
    _need(reason)
    with transaction.atomic():
        tenant = Tenant.objects.select_for_update().get(pk=in_favour.tenant_id)
        moved = set_off_of(in_favour).get(invoice.pk, Decimal(0))
        if not moved:
            raise CannotPay("not_allocated", _("Nothing was set off against that invoice."))
        on = now.astimezone(ZoneInfo(tenant.zone)).date()
        release_from(invoice, moved, document=in_favour.pk, on=on, by=by, now=now, reason=reason)


def take_back(payment_id: int, invoice: Invoice, *, reason: str, by: str, now: datetime) -> Payment:
    """Put what a payment settled of an invoice back on account. Raises CannotPay without a reason or allocation."""
    _need(reason)
    with transaction.atomic():
        payment = _locked(payment_id)
        moved = allocated(payment).get(invoice.pk, Decimal(0))
        if not moved:
            raise CannotPay("not_allocated", _("Nothing of this payment is allocated to that invoice."))
        release_from(invoice, moved, payment=payment.pk, on=_today(payment, now), by=by, now=now, reason=reason)
        payment.refresh_from_db()
    return payment


def reverse_payment(payment_id: int, *, reason: str, by: str, now: datetime) -> Payment:
    """Take a payment back that was recorded in error or bounced; its invoices are open again.

    The payment stays on the list with a counter entry. Raises CannotPay without a reason, or when it is reversed.
    """
    _need(reason)
    with transaction.atomic():
        payment = _locked(payment_id)
        if payment.reversed:
            raise CannotPay("reversed", _("This payment is reversed already."))
        if payment.entries.filter(kind=LedgerEntry.REFUNDED).exists():
            raise CannotPay("paid_back", _("Some of this payment was paid back to the tenant; it cannot be reversed."))
        on = _today(payment, now)
        for invoice in Invoice.objects.filter(pk__in=allocated(payment)):
            part = allocated(payment)[invoice.pk]
            release_from(invoice, part, payment=payment.pk, on=on, by=by, now=now, reason=reason)
        post(
            payment.tenant_id, payment.currency, LedgerEntry.REVERSED,
            [(LedgerSide.BANK, None, -payment.amount), (LedgerSide.RECEIVABLE, None, payment.amount)],
            on=on, by=by, now=now, payment=payment, reason=reason[:300],
        )  # fmt: skip
        payment.refresh_from_db()
    return payment


def allocated(payment: Payment) -> dict[int, Decimal]:
    """Give what a payment settled, by the id of the invoice."""
    found: dict[int, Decimal] = {}
    sides = LedgerSide.objects.filter(entry__payment=payment, invoice__isnull=False)
    for invoice_id, amount in sides.values_list("invoice_id", "amount"):
        found[invoice_id] = found.get(invoice_id, Decimal(0)) - amount
    return {invoice_id: amount for invoice_id, amount in found.items() if amount}


def _allocate(payment: Payment, amounts: Mapping[int, Decimal], *, by: str, now: datetime) -> None:
    payment.refresh_from_db(fields=["rest"])
    _settle(payment.tenant_id, payment.currency, payment.rest, amounts, None, by=by, now=now, payment=payment)


def _settle(
    tenant_id: int, currency: str, left: Decimal, amounts: Mapping[int, Decimal], source: Invoice | None,
    *, by: str, now: datetime, **cause: Any,
) -> None:  # fmt: skip
    """Move amounts from a source to invoices: one entry each. The tenant's row is locked by the caller."""
    if sum(amounts.values(), Decimal(0)) > left:
        raise CannotPay(
            "more_than_paid",
            _("Only %(left)s is left to allocate; write less.") % {"left": f"{left.normalize():f}"},
        )
    on = now.astimezone(ZoneInfo(Tenant.objects.values_list("zone", flat=True).get(pk=tenant_id))).date()
    owed = {each.invoice_id: each for each in open_invoices(tenant_id, currency)}
    for invoice_id, amount in amounts.items():
        _check_amount(amount, currency)
        receivable = owed.get(invoice_id)
        if receivable is None or amount > receivable.open:
            raise CannotPay(
                "more_than_open",
                _("Less than %(amount)s is open of this invoice; look at it again and write less.")
                % {"amount": f"{amount.normalize():f}"},
                pointer=f"/{invoice_id}",
            )
        sides: list[Side] = [
            (LedgerSide.RECEIVABLE, source, amount), (LedgerSide.RECEIVABLE, invoice_id, -amount)
        ]  # fmt: skip
        entry = post(tenant_id, currency, LedgerEntry.ALLOCATED, sides, on=on, by=by, now=now, **cause)
        if entry is not None and amount == receivable.open:
            paid = receivable.invoice
            announce_document(paid, WebhookEndpoint.PAID, now, paid_on=on.isoformat(), payment=str(entry.pk))


def _locked(payment_id: int) -> Payment:
    """Return a payment with its tenant's row locked: all that moves a tenant's money waits here."""
    payment = Payment.objects.select_related("tenant").get(pk=payment_id)
    Tenant.objects.select_for_update().get(pk=payment.tenant_id)
    payment.refresh_from_db(fields=["rest", "reversed"])
    return payment


def _today(payment: Payment, now: datetime) -> Any:
    return now.astimezone(ZoneInfo(payment.tenant.zone)).date()


def _need(reason: str) -> None:
    if not reason.strip():
        raise CannotPay("reason_needed", _("Say why; the reason is kept."), pointer="/reason")


def _check_amount(amount: Decimal, currency: str) -> None:
    """Refuse what is no amount of the currency: not above zero, out of bounds, more decimals than it has."""
    places = decimals_of(currency)
    if not amount.is_finite() or not 0 < amount <= LARGEST or amount != round(amount, places):
        raise CannotPay(
            "wrong_amount",
            _("Write an amount above 0 with at most %(places)d decimals, such as 1060.00.") % {"places": places},
            pointer="/amount",
        )
