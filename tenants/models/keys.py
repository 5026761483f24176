"""Keys to the API."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from tenants.models.parties import Seller, Tenant


class ApiKey(models.Model):
    """A key of a tenant's robot platform or finance system, or of the seller's own; only its SHA-256 is stored."""

    INGEST, READ, OPERATE = "ingest", "read", "operate"
    SCOPES = [(INGEST, _("report calls")), (READ, _("read usage and invoices")), (OPERATE, _("change subscriptions"))]

    tenant = models.ForeignKey(
        Tenant, models.CASCADE, verbose_name=_("tenant"), related_name="keys", null=True, blank=True
    )
    seller = models.ForeignKey(
        Seller,
        models.CASCADE,
        verbose_name=_("seller"),
        related_name="keys",
        null=True,
        blank=True,
        help_text=_("Instead of a tenant: the key sets up tenants and contracts of this seller."),
    )
    name = models.CharField(_("name"), max_length=100, help_text=_("What uses this key, such as switch 2."))
    prefix = models.CharField(_("begins with"), max_length=16, editable=False)
    sha256 = models.BinaryField(max_length=32, unique=True, editable=False)
    scopes = ArrayField(models.CharField(max_length=10, choices=SCOPES), verbose_name=_("may"))
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True, editable=False)
    last_used_on = models.DateField(_("last used"), null=True, editable=False)

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(tenant__isnull=False, seller__isnull=True)
                | models.Q(tenant__isnull=True, seller__isnull=False, scopes=["operate"]),
                name="key_of_a_tenant_or_a_seller",
                violation_error_message=_("Choose a tenant, or a seller; a seller's key may only operate."),
            )
        ]

    def __str__(self) -> str:
        return f"{self.prefix}… ({self.name})"
