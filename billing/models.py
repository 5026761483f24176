"""What the wiring itself keeps: nothing yet but the names of permissions."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class AuditTrail(models.Model):
    """The audit trail as a whole, which no row stands for: who may see it, and who may verify its chain."""

    class Meta:
        managed = False
        default_permissions = ("view",)
        permissions = [("verify_audittrail", "Can verify the chain of the audit trail")]
        verbose_name = _("audit trail")
        verbose_name_plural = _("audit trail")
