"""Tax invoices (数电票): what was asked of the tax bureau for a document, and what came back. Only ever added to."""

from __future__ import annotations

from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from invoices.models.documents import Invoice

TAX_NUMBER = RegexValidator(r"^[0-9]{20}\Z", _("Write the 20 digits of the tax invoice's number."))


class TaxInvoice(models.Model):
    """One step of a document's tax invoice; the latest one says how it stands, the others are its history.

    For a credit note it is the red one (红字). ``number`` is the bureau's, of the red one when it is cancelled.
    """

    NOT_ASKED = "not_asked"
    ASKED, RECEIVED, RED_CANCELLED = "asked", "received", "red_cancelled"
    STEPS = [
        (ASKED, _("asked of the bureau")),
        (RECEIVED, _("received from the bureau")),
        (RED_CANCELLED, _("red-cancelled")),
    ]
    STATES = {NOT_ASKED: _("not asked for"), **dict(STEPS)}

    invoice = models.ForeignKey(Invoice, models.PROTECT, related_name="tax_invoices", verbose_name=_("invoice"))
    what = models.CharField(_("what"), max_length=13, choices=STEPS)
    number = models.CharField(_("number of the tax invoice"), max_length=20, blank=True, validators=[TAX_NUMBER])
    issued_on = models.DateField(_("issued on"), null=True)
    content = models.BinaryField(default=b"")
    file_name = models.CharField(_("file"), max_length=60, blank=True)
    sha256 = models.CharField("SHA-256", max_length=64, blank=True, editable=False)
    reason = models.CharField(_("reason"), max_length=300, blank=True)
    by = models.CharField(_("who"), max_length=150)
    at = models.DateTimeField(_("when"))

    class Meta:
        verbose_name = _("tax invoice")
        verbose_name_plural = _("tax invoices")
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(what="asked", number="", issued_on__isnull=True)
                | models.Q(
                    what__in=["received", "red_cancelled"], number__regex=r"^[0-9]{20}$", issued_on__isnull=False
                ),
                name="tax_invoice_has_number_and_day",
            ),
            models.CheckConstraint(condition=~models.Q(by=""), name="tax_invoice_by_someone"),
        ]

    def __str__(self) -> str:
        return self.number or str(self.invoice)
