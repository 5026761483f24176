"""How an issued month fitted its contract: reckoned once, so that page and API say the same."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from invoices.models.documents import Invoice


class FitReport(models.Model):
    """The fit report of an issued invoice (用量体检); without a ``document`` it could not be reckoned when it was tried."""

    invoice = models.OneToOneField(Invoice, models.PROTECT, related_name="fit", verbose_name=_("invoice"))
    document = models.JSONField(null=True, editable=False)
    tried_at = models.DateTimeField(_("reckoned"))

    class Meta:
        verbose_name = _("fit report")
        verbose_name_plural = _("fit reports")
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.invoice}"
