"""The journal behind what tenants owe: entries in double entry, and what they add up to for each invoice."""

from __future__ import annotations

from datetime import date

from django.db import models
from django.utils.translation import gettext_lazy as _

from invoices.models.documents import Invoice
from tenants.models import Tenant


class LedgerEntry(models.Model):
    """One entry of the journal (凭证); its sides add up to zero. Entries are only ever added, the database sees to it.

    ``document``, ``payment``, ``write_off`` or ``refund`` is what caused it. For example an invoice of 106.00: receivable +106.00,
    revenue −100.00, tax −6.00; its payment: bank +106.00, receivable (on account) −106.00; allocating that payment:
    receivable (on account) +106.00, receivable of the invoice −106.00.
    """

    ISSUED, CREDITED, RECEIVED, REVERSED = "issued", "credited", "received", "reversed"
    ALLOCATED, WRITTEN_OFF, RELEASED = "allocated", "written_off", "released"
    REFUNDED = "refunded"
    KINDS = [
        (ISSUED, _("invoice issued")), (CREDITED, _("credit note issued")), (RECEIVED, _("payment received")),
        (REVERSED, _("payment reversed")), (ALLOCATED, _("allocated")), (WRITTEN_OFF, _("written off")),
        (RELEASED, _("allocation taken back")), (REFUNDED, _("paid back")),
    ]  # fmt: skip
    SETTLING = (ALLOCATED, WRITTEN_OFF, RELEASED)

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="ledger", verbose_name=_("tenant"))
    currency = models.CharField(_("currency"), max_length=3)
    kind = models.CharField(_("what"), max_length=12, choices=KINDS)
    document = models.ForeignKey(Invoice, models.PROTECT, null=True, related_name="+", verbose_name=_("document"))
    payment = models.ForeignKey(
        "invoices.Payment", models.PROTECT, null=True, related_name="entries", verbose_name=_("payment")
    )
    write_off = models.ForeignKey(
        "invoices.WriteOff", models.PROTECT, null=True, related_name="entries", verbose_name=_("write-off")
    )
    refund = models.ForeignKey(
        "invoices.Refund", models.PROTECT, null=True, related_name="entries", verbose_name=_("refund")
    )
    on = models.DateField(_("on"), help_text=_("The day it counts for."))
    at = models.DateTimeField(_("when"))
    by = models.CharField(_("who"), max_length=150)
    reason = models.CharField(_("why"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("ledger entry")
        verbose_name_plural = _("ledger")
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(kind__in=["issued", "credited"], document__isnull=False)
                | models.Q(kind__in=["received", "reversed"], payment__isnull=False)
                | models.Q(kind="written_off", write_off__isnull=False)
                | models.Q(kind="refunded", refund__isnull=False)
                | models.Q(kind__in=["allocated", "released"]),
                name="entry_has_a_cause",
            ),
            models.UniqueConstraint(
                fields=["document"], condition=models.Q(kind__in=["issued", "credited"]), name="document_posted_once"
            ),
            models.UniqueConstraint(
                fields=["payment", "kind"],
                condition=models.Q(kind__in=["received", "reversed"]),
                name="payment_posted_once",
            ),
            models.UniqueConstraint(
                fields=["write_off"], condition=models.Q(kind="written_off"), name="write_off_posted_once"
            ),
            models.UniqueConstraint(
                fields=["refund", "payment", "document"],
                condition=models.Q(kind="refunded"),
                nulls_distinct=False,
                name="refund_posted_once",
            ),
        ]
        indexes = [models.Index(fields=["tenant", "on", "id"], name="ledger_of_a_tenant")]

    def __str__(self) -> str:
        return f"{self.on} {self.get_kind_display()}"


class LedgerSide(models.Model):
    """One side of an entry (分录): above zero a debit (借), below zero a credit (贷).

    The account receivable is kept by ``invoice``; without one it is money on account: paid, not allocated yet.
    """

    RECEIVABLE, REVENUE, TAX, BANK, BAD_DEBT = "receivable", "revenue", "tax", "bank", "bad_debt"
    ACCOUNTS = [
        (RECEIVABLE, _("receivable")), (REVENUE, _("revenue")), (TAX, _("tax")), (BANK, _("cash at bank")),
        (BAD_DEBT, _("bad debt")),
    ]  # fmt: skip

    entry = models.ForeignKey(LedgerEntry, models.PROTECT, related_name="sides", verbose_name=_("ledger entry"))
    account = models.CharField(_("account"), max_length=10, choices=ACCOUNTS)
    invoice = models.ForeignKey(
        Invoice, models.PROTECT, null=True, related_name="ledger_sides", verbose_name=_("invoice")
    )
    amount = models.DecimalField(_("amount"), max_digits=18, decimal_places=3)

    class Meta:
        verbose_name = _("side of a ledger entry")
        verbose_name_plural = _("sides of ledger entries")
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(condition=~models.Q(amount=0), name="side_moves"),
            models.CheckConstraint(
                condition=models.Q(invoice__isnull=True) | models.Q(account="receivable"),
                name="invoices_are_receivable",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.account} {self.amount:+}"


class Receivable(models.Model):
    """What is open of an invoice. The database adds each side of the ledger up here; nobody writes it otherwise.

    ``owed`` is the invoice less its credit notes, ``settled`` what was allocated or written off of it. Below zero
    everything is the other way round: an invoice in the tenant's favour.
    """

    OPEN, PART_PAID, PAID, OVERDUE = "open", "part_paid", "paid", "overdue"
    CREDITED, WROTE_OFF, IN_FAVOUR = "credited", "written_off", "in_favour"
    STATES = {
        OPEN: _("unpaid"), PART_PAID: _("part-paid"), PAID: _("paid"), OVERDUE: _("overdue"), CREDITED: _("credited"),
        WROTE_OFF: _("written off"), IN_FAVOUR: _("in the tenant's favour"),
    }  # fmt: skip

    invoice = models.OneToOneField(
        Invoice, models.PROTECT, primary_key=True, related_name="receivable", verbose_name=_("invoice")
    )
    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="receivables", verbose_name=_("tenant"))
    currency = models.CharField(_("currency"), max_length=3)
    due_on = models.DateField(_("due on"))
    owed = models.DecimalField(_("owed"), max_digits=18, decimal_places=3)
    settled = models.DecimalField(_("settled"), max_digits=18, decimal_places=3, default=0)
    written_off = models.DecimalField(_("written off"), max_digits=18, decimal_places=3, default=0)
    open = models.GeneratedField(
        expression=models.F("owed") - models.F("settled"),
        output_field=models.DecimalField(_("open amount"), max_digits=18, decimal_places=3),
        db_persist=True,
    )

    class Meta:
        verbose_name = _("receivable")
        verbose_name_plural = _("receivables")
        ordering = ["due_on", "invoice"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(owed__gte=0, settled__gte=0, settled__lte=models.F("owed"))
                | models.Q(owed__lt=0, settled__lte=0, settled__gte=models.F("owed")),
                name="never_overallocated",
            ),
        ]
        indexes = [
            models.Index(fields=["due_on"], name="open_by_due_day", condition=~models.Q(open=0)),
            models.Index(fields=["tenant", "due_on"], name="open_by_tenant", condition=~models.Q(open=0)),
        ]

    def __str__(self) -> str:
        return f"{self.invoice_id}: {self.open}"

    def state(self, today: date) -> str:
        """Say how far it is paid, on a day: one of STATES, worked out from its figures."""
        if self.open == 0:
            if self.written_off:
                return self.WROTE_OFF
            return self.PAID if self.owed else self.CREDITED
        if self.open < 0:
            return self.IN_FAVOUR
        if self.due_on < today:
            return self.OVERDUE
        return self.PART_PAID if self.settled else self.OPEN
