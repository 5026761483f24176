"""Mails that came back."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from tenants.models.parties import Tenant


class Bounce(models.Model):
    """A report that a tenant's mail came back, or is not wanted; a person sees to it, unless it was for the moment only."""

    HARD, SOFT, COMPLAINT = "hard", "soft", "complaint"
    KINDS = [(HARD, _("for good")), (SOFT, _("for the moment")), (COMPLAINT, _("reported as unwanted"))]

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="bounces", verbose_name=_("tenant"))
    recipient = models.EmailField(_("recipient"))
    kind = models.CharField(_("came back"), max_length=10, choices=KINDS)
    message_id = models.CharField(max_length=200)
    answer = models.CharField(_("answer"), max_length=500, blank=True)
    at = models.DateTimeField(_("at"))
    seen_at = models.DateTimeField(_("seen to"), null=True)
    seen_by = models.CharField(_("seen to by"), max_length=150, blank=True)

    class Meta:
        verbose_name = _("bounced mail")
        verbose_name_plural = _("bounced mails")
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(fields=["message_id", "recipient", "kind"], name="bounce_reported_once"),
        ]
        indexes = [
            models.Index(fields=["tenant"], name="bounces_to_see_to", condition=models.Q(seen_at__isnull=True)),
        ]

    def __str__(self) -> str:
        return f"{self.recipient} {self.at:%Y-%m-%d}"
