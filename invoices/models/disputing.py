"""What a tenant asks about an invoice or one of its lines, what finance answers, and the mails about it."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from billing.mail import OwedMail
from invoices.models.documents import Invoice
from tenants.models import Tenant


class Dispute(models.Model):
    """A question about an issued document (账单异议): about one ``line`` by its key, or about all of it when empty.

    Open until a person has answered and closed it; the database keeps the question and the answer as they were written.
    ``via`` is the door it came by: "page", or the key's name such as "key 7".
    """

    PAGE = "page"

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="disputes", verbose_name=_("tenant"))
    invoice = models.ForeignKey(Invoice, models.PROTECT, related_name="disputes", verbose_name=_("invoice"))
    line = models.CharField(_("line"), max_length=200, blank=True)
    question = models.CharField(_("question"), max_length=2000)
    asked_by = models.CharField(_("asked by"), max_length=100, blank=True)
    via = models.CharField(_("asked on"), max_length=40)
    asked_at = models.DateTimeField(_("asked"))
    answer = models.CharField(_("answer"), max_length=2000, blank=True)
    answered_by = models.CharField(_("answered by"), max_length=150, blank=True)
    answered_at = models.DateTimeField(_("answered"), null=True)
    closed_by = models.CharField(_("closed by"), max_length=150, blank=True)
    closed_at = models.DateTimeField(_("closed"), null=True)

    class Meta:
        verbose_name = _("dispute")
        verbose_name_plural = _("disputes")
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(condition=~models.Q(question=""), name="a_dispute_asks_something"),
            models.CheckConstraint(
                condition=models.Q(answered_at__isnull=True, answered_by="", answer="")
                | (models.Q(answered_at__isnull=False) & ~models.Q(answered_by="") & ~models.Q(answer="")),
                name="answered_by_someone",
            ),
            models.CheckConstraint(
                condition=models.Q(closed_at__isnull=True, closed_by="")
                | (models.Q(closed_at__isnull=False, answered_at__isnull=False) & ~models.Q(closed_by="")),
                name="closed_by_someone_when_answered",
            ),
        ]
        indexes = [
            models.Index(fields=["invoice"], name="open_disputes", condition=models.Q(closed_at__isnull=True)),
            models.Index(fields=["tenant", "-id"], name="disputes_of_a_tenant"),
        ]

    def __str__(self) -> str:
        return f"{self.invoice.number} {self.line}".strip()


class DisputeMail(OwedMail):
    """A mail about a dispute: the question to the seller, or the answer to one who receives the tenant's invoices."""

    QUESTION, ANSWER = "question", "answer"
    KINDS = [(QUESTION, _("question")), (ANSWER, _("answer"))]

    dispute = models.ForeignKey(Dispute, models.PROTECT, related_name="mails", verbose_name=_("dispute"))
    kind = models.CharField(_("kind"), max_length=8, choices=KINDS)

    class Meta:
        verbose_name = _("mail about a dispute")
        verbose_name_plural = _("mails about disputes")
        constraints = [models.UniqueConstraint(fields=["dispute", "kind", "recipient"], name="told_once_of_a_dispute")]
        indexes = [
            models.Index(
                fields=["due_at"], name="due_dispute_mails", condition=models.Q(state__in=["queued", "sending"])
            )
        ]

    def __str__(self) -> str:
        return f"{self.dispute} → {self.recipient}"
