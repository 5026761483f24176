"""From a gateway's report to a payment in the ledger: once, however often it is reported."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _

from billing.errors import Refused
from invoices.gateways.gateway import Gateway, Paid
from invoices.links import page_link
from invoices.models import Invoice, Payment, Receivable
from invoices.paying import record_payment
from tenants.models import Tenant


class CannotCollect(Refused):
    """The report fits nothing that is owed here."""

    status = 409


def link_to_pay(name: str, gateway: Gateway, invoice: Invoice) -> str:
    """Ask a gateway where what is open of an invoice is paid. Raises CannotCollect when nothing is open."""
    receivable = Receivable.objects.filter(invoice=invoice, open__gt=0).first()
    if receivable is None:
        raise CannotCollect("nothing_open", _("Nothing is open of %(number)s.") % {"number": invoice.number})
    callback = settings.BASE_URL + reverse("gateway-callback", args=[name])
    return gateway.payment_link(
        str(invoice.number), receivable.open, invoice.currency, callback=callback, back=page_link(invoice)
    )


def collect(name: str, paid: Paid, now: datetime) -> Payment:
    """Record a payment that a gateway reported, for the invoice it names; what is more than open stays on account.

    Reported again it is the same payment, also after a person reversed it. Raises CannotCollect for an invoice that is
    not there, and when the same reference comes with another amount; CannotPay for an amount that cannot be.
    """
    invoice = Invoice.objects.select_related("tenant").filter(number=paid.number, state=Invoice.ISSUED).first()
    if invoice is None:
        raise CannotCollect("no_invoice", _("No invoice has the number %(number)s.") % {"number": paid.number})
    reference = f"{name}:{paid.reference}"[:100]
    with transaction.atomic():
        Tenant.objects.select_for_update().get(pk=invoice.tenant_id)
        known = Payment.objects.filter(tenant=invoice.tenant_id, reference=reference).order_by("pk").first()
        if known is None:
            return record_payment(
                invoice.tenant_id, paid.amount, currency=paid.currency, by=f"gateway {name}", now=now,
                allocate_to=_owed(invoice, paid), reference=reference, payer=paid.payer[:200],
            )  # fmt: skip
    if (known.amount, known.currency) != (paid.amount, paid.currency):
        raise CannotCollect(
            "other_amount", _("The payment %(reference)s is recorded with another amount.") % {"reference": reference}
        )
    return known


def _owed(invoice: Invoice, paid: Paid) -> dict[int, Decimal]:
    receivable = Receivable.objects.filter(invoice=invoice, currency=paid.currency, open__gt=0).first()
    return {invoice.pk: min(receivable.open, paid.amount)} if receivable and paid.amount.is_finite() else {}
