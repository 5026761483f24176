"""How long calls are kept, what was removed, who saw numbers, and which sources fell silent. Part of the control plane."""

from __future__ import annotations

from django.core.validators import MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from tenants.models import Tenant
from usage.models.sources import Source


class RetentionPolicy(models.Model):
    """How long a tenant's calls are kept after their month is billed. Without one, or with empty figures: for ever."""

    tenant = models.OneToOneField(Tenant, models.CASCADE, verbose_name=_("tenant"), related_name="retention")
    calls_months = models.PositiveSmallIntegerField(
        _("keep calls, in months"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("Full months after the call's own; empty keeps them for ever. Totals and invoices always stay."),
    )
    numbers_months = models.PositiveSmallIntegerField(
        _("keep numbers in clear, in months"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("Afterwards only mask and hash remain; empty keeps them as long as the calls."),
    )

    class Meta:
        verbose_name = _("retention")
        verbose_name_plural = _("retention")

    def __str__(self) -> str:
        return str(self.tenant)


class Removal(models.Model):
    """What retention took of one tenant's month; the row grows with each batch and is ended when nothing is left.

    For example (tenant 3, 2024-10-01, calls): 41,200 rows, begun 02:00:00, ended 02:00:07. The month's totals, its
    invoice and the digests on it stay; with the calls goes the memory of their ids, so the tenant's window for late
    calls ends before.
    """

    CALLS, NUMBERS, QUARANTINE = "calls", "numbers", "quarantine"
    WHAT = [(CALLS, _("call records")), (NUMBERS, _("numbers in clear")), (QUARANTINE, _("records in quarantine"))]

    tenant = models.ForeignKey(Tenant, models.PROTECT, verbose_name=_("tenant"), related_name="removals")
    period = models.DateField(_("month from"))
    what = models.CharField(_("removed"), max_length=10, choices=WHAT, default=CALLS)
    rows = models.BigIntegerField(_("rows"), default=0)
    began_at = models.DateTimeField(_("began"))
    ended_at = models.DateTimeField(_("ended"), null=True)

    class Meta:
        verbose_name = _("removal")
        verbose_name_plural = _("removals")
        ordering = ["-began_at", "-pk"]
        constraints = [models.UniqueConstraint(fields=["tenant", "period", "what"], name="removal_once")]

    def __str__(self) -> str:
        return f"{self.tenant} {self.period:%Y-%m}"


class Unmasking(models.Model):
    """Who saw the numbers of a call in clear, when and why. The database refuses to change or delete a row."""

    tenant = models.ForeignKey(Tenant, models.PROTECT, verbose_name=_("tenant"), related_name="unmaskings")
    source = models.ForeignKey(Source, models.PROTECT, verbose_name=_("source"), related_name="+")
    call_id = models.CharField(_("call id"), max_length=128)
    leg = models.CharField(_("leg"), max_length=16)
    user_id = models.BigIntegerField(_("user number"))
    seen_by = models.CharField(_("seen by"), max_length=150)
    seen_at = models.DateTimeField(_("seen"))
    reason = models.CharField(_("reason"), max_length=300)

    class Meta:
        verbose_name = _("unmasking")
        verbose_name_plural = _("unmaskings")
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.seen_by}: {self.call_id}"


class SilenceAlarm(models.Model):
    """A source that delivered nothing for several times its usual pause; open until calls come again.

    There is one open alarm a source at most, and one mail an alarm: ``mail`` goes from queued over sending to sent,
    failed, or unknown when the sender died or the connection broke while sending; unknown is not sent again.
    """

    QUEUED, SENDING, SENT, FAILED, UNKNOWN = "queued", "sending", "sent", "failed", "unknown"
    MAIL = [
        (QUEUED, _("queued")),
        (SENDING, _("sending")),
        (SENT, _("sent")),
        (FAILED, _("failed")),
        (UNKNOWN, _("unknown")),
    ]

    source = models.ForeignKey(Source, models.CASCADE, verbose_name=_("source"), related_name="alarms")
    last_delivery_at = models.DateTimeField(_("last delivery"))
    usual_pause = models.DurationField(_("longest usual pause"))
    opened_at = models.DateTimeField(_("opened"))
    closed_at = models.DateTimeField(_("closed"), null=True)
    mail = models.CharField(_("mail"), max_length=8, choices=MAIL, default=QUEUED)
    mail_due_at = models.DateTimeField(_("mail due"), null=True)
    mail_attempts = models.PositiveSmallIntegerField(_("mail attempts"), default=0)
    mail_answer = models.CharField(_("mail server's answer"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("silence alarm")
        verbose_name_plural = _("silence alarms")
        ordering = ["-opened_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["source"], condition=models.Q(closed_at__isnull=True), name="one_open_alarm_a_source"
            )
        ]
        indexes = [models.Index(fields=["mail_due_at"], name="alarms_to_mail", condition=models.Q(mail="queued"))]

    def __str__(self) -> str:
        return f"{self.source} {self.opened_at:%Y-%m-%d %H:%M}"
