"""Money that came in, or never will: payments, what a bank reported, and what was given up."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from invoices.models.deciding import UNDECIDED, TwoPeople, takes_two
from invoices.models.documents import Invoice
from tenants.models import CURRENCIES, Seller, Tenant


class BankFormat(models.Model):
    """How a bank writes its export: the names of the columns, as they stand in the head of the file."""

    name = models.CharField(_("name"), max_length=60, unique=True)
    day = models.CharField(_("column of the day"), max_length=60)
    amount = models.CharField(_("column of what came in"), max_length=60, help_text=_("Rows without it are skipped."))
    direction = models.CharField(
        _("column of the direction"),
        max_length=60,
        blank=True,
        help_text=_("Where one column has both, such as 借/贷."),
    )
    incoming = models.CharField(_("its word for money that came in"), max_length=20, blank=True)
    payer = models.CharField(_("column of the payer"), max_length=60, blank=True)
    remark = models.CharField(
        _("columns of the remark"), max_length=200, blank=True, help_text=_("Several are separated by commas.")
    )
    serial = models.CharField(
        _("column of the bank's serial number"), max_length=60, blank=True, help_text=_("By it a row is taken once.")
    )
    currency = models.CharField(_("column of the currency"), max_length=60, blank=True)

    class Meta:
        verbose_name = _("bank format")
        verbose_name_plural = _("bank formats")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class BankFile(models.Model):
    """One export of a bank that was imported; the same bytes are imported once."""

    seller = models.ForeignKey(Seller, models.PROTECT, verbose_name=_("seller"), related_name="bank_files")
    name = models.CharField(_("file"), max_length=200)
    sha256 = models.CharField(max_length=64, editable=False)
    format = models.CharField(_("format"), max_length=60)
    rows = models.PositiveIntegerField(_("rows"))
    known = models.PositiveIntegerField(_("known already"))
    skipped = models.PositiveIntegerField(_("not incoming"))
    imported_at = models.DateTimeField(_("imported"))
    imported_by = models.CharField(_("imported by"), max_length=150)

    class Meta:
        verbose_name = _("bank file")
        verbose_name_plural = _("bank files")
        ordering = ["-pk"]
        constraints = [models.UniqueConstraint(fields=["seller", "sha256"], name="bank_file_once")]

    def __str__(self) -> str:
        return self.name


class Payment(models.Model):
    """Money a tenant paid (回款); ``rest`` is what is not allocated yet. Only the ledger changes ``rest``."""

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="payments", verbose_name=_("tenant"))
    currency = models.CharField(_("currency"), max_length=3, choices=CURRENCIES)
    amount = models.DecimalField(_("amount"), max_digits=18, decimal_places=3)
    rest = models.DecimalField(_("on account"), max_digits=18, decimal_places=3, default=0)
    reversed = models.BooleanField(_("reversed"), default=False)
    on = models.DateField(_("paid on"))
    reference = models.CharField(
        _("reference"), max_length=100, blank=True, help_text=_("The bank's serial number; each counts once.")
    )
    payer = models.CharField(_("payer"), max_length=200, blank=True)
    note = models.CharField(_("own remark"), max_length=300, blank=True)
    by = models.CharField(_("recorded by"), max_length=150)
    at = models.DateTimeField(_("recorded"))

    class Meta:
        verbose_name = _("payment")
        verbose_name_plural = _("payments")
        ordering = ["-on", "-pk"]
        permissions = [("reverse_payment", "Can reverse payments")]
        constraints = [
            models.CheckConstraint(condition=models.Q(amount__gt=0), name="payment_pays"),
            models.CheckConstraint(
                condition=models.Q(rest__gte=0, rest__lte=models.F("amount")), name="payment_allocated_within"
            ),
            models.UniqueConstraint(
                fields=["tenant", "reference"],
                condition=models.Q(reversed=False) & ~models.Q(reference=""),
                name="payment_recorded_once",
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "on"], name="payments_of_a_tenant"),
            models.Index(fields=["tenant"], name="payments_with_a_rest", condition=models.Q(rest__gt=0)),
        ]

    def __str__(self) -> str:
        return f"{self.on} {self.amount.normalize():f} {self.currency} {self.reference}".strip()


class BankLine(models.Model):
    """One incoming row of a bank's export; it waits until a person has said whose it is, or that it is no payment."""

    WAITING, RECORDED, IGNORED = "waiting", "recorded", "ignored"
    STATES = [(WAITING, _("waiting")), (RECORDED, _("recorded")), (IGNORED, _("no payment"))]

    file = models.ForeignKey(BankFile, models.PROTECT, related_name="lines", verbose_name=_("bank file"))
    seller = models.ForeignKey(Seller, models.PROTECT, related_name="+", verbose_name=_("seller"))
    key = models.CharField(max_length=80, editable=False)
    position = models.PositiveIntegerField(_("row"))
    on = models.DateField(_("paid on"))
    amount = models.DecimalField(_("amount"), max_digits=18, decimal_places=3)
    currency = models.CharField(_("currency"), max_length=3)
    payer = models.CharField(_("payer"), max_length=200, blank=True)
    remark = models.CharField(_("remark"), max_length=500, blank=True)
    serial = models.CharField(_("bank's serial number"), max_length=80, blank=True)
    state = models.CharField(_("state"), max_length=8, choices=STATES, default=WAITING)
    payment = models.OneToOneField(
        Payment, models.PROTECT, null=True, related_name="bank_line", verbose_name=_("payment")
    )
    decided_by = models.CharField(_("decided by"), max_length=150, blank=True)
    decided_at = models.DateTimeField(_("decided"), null=True)

    class Meta:
        verbose_name = _("bank line")
        verbose_name_plural = _("bank lines")
        ordering = ["-file", "position"]
        constraints = [
            models.UniqueConstraint(fields=["seller", "key"], name="bank_line_once"),
            models.CheckConstraint(
                condition=models.Q(state="recorded", payment__isnull=False)
                | (models.Q(payment__isnull=True) & ~models.Q(state="recorded")),
                name="recorded_lines_have_payments",
            ),
        ]
        indexes = [models.Index(fields=["file", "position"], name="waiting_lines", condition=models.Q(state="waiting"))]

    def __str__(self) -> str:
        return f"{self.on} {self.amount.normalize():f} {self.payer}".strip()


class WriteOff(TwoPeople):
    """A wish to give up what is open of an invoice (坏账核销): asked for by one person, decided by another."""

    invoice = models.ForeignKey(Invoice, models.PROTECT, related_name="write_offs", verbose_name=_("invoice"))
    amount = models.DecimalField(_("amount"), max_digits=18, decimal_places=3)

    class Meta:
        verbose_name = _("write-off")
        verbose_name_plural = _("write-offs")
        permissions = [("decide_writeoff", "Can decide on write-offs")]
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(condition=models.Q(amount__gt=0), name="write_off_gives_up_something"),
            takes_two("write_off_takes_two"),
            models.CheckConstraint(
                condition=UNDECIDED
                | (models.Q(approved__isnull=False, decided_at__isnull=False) & ~models.Q(decided_by="")),
                name="write_off_is_decided_by_someone",
            ),
            models.UniqueConstraint(
                fields=["invoice"], condition=models.Q(approved__isnull=True), name="one_open_write_off"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.invoice.number}: {self.amount.normalize():f}"


class TableExport(models.Model):
    """Who took which table out, when; ``rows`` is empty when the reader broke off."""

    INVOICES, LINES, LEDGER, PAYMENTS = "invoices", "lines", "ledger", "payments"
    TAX_INVOICES = "fapiao"
    KINDS = [
        (INVOICES, _("invoices and credit notes")), (LINES, _("lines of invoices")), (LEDGER, _("ledger")),
        (PAYMENTS, _("payments")), (TAX_INVOICES, _("requests for tax invoices")),
    ]  # fmt: skip
    FORMS = [("xlsx", "Excel"), ("csv", "CSV"), ("json", "JSON")]

    kind = models.CharField(_("table"), max_length=10, choices=KINDS)
    form = models.CharField(_("file format"), max_length=4, choices=FORMS, default="xlsx")
    seller = models.ForeignKey(Seller, models.PROTECT, related_name="+", verbose_name=_("seller"))
    starts_on = models.DateField(_("first day"))
    ends_on = models.DateField(_("up to, exclusive"))
    by = models.CharField(_("who"), max_length=150)
    at = models.DateTimeField(_("when"))
    rows = models.PositiveIntegerField(_("rows"), null=True)

    class Meta:
        verbose_name = _("export")
        verbose_name_plural = _("exports")
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.starts_on} – {self.ends_on}"
