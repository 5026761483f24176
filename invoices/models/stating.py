"""Statements of account that are owed by mail: one a month where the tenant gets them, and those a person asks for."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from billing.mail import OwedMail
from tenants.models import Tenant


class StatementMail(OwedMail):
    """The mail that brings a tenant's account over some days to one recipient; ``by`` is empty for the monthly one."""

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="statement_mails", verbose_name=_("tenant"))
    currency = models.CharField(_("currency"), max_length=3)
    starts_on = models.DateField(_("first day"))
    ends_on = models.DateField(_("up to, exclusive"))
    by = models.CharField(_("who"), max_length=150, blank=True)
    reason = models.CharField(_("sent again by, because"), max_length=300, blank=True)
    account = models.JSONField(null=True, editable=False)
    pdf = models.BinaryField(default=b"")
    sha256 = models.CharField(max_length=64, blank=True, editable=False)

    class Meta:
        verbose_name = _("mailed statement")
        verbose_name_plural = _("mailed statements")
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "currency", "starts_on", "ends_on", "recipient"], condition=models.Q(by=""),
                name="one_monthly_statement",
            ),
            models.UniqueConstraint(
                fields=["tenant", "currency", "starts_on", "ends_on", "recipient"],
                condition=models.Q(state__in=["queued", "sending"]) & ~models.Q(by=""),
                name="one_statement_on_its_way",
            ),
        ]  # fmt: skip
        indexes = [
            models.Index(fields=["due_at"], name="due_statements", condition=models.Q(state__in=["queued", "sending"]))
        ]

    def __str__(self) -> str:
        return f"{self.tenant.code} {self.starts_on} → {self.recipient}"
