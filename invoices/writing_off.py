"""Giving up what is open of an invoice: one person asks with a reason, another decides (坏账核销)."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils.translation import gettext as _

from billing.errors import Refused
from invoices.ledger import post_write_off
from invoices.models import Invoice, Receivable, WriteOff
from tenants.models import Tenant


class CannotWriteOff(Refused):
    """The invoice must not be written off so, or this person must not decide."""

    status = 409


def request_write_off(invoice: Invoice, amount: Decimal | None, *, reason: str, by: str, now: datetime) -> WriteOff:
    """Ask to give up ``amount``, or all that is open, of an invoice.

    Raises CannotWriteOff without a reason, for more than is open, and while another request waits.
    """
    if not reason.strip() or not by:
        raise CannotWriteOff("reason_needed", _("Say why it is written off."), pointer="/reason")
    with transaction.atomic():
        Tenant.objects.select_for_update().get(pk=invoice.tenant_id)
        left = _open(invoice)
        wanted = left if amount is None else amount
        if not wanted.is_finite() or not 0 < wanted <= left:
            raise CannotWriteOff(
                "more_than_open",
                _("%(left)s is open; write an amount above 0 and not above that.") % {"left": f"{left.normalize():f}"},
                pointer="/amount",
            )
        if invoice.write_offs.filter(approved=None).exists():
            raise CannotWriteOff(
                "waits", _("A request for this invoice waits for its decision; decide that one first.")
            )
        return WriteOff.objects.create(
            invoice=invoice, amount=wanted, reason=reason.strip()[:300], requested_by=by, requested_at=now
        )


def decide_write_off(request_id: int, *, approve: bool, by: str, now: datetime) -> WriteOff:
    """Approve or decline a request; approved, the amount is not owed any more.

    Raises CannotWriteOff when it is decided already, for the person who asked, and when less is open by now.
    """
    with transaction.atomic():
        asked = WriteOff.objects.select_related("invoice__tenant").get(pk=request_id)
        Tenant.objects.select_for_update().get(pk=asked.invoice.tenant_id)
        asked.refresh_from_db(fields=["approved"])
        asked.refuse_decision(by, CannotWriteOff)
        if approve and _open(asked.invoice) < asked.amount:
            raise CannotWriteOff("paid_meanwhile", _("Less is open by now; decline it and ask again."))
        asked.approved, asked.decided_by, asked.decided_at = approve, by, now
        asked.save()
        if approve:
            post_write_off(asked, on=now.astimezone(ZoneInfo(asked.invoice.tenant.zone)).date(), now=now)
    return asked


def _open(invoice: Invoice) -> Decimal:
    found = Receivable.objects.filter(invoice=invoice).values_list("open", flat=True).first()
    return max(found or Decimal(0), Decimal(0))
