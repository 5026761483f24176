"""What was agreed: contracts, their dated versions, and what happened to them."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.utils.translation import gettext_lazy as _

from billing.errors import Refused
from billing.mail import OwedMail
from billing.rating.form import read
from billing.rating.terms import Select
from tenants.models.parties import Tenant

SCOPED_BY = {"source", "robot", "line", "labels"}


class ReadableJSON(DjangoJSONEncoder):
    """JSON that people can read: Chinese stays Chinese."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options | {"ensure_ascii": False})


def validate_scope(scope: Any) -> None:
    """Refuse a scope that names anything but sources, robots, lines and labels, each with the values it takes."""
    try:
        select = read(Select, scope)
        names = set(scope)
        empty = [name for name, values in {**scope, **(select.labels or {})}.items() if not values]
    except (Refused, TypeError) as fault:
        raise ValidationError(getattr(fault, "message", str(fault))) from None
    if not names <= SCOPED_BY or empty:
        raise ValidationError(
            _('Name sources, robots, lines or labels with their values: {"source": ["switch-1"]}; or leave it empty.')
        )


class Contract(models.Model):
    """An agreement with one tenant; what it says stands in its dated, append-only versions."""

    tenant = models.ForeignKey(Tenant, models.PROTECT, verbose_name=_("tenant"), related_name="contracts")
    code = models.CharField(_("number"), max_length=40, unique=True)
    name_zh = models.CharField(_("name in Chinese"), max_length=200)
    name_en = models.CharField(_("name in English"), max_length=200)
    scope = models.JSONField(
        _("scope"),
        default=dict,
        blank=True,
        validators=[validate_scope],
        help_text=_('The calls it is for, such as {"source": ["switch-1"]}. Empty: all that no other contract is for.'),
    )
    ends_on = models.DateField(
        _("ends on"), null=True, blank=True, help_text=_("The first day it is no longer in force.")
    )
    frozen_until = models.DateField(
        _("invoiced up to"),
        null=True,
        blank=True,
        editable=False,
        help_text=_("The first day not invoiced yet; nothing that held before it can change."),
    )

    class Meta:
        verbose_name = _("contract")
        verbose_name_plural = _("contracts")
        ordering = ["code"]

    def __str__(self) -> str:
        return self.code

    @property
    def takes_rest(self) -> bool:
        """Tell whether it takes the calls that no other contract of the tenant is for."""
        return not self.scope


class ContractVersion(models.Model):
    """What was agreed from one day on: one document in the engine's form; frozen by the database once signed.

    It rules from ``starts_on`` to the day the next signed one starts, or the contract ends; so two cannot overlap.
    ``changes`` lists the prices that differ from the version before, as found when it was signed. ``started_from`` is
    the model contract it began as: its code, version and name, and the agreement as the catalogue had it that day.
    """

    contract = models.ForeignKey(Contract, models.PROTECT, verbose_name=_("contract"), related_name="versions")
    number = models.PositiveIntegerField(_("version"))
    starts_on = models.DateField(_("in force from"))
    agreement = models.JSONField(
        _("agreement"), encoder=ReadableJSON, help_text=_("The engine's form; see docs/rating.md.")
    )
    notice_on = models.DateField(
        _("notice on"),
        null=True,
        blank=True,
        help_text=_("The day the tenant is told by mail, if a price rises; needed then, and early enough."),
    )
    changes = models.JSONField(_("changed prices"), encoder=ReadableJSON, default=list, blank=True, editable=False)
    started_from = models.JSONField(_("started from"), encoder=ReadableJSON, null=True, blank=True, editable=False)
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


class ContractEvent(models.Model):
    """One thing that happened to a contract: who, when, why. Rows are only ever added; the database sees to it."""

    SIGNED, AMENDED, ENDED, RENEWED = "signed", "amended", "ended", "renewed"
    KINDS = [(SIGNED, _("signed")), (AMENDED, _("amended")), (ENDED, _("ended")), (RENEWED, _("renewed"))]

    contract = models.ForeignKey(Contract, models.PROTECT, verbose_name=_("contract"), related_name="events")
    kind = models.CharField(_("what"), max_length=8, choices=KINDS)
    version = models.ForeignKey(ContractVersion, models.PROTECT, verbose_name=_("version"), null=True)
    effective_on = models.DateField(_("with effect from"), null=True)
    at = models.DateTimeField(_("when"))
    by = models.CharField(_("who"), max_length=150)
    reason = models.CharField(_("why"), max_length=300)

    class Meta:
        verbose_name = _("contract event")
        verbose_name_plural = _("contract history")
        ordering = ["contract", "at", "pk"]

    def __str__(self) -> str:
        return f"{self.contract.code} {self.get_kind_display()}"


class PriceNotice(OwedMail):
    """The mail that tells one contact of a price rise."""

    version = models.ForeignKey(ContractVersion, models.PROTECT, verbose_name=_("version"), related_name="notices")

    class Meta:
        verbose_name = _("price notice")
        verbose_name_plural = _("price notices")
        constraints = [models.UniqueConstraint(fields=["version", "recipient"], name="notified_once")]
        indexes = [
            models.Index(fields=["due_at"], name="due_notices", condition=models.Q(state__in=["queued", "sending"]))
        ]

    def __str__(self) -> str:
        return f"{self.version} → {self.recipient}"
