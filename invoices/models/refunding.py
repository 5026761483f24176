"""Money paid back to a tenant out of what stands in its favour."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from invoices.models.deciding import UNDECIDED, TwoPeople, takes_two
from tenants.models import CURRENCIES, Tenant


class Refund(TwoPeople):
    """A wish to pay a tenant back (退款): asked for by one person; another approves with the ``reference`` of the transfer."""

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="refunds", verbose_name=_("tenant"))
    currency = models.CharField(_("currency"), max_length=3, choices=CURRENCIES)
    amount = models.DecimalField(_("amount"), max_digits=18, decimal_places=3)
    reference = models.CharField(_("reference of the transfer"), max_length=100, blank=True)

    class Meta:
        verbose_name = _("refund")
        verbose_name_plural = _("refunds")
        permissions = [("decide_refund", "Can decide on refunds")]
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(condition=models.Q(amount__gt=0), name="refund_pays_back_something"),
            takes_two("refund_takes_two"),
            models.CheckConstraint(
                condition=(UNDECIDED & models.Q(reference=""))
                | (models.Q(approved=False, decided_at__isnull=False, reference="") & ~models.Q(decided_by=""))
                | (
                    models.Q(approved=True, decided_at__isnull=False)
                    & ~models.Q(decided_by="")
                    & ~models.Q(reference="")
                ),
                name="refund_is_decided_by_someone",
            ),
            models.UniqueConstraint(
                fields=["tenant", "currency"], condition=models.Q(approved__isnull=True), name="one_open_refund"
            ),
            models.UniqueConstraint(
                fields=["tenant", "reference"], condition=models.Q(approved=True), name="refund_paid_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tenant}: {self.amount.normalize():f} {self.currency} {self.reference}".strip()
