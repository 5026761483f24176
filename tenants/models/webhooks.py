"""Where a tenant's or the seller's own system is told of events, what it is owed, and how each try went."""

from __future__ import annotations

import uuid_utils.compat as uuids
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MinLengthValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from billing.mail import OwedMail
from tenants.models.parties import Seller, Tenant


class WebhookEndpoint(models.Model):
    """An address that is told of events of one tenant, or of all tenants of a seller where none is named.

    Its secret is made from ``HUADAN_SECRET_KEY``, the id and ``secret_number``, so no row holds one; the number before
    signs as well until ``old_secret_until``. ``resting_until`` is when it is tried again after it did not answer,
    ``failing_since`` the first failure since it last accepted something.
    """

    ISSUED, PAID, CREDITED = "invoice.issued", "invoice.paid", "credit_note.issued"
    THRESHOLD, SILENT, TEST = "usage.threshold", "source.silent", "webhook.test"
    BUDGET = "budget.reached"
    TYPES = [
        (ISSUED, _("an invoice was issued")), (PAID, _("an invoice was paid")), (CREDITED, _("a credit note was issued")),
        (THRESHOLD, _("usage neared or reached a limit")), (SILENT, _("a source fell silent")),
        (BUDGET, _("a budget reached one of its thresholds")),
    ]  # fmt: skip
    BY_PERSON, GONE, FAILING = "person", "gone", "failing"
    REASONS = [
        ("", ""), (BY_PERSON, _("switched off")), (GONE, _("it answered 410: gone")),
        (FAILING, _("it accepted nothing for days")),
    ]  # fmt: skip

    id = models.UUIDField(primary_key=True, default=uuids.uuid7, editable=False)
    seller = models.ForeignKey(Seller, models.PROTECT, verbose_name=_("seller"), related_name="webhook_endpoints")
    tenant = models.ForeignKey(
        Tenant, models.PROTECT, verbose_name=_("tenant"), related_name="webhook_endpoints", null=True, blank=True,
        help_text=_("Empty: it is told of all tenants of the seller."),
    )  # fmt: skip
    name = models.CharField(_("name"), max_length=100, help_text=_("What listens there, such as the ERP."))
    url = models.CharField(
        _("address"), max_length=500, help_text=_("Such as https://erp.example.com/huadan; see docs/webhooks.md.")
    )
    types = ArrayField(
        models.CharField(max_length=30, choices=TYPES), verbose_name=_("is told of"), validators=[MinLengthValidator(1)]
    )
    enabled = models.BooleanField(_("enabled"), default=True)
    disabled_at = models.DateTimeField(_("disabled"), null=True, editable=False)
    disabled_because = models.CharField(
        _("disabled because"), max_length=10, choices=REASONS, blank=True, default="", editable=False
    )
    secret_number = models.PositiveIntegerField(default=1, editable=False)
    old_secret_until = models.DateTimeField(null=True, editable=False)
    failing_since = models.DateTimeField(_("failing since"), null=True, editable=False)
    failures = models.PositiveIntegerField(_("failures in a row"), default=0, editable=False)
    resting_until = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("webhook")
        verbose_name_plural = _("webhooks")
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(enabled=True, disabled_at__isnull=True, disabled_because="")
                | (models.Q(enabled=False, disabled_at__isnull=False) & ~models.Q(disabled_because="")),
                name="webhook_disabled_because",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class WebhookMessage(models.Model):
    """An event one endpoint is told of: owed until it is delivered, or failed after ten tries. ``body`` is sent as it is.

    ``event`` names the event, so that no endpoint is told of one twice; ``due_at`` is when it is tried next, or given to
    another worker when the one that sends it died.
    """

    OWED, DELIVERED, FAILED = "owed", "delivered", "failed"
    STATES = [(OWED, _("owed")), (DELIVERED, _("delivered")), (FAILED, _("failed"))]

    id = models.UUIDField(primary_key=True, default=uuids.uuid7, editable=False)
    endpoint = models.ForeignKey(
        WebhookEndpoint, models.PROTECT, verbose_name=_("webhook"), related_name="messages"
    )  # fmt: skip
    type = models.CharField(_("event"), max_length=30)
    event = models.CharField(_("concerns"), max_length=200)
    body = models.TextField(_("body"))
    created_at = models.DateTimeField(_("happened"))
    state = models.CharField(_("state"), max_length=10, choices=STATES, default=OWED)
    tries = models.PositiveSmallIntegerField(_("tries"), default=0)
    due_at = models.DateTimeField(_("to be sent"))
    delivered_at = models.DateTimeField(_("delivered"), null=True)

    class Meta:
        verbose_name = _("webhook message")
        verbose_name_plural = _("webhook messages")
        ordering = ["-pk"]
        constraints = [models.UniqueConstraint(fields=["endpoint", "event"], name="event_told_once")]
        indexes = [
            models.Index(fields=["endpoint", "due_at"], name="owed_messages", condition=models.Q(state="owed")),
            models.Index(fields=["created_at"], name="messages_by_age"),
        ]

    def __str__(self) -> str:
        return f"msg_{self.pk.hex}"


class WebhookTry(models.Model):
    """One try to send a message: what came back, and how long it took."""

    message = models.ForeignKey(WebhookMessage, models.CASCADE, verbose_name=_("message"), related_name="log")
    at = models.DateTimeField(_("at"))
    status = models.PositiveSmallIntegerField(_("HTTP status"), null=True)
    took_ms = models.PositiveIntegerField(_("took, in ms"))
    answer = models.CharField(_("answer"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("try")
        verbose_name_plural = _("tries")
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.status or '–'}"


class WebhookNotice(OwedMail):
    """The mail that tells one address that an endpoint was disabled."""

    endpoint = models.ForeignKey(
        WebhookEndpoint, models.CASCADE, verbose_name=_("webhook"), related_name="notices"
    )  # fmt: skip

    class Meta:
        verbose_name = _("notice of a disabled webhook")
        verbose_name_plural = _("notices of disabled webhooks")

    def __str__(self) -> str:
        return f"{self.endpoint} → {self.recipient}"
