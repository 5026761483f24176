"""Who pays, and what they agreed to."""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.core.serializers.json import DjangoJSONEncoder
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from billing.money import DECIMALS
from billing.rating.terms import check_zone

CODE = RegexValidator(r"^[a-z0-9][a-z0-9-]*$", _("Use small letters, digits and hyphens, such as north-express."))
LANGUAGES = [("zh", "中文"), ("en", "English")]
CURRENCIES = [(code, code) for code in DECIMALS]


def validate_zone(zone: str) -> None:
    """Refuse a time zone that does not exist, in the admin's terms."""
    from django.core.exceptions import ValidationError

    from billing.errors import Refused

    try:
        check_zone(zone)
    except Refused as refusal:
        raise ValidationError(refusal.message) from None


class ReadableJSON(DjangoJSONEncoder):
    """JSON that people can read: Chinese stays Chinese."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options | {"ensure_ascii": False})


class Party(models.Model):
    """What an invoice prints of a seller or a buyer."""

    name_zh = models.CharField(_("name in Chinese"), max_length=200)
    name_en = models.CharField(_("name in English"), max_length=200)
    tax_id = models.CharField(_("tax id"), max_length=40, blank=True)
    address_zh = models.CharField(_("address in Chinese"), max_length=300, blank=True)
    address_en = models.CharField(_("address in English"), max_length=300, blank=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.name_zh if (get_language() or "").startswith("zh") else self.name_en


class Seller(Party):
    """Who issues invoices; one installation may serve several."""

    code = models.SlugField(_("code"), max_length=40, unique=True, validators=[CODE])
    phone = models.CharField(_("telephone"), max_length=60, blank=True)
    email = models.EmailField(_("mail sender"), help_text=_("Invoices are sent from this address."))
    bank_name = models.CharField(_("bank"), max_length=200, blank=True)
    bank_account = models.CharField(_("bank account"), max_length=80, blank=True)
    payment_days = models.PositiveSmallIntegerField(_("days to pay"), default=15)
    grace_days = models.PositiveSmallIntegerField(
        _("grace days"), default=2, help_text=_("A month is drafted this many days after it ended.")
    )
    billing_starts_on = models.DateField(
        _("first month billed here"),
        null=True,
        blank=True,
        help_text=_("Months that begin before this day were invoiced elsewhere and are kept for comparison only."),
    )

    class Meta:
        verbose_name = _("seller")
        verbose_name_plural = _("sellers")


class Tenant(Party):
    """A paying customer of a seller."""

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
    active = models.BooleanField(_("active"), default=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("tenant")
        verbose_name_plural = _("tenants")
        ordering = ["code"]
        constraints = [
            models.CheckConstraint(condition=models.Q(billing_day__range=(1, 31)), name="tenant_billing_day"),
        ]


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


class Contract(models.Model):
    """An agreement with one tenant; what it says stands in its dated, append-only versions."""

    tenant = models.ForeignKey(Tenant, models.PROTECT, verbose_name=_("tenant"), related_name="contracts")
    code = models.CharField(_("number"), max_length=40, unique=True)
    name_zh = models.CharField(_("name in Chinese"), max_length=200)
    name_en = models.CharField(_("name in English"), max_length=200)
    ends_on = models.DateField(
        _("ends on"), null=True, blank=True, help_text=_("The first day it is no longer in force.")
    )

    class Meta:
        verbose_name = _("contract")
        verbose_name_plural = _("contracts")
        ordering = ["code"]

    def __str__(self) -> str:
        return self.code


class ContractVersion(models.Model):
    """What was agreed from one day on: one document in the engine's form; frozen by the database once signed."""

    contract = models.ForeignKey(Contract, models.PROTECT, verbose_name=_("contract"), related_name="versions")
    number = models.PositiveIntegerField(_("version"))
    starts_on = models.DateField(_("in force from"))
    agreement = models.JSONField(
        _("agreement"), encoder=ReadableJSON, help_text=_("The engine's form; see docs/rating.md.")
    )
    signed_at = models.DateTimeField(_("signed"), null=True, blank=True, editable=False)
    signed_by = models.CharField(_("signed by"), max_length=150, blank=True, editable=False)
    reason = models.CharField(_("why"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("contract version")
        verbose_name_plural = _("contract versions")
        ordering = ["contract", "number"]
        constraints = [
            models.UniqueConstraint(fields=["contract", "number"], name="version_number_once"),
            models.UniqueConstraint(
                fields=["contract", "starts_on"],
                condition=models.Q(signed_at__isnull=False),
                name="one_signed_version_a_day",
                violation_error_message=_("Another signed version begins on this day; choose a later day."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.contract.code} v{self.number}"


class ApiKey(models.Model):
    """A key of a tenant's robot platform or finance system; only its SHA-256 is stored."""

    INGEST, READ, OPERATE = "ingest", "read", "operate"
    SCOPES = [(INGEST, _("report calls")), (READ, _("read usage and invoices")), (OPERATE, _("change subscriptions"))]

    tenant = models.ForeignKey(Tenant, models.CASCADE, verbose_name=_("tenant"), related_name="keys")
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

    def __str__(self) -> str:
        return f"{self.prefix}… ({self.name})"
