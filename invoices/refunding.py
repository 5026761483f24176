"""Paying a tenant back what stands in its favour: one person asks with a reason, another approves the transfer (退款)."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils.translation import gettext as _

from billing.errors import Refused
from billing.money import decimals_of
from invoices.ledger import post_refund
from invoices.models import Payment, Receivable, Refund
from tenants.models import Tenant


class CannotRefund(Refused):
    """The money must not be paid back so, or this person must not decide."""

    status = 409


def credit_of(tenant_id: int, currency: str) -> Decimal:
    """Give what stands in a tenant's favour: paid and not allocated, and open of invoices below zero."""
    return sum((amount for _source, amount in _sources(tenant_id, currency)), Decimal(0))


def request_refund(tenant_id: int, amount: Decimal, *, currency: str, reason: str, by: str, now: datetime) -> Refund:
    """Ask to pay an amount back. Raises CannotRefund without a reason, beyond the credit, and while another waits."""
    if not reason.strip() or not by:
        raise CannotRefund("reason_needed", _("Say why it is paid back."), pointer="/reason")
    with transaction.atomic():
        Tenant.objects.select_for_update().get(pk=tenant_id)
        left = credit_of(tenant_id, currency)
        if not amount.is_finite() or not 0 < amount <= left or amount != round(amount, decimals_of(currency)):
            raise CannotRefund(
                "more_than_credit",
                _("%(left)s stands in the tenant's favour; write an amount above 0 and not above that.")
                % {"left": f"{left.normalize():f}"},
                pointer="/amount",
            )
        if Refund.objects.filter(tenant_id=tenant_id, currency=currency, approved=None).exists():
            raise CannotRefund("waits", _("A refund to this tenant waits for its decision; decide that one first."))
        return Refund.objects.create(
            tenant_id=tenant_id, currency=currency, amount=amount, reason=reason.strip()[:300], requested_by=by,
            requested_at=now,
        )  # fmt: skip


def decide_refund(request_id: int, *, approve: bool, reference: str = "", by: str, now: datetime) -> Refund:
    """Approve a refund with the bank's reference of the transfer, or decline it; approved, it is posted.

    Raises CannotRefund when it is decided already, for the person who asked, without a reference or with one that is
    recorded, and when less stands in the tenant's favour by now.
    """
    with transaction.atomic():
        asked = Refund.objects.select_related("tenant").get(pk=request_id)
        Tenant.objects.select_for_update().get(pk=asked.tenant_id)
        asked.refresh_from_db(fields=["approved"])
        asked.refuse_decision(by, CannotRefund)
        if approve:
            asked.reference = reference.strip()[:100]
            _check(asked)
        asked.approved, asked.decided_by, asked.decided_at = approve, by, now
        asked.save()
        if approve:
            _post(asked, now)
    return asked


def _check(asked: Refund) -> None:
    if not asked.reference:
        raise CannotRefund("reference_needed", _("Write the bank's reference of the transfer."), pointer="/reference")
    if Refund.objects.filter(tenant=asked.tenant, reference=asked.reference, approved=True).exists():
        raise CannotRefund(
            "recorded_already",
            _("A refund of the reference %(reference)s is recorded already.") % {"reference": asked.reference},
            pointer="/reference",
        )
    if credit_of(asked.tenant_id, asked.currency) < asked.amount:
        raise CannotRefund("spent_meanwhile", _("Less stands in the tenant's favour by now; decline it and ask again."))


def _post(asked: Refund, now: datetime) -> None:
    left, on = asked.amount, now.astimezone(ZoneInfo(asked.tenant.zone)).date()
    for source, amount in _sources(asked.tenant_id, asked.currency):
        part = min(left, amount)
        if part:
            post_refund(asked, source, part, on=on, now=now)
        left -= part


def _sources(tenant_id: int, currency: str) -> list[tuple[Payment | Receivable, Decimal]]:
    """List what stands in a tenant's favour: the oldest payments first, then the invoices below zero."""
    payments = Payment.objects.filter(tenant_id=tenant_id, currency=currency, rest__gt=0).order_by("on", "pk")
    favours = Receivable.objects.filter(tenant_id=tenant_id, currency=currency, open__lt=0).order_by("due_on", "pk")
    return [(each, each.rest) for each in payments] + [(each, -each.open) for each in favours]
