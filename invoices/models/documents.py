"""The documents, how they travel, and the numbers they bear."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from billing.mail import OwedMail
from tenants.models import LANGUAGES, Contract, Seller, Tenant


class NumberSeries(models.Model):
    """A counter without gaps: one row per seller, kind of document and year, taken inside the issuing transaction."""

    INVOICE, CREDIT_NOTE = "invoice", "credit_note"

    seller = models.ForeignKey(Seller, models.PROTECT, verbose_name=_("seller"))
    kind = models.CharField(
        _("kind"), max_length=12, choices=[(INVOICE, _("invoice")), (CREDIT_NOTE, _("credit note"))]
    )
    year = models.PositiveSmallIntegerField(_("year"))
    next_number = models.PositiveIntegerField(_("next number"), default=1)

    class Meta:
        verbose_name = _("number series")
        verbose_name_plural = _("number series")
        constraints = [models.UniqueConstraint(fields=["seller", "kind", "year"], name="one_series")]

    def __str__(self) -> str:
        return f"{self.seller.code} {self.kind} {self.year}"


class InvoiceManager(models.Manager["Invoice"]):
    """The invoices alone, without the credit notes kept beside them."""

    def get_queryset(self) -> models.QuerySet[Invoice]:
        """Leave credit notes out."""
        return super().get_queryset().filter(kind=Invoice.INVOICE)


class Invoice(models.Model):
    """One contract's month. A draft is computed anew at will; once issued, the database refuses to change it.

    A credit note (红字账单) is a document of the same table: of the kind credit note, issued at once, with mirrored
    lines, and the invoice it ``credits``. ``objects`` are the invoices, ``documents`` are both.
    """

    DRAFT, REQUESTED, ISSUED = "draft", "requested", "issued"
    STATES = [(DRAFT, _("draft")), (REQUESTED, _("waits for approval")), (ISSUED, _("issued"))]
    INVOICE, CREDIT_NOTE = "invoice", "credit_note"

    kind = models.CharField(
        _("kind"), max_length=12, choices=[(INVOICE, _("invoice")), (CREDIT_NOTE, _("credit note"))], default=INVOICE
    )
    credits = models.ForeignKey("self", models.PROTECT, null=True, related_name="+", verbose_name=_("credits"))
    seller = models.ForeignKey(Seller, models.PROTECT, verbose_name=_("seller"), related_name="invoices")
    tenant = models.ForeignKey(Tenant, models.PROTECT, verbose_name=_("tenant"), related_name="invoices")
    contract = models.ForeignKey(Contract, models.PROTECT, verbose_name=_("contract"), related_name="invoices")
    period_starts_on = models.DateField(_("period from"))
    period_ends_on = models.DateField(_("period to"), help_text=_("Exclusive: the first day of the next period."))
    state = models.CharField(_("state"), max_length=10, choices=STATES, default=DRAFT)
    number = models.CharField(_("number"), max_length=40, null=True, unique=True)  # noqa: DJ001 - a draft has none
    currency = models.CharField(_("currency"), max_length=3)
    net = models.DecimalField(_("net"), max_digits=18, decimal_places=3)
    tax = models.DecimalField(_("tax"), max_digits=18, decimal_places=3)
    total = models.DecimalField(_("total"), max_digits=18, decimal_places=3)
    language = models.CharField(_("language"), max_length=2, choices=LANGUAGES)
    terms = models.JSONField()
    totals = models.JSONField()
    document = models.JSONField()
    blocked = models.BooleanField(
        _("blocked"), default=False, help_text=_("Calls that no clause takes must be decided on first.")
    )
    drafted_at = models.DateTimeField(_("drafted"))
    requested_by = models.CharField(_("approval asked by"), max_length=150, blank=True)
    requested_at = models.DateTimeField(_("approval asked"), null=True)
    issued_at = models.DateTimeField(_("issued"), null=True)
    issued_by = models.CharField(_("issued by"), max_length=150, blank=True)
    due_on = models.DateField(_("due"), null=True)

    objects: ClassVar[models.Manager[Invoice]] = InvoiceManager()
    documents: ClassVar[models.Manager[Invoice]] = models.Manager()

    class Meta:
        base_manager_name = "documents"
        verbose_name = _("invoice")
        verbose_name_plural = _("invoices")
        ordering = ["-period_starts_on", "tenant"]
        permissions = [("issue_invoice", "Can approve and issue invoices")]
        constraints = [
            models.UniqueConstraint(
                fields=["contract", "period_starts_on"],
                condition=models.Q(kind="invoice"),
                name="one_invoice_a_month",
            ),
            models.CheckConstraint(
                condition=models.Q(kind="invoice", credits__isnull=True)
                | models.Q(kind="credit_note", credits__isnull=False),
                name="a_credit_note_credits_an_invoice",
            ),
            models.CheckConstraint(
                condition=models.Q(total=models.F("net") + models.F("tax")), name="net_and_tax_make_total"
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=["draft", "requested"], number__isnull=True, issued_at__isnull=True)
                | models.Q(state="issued", number__isnull=False, issued_at__isnull=False, due_on__isnull=False),
                name="only_issued_invoices_have_numbers",
            ),
            models.CheckConstraint(
                condition=models.Q(state="draft", requested_by="")
                | (~models.Q(state="draft") & ~models.Q(requested_by="")),
                name="issuing_is_asked_for",
            ),
            models.CheckConstraint(
                condition=~models.Q(state="issued")
                | (~models.Q(issued_by="") & ~models.Q(issued_by=models.F("requested_by"))),
                name="issuing_takes_two",
            ),
        ]
        indexes = [
            models.Index(
                fields=["kind", "-period_starts_on", "tenant", "id"], name="invoices_by_month", include=["number", "contract"]
            ),
            models.Index(fields=["state"], name="documents_not_issued", condition=~models.Q(state="issued")),
            models.Index(
                fields=["period_starts_on"], name="issued_by_month", include=["currency", "total"],
                condition=models.Q(kind="invoice", state="issued"),
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return self.number or f"{self.contract.code} {self.period_starts_on:%Y-%m} ({self.get_state_display()})"


class InvoiceEvent(models.Model):
    """What happened to an invoice: who did it, when and why. Only ever added to."""

    REQUESTED, SENT_BACK, LAPSED, REFUSED, ISSUED = "requested", "sent_back", "lapsed", "refused", "issued"
    REMINDED, SENT_AGAIN, ASKED, ANSWERED, HELD = "reminded", "sent_again", "asked", "answered", "held"
    KINDS = [
        (REQUESTED, _("approval asked")), (SENT_BACK, _("sent back")), (LAPSED, _("drafted anew, approval lapsed")),
        (REFUSED, _("could not be issued")), (ISSUED, _("issued")), (REMINDED, _("reminded, level")),
        (SENT_AGAIN, _("sent again")), (ASKED, _("the tenant asked")), (ANSWERED, _("answered the tenant")),
        (HELD, _("held back")),
    ]  # fmt: skip

    invoice = models.ForeignKey(Invoice, models.PROTECT, related_name="events", verbose_name=_("invoice"))
    what = models.CharField(_("what"), max_length=12, choices=KINDS)
    by = models.CharField(_("by"), max_length=150)
    at = models.DateTimeField(_("at"))
    reason = models.CharField(_("reason"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("event of an invoice")
        verbose_name_plural = _("events of invoices")
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.invoice}: {self.get_what_display()}"


class Line(models.Model):
    """One printed line of an invoice, by its stable key, such as talk.tier-2."""

    invoice = models.ForeignKey(Invoice, models.CASCADE, related_name="lines", verbose_name=_("invoice"))
    position = models.PositiveSmallIntegerField(_("position"))
    key = models.CharField(_("key"), max_length=200)
    clause = models.CharField(_("clause"), max_length=64)
    amount = models.DecimalField(_("amount"), max_digits=18, decimal_places=3)

    class Meta:
        verbose_name = _("line")
        verbose_name_plural = _("lines")
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["invoice", "key"], name="line_key_once")]

    def __str__(self) -> str:
        return self.key


class Settlement(models.Model):
    """What an invoice carries along for an earlier, frozen month: calls that came late, corrections, an amendment.

    ``bill`` is that month rated again with all that was known of it; the next settlement subtracts it. ``follows`` is
    the settlement it subtracted itself, null when that was the month's own invoice; ``seen`` how much had come late.
    """

    invoice = models.ForeignKey(Invoice, models.CASCADE, related_name="settlements", verbose_name=_("invoice"))
    contract = models.ForeignKey(Contract, models.PROTECT, related_name="+", verbose_name=_("contract"))
    period_starts_on = models.DateField(_("period from"))
    follows = models.ForeignKey("self", models.PROTECT, null=True, related_name="+", verbose_name=_("follows"))
    net = models.DecimalField(_("net"), max_digits=18, decimal_places=3)
    total = models.DecimalField(_("total"), max_digits=18, decimal_places=3)
    terms = models.JSONField()
    totals = models.JSONField()
    bill = models.JSONField()
    seen = models.JSONField(default=dict)

    class Meta:
        verbose_name = _("settlement")
        verbose_name_plural = _("settlements")
        ordering = ["period_starts_on"]
        constraints = [models.UniqueConstraint(fields=["invoice", "period_starts_on"], name="month_settled_once")]

    def __str__(self) -> str:
        return f"{self.contract.code} {self.period_starts_on:%Y-%m}"


class StoredFile(models.Model):
    """The bytes of an issued invoice's PDF, as everyone gets to see them."""

    invoice = models.ForeignKey(Invoice, models.PROTECT, related_name="files", verbose_name=_("invoice"))
    language = models.CharField(_("language"), max_length=2, choices=LANGUAGES)
    content = models.BinaryField()
    sha256 = models.CharField(max_length=64)
    created_at = models.DateTimeField(_("created"))

    class Meta:
        verbose_name = _("stored file")
        verbose_name_plural = _("stored files")
        constraints = [models.UniqueConstraint(fields=["invoice", "language"], name="one_file_a_language")]

    def __str__(self) -> str:
        return f"{self.invoice} ({self.language})"


class Delivery(OwedMail):
    """The mail of one kind that brings an invoice to one recipient."""

    invoice = models.ForeignKey(Invoice, models.PROTECT, related_name="deliveries", verbose_name=_("invoice"))
    kind = models.CharField(_("kind"), max_length=12, default="invoice")

    class Meta:
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        constraints = [
            models.UniqueConstraint(fields=["invoice", "recipient", "kind"], name="delivered_once"),
        ]
        indexes = [
            models.Index(fields=["due_at"], name="due_deliveries", condition=models.Q(state__in=["queued", "sending"])),
            models.Index(
                fields=["due_at"], name="troubled_deliveries",
                condition=models.Q(state__in=["failed", "unknown", "bounced"]),
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.invoice} → {self.recipient}"


class EvidenceKey(models.Model):
    """A public key that signed evidence bundles; it stays published, so that old bundles can be checked."""

    public_key = models.CharField(_("public key"), max_length=64, unique=True)
    first_used_at = models.DateTimeField(_("first used"))

    class Meta:
        verbose_name = _("evidence key")
        verbose_name_plural = _("evidence keys")

    def __str__(self) -> str:
        return self.public_key
