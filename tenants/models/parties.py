"""Who issues invoices, who pays them, and who receives them by mail."""

from __future__ import annotations

import re
import string
from email.utils import formataddr, make_msgid

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from billing.errors import Refused
from billing.money import DECIMALS
from billing.rating.terms import check_zone
from tenants.taxids import validate_tax_id

CODE = RegexValidator(r"^[a-z0-9][a-z0-9-]*$", _("Use small letters, digits and hyphens, such as north-express."))
LANGUAGES = [("zh", "中文"), ("en", "English")]
CURRENCIES = [(code, code) for code in DECIMALS]
NUMBER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{3,39}\Z")
COUNTRY = RegexValidator(r"^[A-Z]{2}\Z", _("Write the two letters of ISO 3166, such as CN or DE."))
LOGO_BYTES = 256 * 1024


def validate_zone(zone: str) -> None:
    """Refuse a time zone that does not exist, in the admin's terms."""
    try:
        check_zone(zone)
    except Refused:
        raise ValidationError(
            _("There is no time zone %(zone)s; write a name such as Asia/Shanghai."), params={"zone": zone}
        ) from None


def validate_number_pattern(pattern: str) -> None:
    """Refuse a pattern of document numbers that would give two documents the same one, or cannot be filled in."""
    try:
        names = {name for _text, name, _spec, _conversion in string.Formatter().parse(pattern) if name is not None}
        number = pattern.format(seller="HD", year=2026, number=1)
    except (ValueError, LookupError, AttributeError):
        names, number = set(), ""
    if not {"year", "number"} <= names <= {"seller", "year", "number"} or not NUMBER.match(number):
        raise ValidationError(
            _("Write {year} and {number:06d}, and letters, digits and hyphens around them: HD-{year}-{number:06d}.")
        )


def validate_logo(content: bytes) -> None:
    """Refuse a logo that the invoice cannot print: PNG or SVG, at most 256 KiB."""
    if len(content) > LOGO_BYTES or (content and not content.startswith((b"\x89PNG\r\n\x1a\n", b"<svg", b"<?xml"))):
        raise ValidationError(_("Choose a PNG or SVG file of at most 256 KiB."))


def default_reminder_days() -> list[int]:
    """Remind three days before an invoice falls due, three days after and two weeks after."""
    return [-3, 3, 14]


class Party(models.Model):
    """What an invoice prints of a seller or a buyer."""

    name_zh = models.CharField(_("name in Chinese"), max_length=200)
    name_en = models.CharField(_("name in English"), max_length=200)
    tax_id = models.CharField(_("tax id"), max_length=40, blank=True, validators=[validate_tax_id])
    address_zh = models.CharField(_("address in Chinese"), max_length=300, blank=True)
    address_en = models.CharField(_("address in English"), max_length=300, blank=True)
    country = models.CharField(_("country"), max_length=2, default="CN", validators=[COUNTRY])
    phone = models.CharField(_("telephone"), max_length=60, blank=True)
    bank_name = models.CharField(_("bank"), max_length=200, blank=True)
    bank_account = models.CharField(_("bank account"), max_length=80, blank=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.name_zh if (get_language() or "").startswith("zh") else self.name_en


class Seller(Party):
    """Who issues invoices; one installation may serve several."""

    code = models.SlugField(_("code"), max_length=40, unique=True, validators=[CODE])
    email = models.EmailField(_("mail sender"), help_text=_("Invoices are sent from this address."))
    payment_days = models.PositiveSmallIntegerField(_("days to pay"), default=15)
    grace_days = models.PositiveSmallIntegerField(
        _("grace days"), default=2, help_text=_("A month is drafted this many days after it ended.")
    )
    closes_by_itself = models.BooleanField(
        _("closes months by itself"),
        default=True,
        help_text=_("When the grace days are over. Off: a person starts the close of each month."),
    )
    billing_starts_on = models.DateField(
        _("first month billed here"),
        null=True,
        blank=True,
        help_text=_("Months that begin before this day were invoiced elsewhere and are kept for comparison only."),
    )
    sender_name = models.CharField(
        _("name of the mail sender"), max_length=100, blank=True, help_text=_("Empty: the seller's name.")
    )
    logo = models.BinaryField(_("logo"), blank=True, default=b"", validators=[validate_logo])
    number_pattern = models.CharField(
        _("pattern of invoice numbers"),
        max_length=40,
        default="{seller}-{year}-{number:06d}",
        validators=[validate_number_pattern],
        help_text=_("{seller} is the code in capitals; the numbers of each {year} begin at 1."),
    )
    reminder_days = ArrayField(
        models.SmallIntegerField(),
        verbose_name=_("reminders"),
        default=default_reminder_days,
        blank=True,
        help_text=_(
            "Days from the due day on which an unpaid invoice is reminded of, such as -3,3,14; before it with a minus."
        ),
    )
    notice_days = models.PositiveSmallIntegerField(
        _("days' notice of a price rise"),
        default=30,
        help_text=_("A version that raises a price is signed only if the tenant is told this long before."),
    )

    class Meta:
        verbose_name = _("seller")
        verbose_name_plural = _("sellers")

    def new_message_id(self) -> str:
        """Make a Message-ID of the domain its mails are sent from."""
        return make_msgid(domain=self.email.rpartition("@")[2] or "localhost")

    def mail_sender(self, language: str) -> str:
        """Give the sender of a mail in a language, zh or en, with the name to show."""
        return formataddr((self.sender_name or (self.name_zh if language == "zh" else self.name_en), self.email))


class Tenant(Party):
    """A paying customer of a seller."""

    GENERAL, SPECIAL = "general", "special"
    TAX_INVOICES = [(GENERAL, _("general (普通发票)")), (SPECIAL, _("special, deductible (增值税专用发票)"))]
    EXEMPT, REVERSE_CHARGE, EXPORT, ZERO, OUTSIDE = "E", "AE", "G", "Z", "O"
    UNTAXED = [
        (EXEMPT, _("exempt from tax")), (REVERSE_CHARGE, _("reverse charge: the customer owes the tax")),
        (EXPORT, _("export")), (ZERO, _("zero rate")), (OUTSIDE, _("not subject to tax")),
    ]  # fmt: skip
    ACTIVE, SUSPENDED, CLOSED = "active", "suspended", "closed"
    STATUSES = [(ACTIVE, _("active")), (SUSPENDED, _("suspended")), (CLOSED, _("closed"))]

    seller = models.ForeignKey(Seller, models.PROTECT, verbose_name=_("seller"), related_name="tenants")
    code = models.SlugField(_("code"), max_length=40, unique=True, validators=[CODE])
    industry = models.CharField(_("industry"), max_length=60, blank=True)
    region = models.CharField(_("region"), max_length=12, blank=True, help_text=_("GB/T 2260 code, such as 310000."))
    zone = models.CharField(
        _("time zone"), max_length=60, validators=[validate_zone], help_text=_("Such as Asia/Shanghai.")
    )
    billing_day = models.PositiveSmallIntegerField(
        _("billing day"),
        default=1,
        validators=[MinValueValidator(1), MaxValueValidator(31)],
        help_text=_("The day of the month a period begins on; in a shorter month its last day."),
    )
    language = models.CharField(_("language of invoices"), max_length=2, choices=LANGUAGES, default="zh")
    currency = models.CharField(_("currency"), max_length=3, choices=CURRENCIES, default="CNY")
    keep_numbers = models.BooleanField(
        _("keep telephone numbers"),
        default=False,
        help_text=_("Off: only a mask and a keyed hash of a number are stored."),
    )
    accept_days_back = models.PositiveIntegerField(
        _("accepts calls back to, in days"), default=7300, help_text=_("Older calls are put into quarantine.")
    )
    retention_months = models.PositiveSmallIntegerField(
        _("keeps calls, in months"),
        default=84,
        validators=[MinValueValidator(1), MaxValueValidator(600)],
        help_text=_("Calls may be removed this many months after their month was invoiced."),
    )
    gets_reminders = models.BooleanField(
        _("is reminded of unpaid invoices"),
        default=True,
        help_text=_("On the seller's days before and after the due day."),
    )
    gets_statements = models.BooleanField(
        _("gets a statement of account every month"),
        default=False,
        help_text=_("By mail at the beginning of the month, about the month before."),
    )
    gets_fit_reports = models.BooleanField(
        _("gets a fit report with each invoice"),
        default=True,
        help_text=_("What was paid and not used, and what would cost less; the invoice mail leads to it."),
    )
    tax_invoice = models.CharField(
        _("kind of tax invoice"), max_length=8, choices=TAX_INVOICES, default=SPECIAL,
        help_text=_("What is asked for at the tax bureau; a special one needs the tax id."),
    )  # fmt: skip
    untaxed = models.CharField(
        _("lines without tax are"), max_length=2, choices=UNTAXED, default=EXEMPT,
        help_text=_("What a rate of 0 % means for this customer."),
    )  # fmt: skip
    untaxed_reason = models.CharField(
        _("why no tax is charged"),
        max_length=200,
        blank=True,
        help_text=_("Printed on the invoice, after what it means."),
    )
    factur_x = models.BooleanField(
        _("PDF with Factur-X"),
        default=False,
        help_text=_("The invoice's figures are embedded in its PDF for machines (EN 16931)."),
    )
    status = models.CharField(
        _("status"),
        max_length=10,
        choices=STATUSES,
        default=ACTIVE,
        help_text=_("The keys of a suspended or closed tenant are refused; what it used is still invoiced."),
    )
    active = models.GeneratedField(
        expression=models.ExpressionWrapper(models.Q(status=ACTIVE), models.BooleanField()),
        output_field=models.BooleanField(_("active")),
        db_persist=True,
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("tenant")
        verbose_name_plural = _("tenants")
        ordering = ["code"]
        constraints = [
            models.CheckConstraint(condition=models.Q(billing_day__range=(1, 31)), name="tenant_billing_day"),
        ]

    def recipients(self) -> models.QuerySet[Contact]:
        """List who receives its invoices and all that follows of them, in the order they were entered.

        Of addresses that differ in the case of letters alone the first entered: they are one mailbox.
        """
        receiving = self.contacts.filter(receives_invoices=True)
        first = receiving.values(address=Lower("email")).values(first=models.Min("pk"))
        return receiving.filter(pk__in=first).order_by("pk")

    def clean(self) -> None:
        """Refuse to close a tenant whose contracts run on: what was used until their end is still invoiced."""
        running = self.pk and self.contracts.filter(ends_on=None, versions__signed_at__isnull=False)
        if self.status == self.CLOSED and running and running.exists():
            raise ValidationError({"status": _("End its contracts first; what was used until then is invoiced.")})
        if self.factur_x and self.seller_id:
            self._refuse_factur_x_without_tax_ids()

    def _refuse_factur_x_without_tax_ids(self) -> None:
        """Refuse what EN 16931 would: an invoice without the seller's tax id, or reverse charge without the customer's."""
        if not self.seller.tax_id:
            raise ValidationError({"factur_x": _("Enter the seller's tax id first; EN 16931 demands it.")})
        if self.untaxed == self.REVERSE_CHARGE and not self.tax_id:
            raise ValidationError(
                {"tax_id": _("Enter the tax id: a reverse charge in Factur-X has to name who owes the tax.")}
            )
        if self.untaxed == self.EXPORT and not self.seller.tax_id.startswith(self.seller.country):
            raise ValidationError(
                {
                    "untaxed": _(
                        "An export in Factur-X needs a seller's tax id that begins with its country, such as FR…."
                    )
                }
            )


class Contact(models.Model):
    """A person at the tenant who receives invoices by mail."""

    tenant = models.ForeignKey(Tenant, models.CASCADE, verbose_name=_("tenant"), related_name="contacts")
    name = models.CharField(_("name"), max_length=100)
    email = models.EmailField(_("mail address"))
    receives_invoices = models.BooleanField(_("receives invoices"), default=True)

    class Meta:
        verbose_name = _("contact")
        verbose_name_plural = _("contacts")
        constraints = [models.UniqueConstraint(fields=["tenant", "email"], name="contact_once")]

    def __str__(self) -> str:
        return f"{self.name} <{self.email}>"
