"""Credit notes: asked for by one person, decided by another, documents with a series of their own."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from invoices.models.deciding import TwoPeople, takes_two
from invoices.models.documents import Invoice


class CreditNoteManager(models.Manager["CreditNote"]):
    """The credit notes alone."""

    def get_queryset(self) -> models.QuerySet[CreditNote]:
        """Leave invoices out."""
        return super().get_queryset().filter(kind=Invoice.CREDIT_NOTE)


class CreditNote(Invoice):
    """A document that takes back an issued invoice, whole or in part; kept among the invoices, seen apart."""

    objects: ClassVar[CreditNoteManager] = CreditNoteManager()

    class Meta:
        proxy = True
        base_manager_name = "documents"
        verbose_name = _("credit note")
        verbose_name_plural = _("credit notes")


class CreditRequest(TwoPeople):
    """A wish to credit an issued invoice: ``amounts`` by the key of a line, or everything that is left when empty."""

    invoice = models.ForeignKey(Invoice, models.PROTECT, related_name="credit_requests", verbose_name=_("invoice"))
    amounts = models.JSONField(_("amounts by line"), default=dict, blank=True)
    credit_note = models.OneToOneField(
        CreditNote, models.PROTECT, null=True, related_name="request", verbose_name=_("credit note")
    )

    class Meta:
        verbose_name = _("request for a credit note")
        verbose_name_plural = _("requests for credit notes")
        permissions = [("decide_creditrequest", "Can decide on credit notes")]
        ordering = ["-pk"]
        constraints = [
            takes_two("credit_takes_two"),
            models.CheckConstraint(
                condition=models.Q(approved__isnull=True, decided_at__isnull=True, decided_by="", credit_note=None)
                | (
                    models.Q(decided_at__isnull=False)
                    & ~models.Q(decided_by="")
                    & (
                        models.Q(approved=True, credit_note__isnull=False)
                        | models.Q(approved=False, credit_note__isnull=True)
                    )
                ),
                name="credit_is_decided_by_someone",
            ),
            models.UniqueConstraint(
                fields=["invoice"], condition=models.Q(approved__isnull=True), name="one_open_credit_request"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.invoice.number}: {self.reason}"
