"""What tenants used.

The data plane: every primary key starts with ``tenant_id``, there are no triggers and no foreign keys into the
control plane, calls are range-partitioned by the period they are billed in. The same schema shards by tenant.
Every query names its tenant.
"""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from tenants.models import CODE, Tenant, validate_zone

USUAL, FIRST_LEG, EACH_RECORD = "usual", "first", "each"
LEG_POLICIES = [
    (USUAL, _("as usual for the sender")),
    (FIRST_LEG, _("the first leg of a call counts")),
    (EACH_RECORD, _("each record counts")),
]
DIGITS = RegexValidator(r"^[0-9]*\Z", _("Digits only."))


class Source(models.Model):
    """A switch or platform of a tenant that reports calls. Part of the control plane."""

    tenant = models.ForeignKey(Tenant, models.CASCADE, verbose_name=_("tenant"), related_name="sources")
    code = models.SlugField(_("code"), max_length=40, validators=[CODE])
    zone = models.CharField(
        _("time zone"),
        max_length=60,
        validators=[validate_zone],
        help_text=_("For records that carry local times without a zone."),
    )
    leg_policy = models.CharField(
        _("legs"),
        max_length=8,
        choices=LEG_POLICIES,
        default=USUAL,
        help_text=_("Usual: FreeSWITCH counts the first leg of a call, every other sender each record."),
    )
    country_code = models.CharField(
        _("country code of its numbers"),
        max_length=3,
        blank=True,
        validators=[DIGITS],
        help_text=_(
            "Such as 86. 0086…, +86…, 86… and 0… then become one number, +86…; empty leaves numbers as they come."
        ),
    )
    international_prefix = models.CharField(_("dials abroad with"), max_length=6, default="00", validators=[DIGITS])
    trunk_prefix = models.CharField(_("dials at home with"), max_length=3, default="0", blank=True, validators=[DIGITS])
    variables = models.JSONField(
        _("variables kept as labels"),
        default=dict,
        blank=True,
        help_text=_('FreeSWITCH: label → channel variable, such as {"campaign": "sip_h_X-campaignId"}.'),
    )
    preset = models.CharField(
        _("sends like"), max_length=20, blank=True, help_text=_("The sender whose callbacks /api/v1/cdr/mapped takes.")
    )
    mapping = models.JSONField(
        _("mapping"),
        default=dict,
        blank=True,
        help_text=_("Field → path in the sender's record, over the preset's; see docs/api.md."),
    )
    acknowledgement = models.JSONField(
        _("acknowledgement"),
        default=dict,
        blank=True,
        help_text=_("The JSON the sender wants back; empty means the preset's, or the outcome."),
    )
    silence_factor = models.PositiveSmallIntegerField(
        _("silence alarm after"),
        default=3,
        help_text=_("Times the usual longest pause of a day; 0 never alarms."),
    )

    class Meta:
        verbose_name = _("source")
        verbose_name_plural = _("sources")
        constraints = [models.UniqueConstraint(fields=["tenant", "code"], name="source_code_once")]

    def __str__(self) -> str:
        return self.code


class Call(models.Model):
    """One leg's record as accepted. Written by ``usage.ingestion`` with COPY, never through the ORM.

    ``period`` is the first local day of the billing month, fixed at acceptance. ``caller`` and ``callee`` are masked;
    ``caller_hash`` and ``callee_hash`` are keyed per tenant. ``content_hash`` tells a repetition from a conflict.
    """

    pk = models.CompositePrimaryKey("tenant_id", "source_id", "call_id", "leg", "period")
    tenant_id = models.BigIntegerField()
    source_id = models.BigIntegerField()
    call_id = models.TextField()
    leg = models.TextField()
    period = models.DateField()
    direction = models.TextField()
    caller = models.TextField()
    callee = models.TextField()
    caller_hash = models.BinaryField()
    callee_hash = models.BinaryField()
    caller_number = models.TextField(null=True)  # noqa: DJ001 - null says "not kept", which is not an empty number
    callee_number = models.TextField(null=True)  # noqa: DJ001 - likewise
    started_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField()
    talk_ms = models.BigIntegerField()
    reported_seconds = models.IntegerField(null=True)
    agent_ms = models.BigIntegerField()
    transferred_at = models.DateTimeField(null=True)
    hangup_cause = models.TextField()
    region = models.TextField()
    robot = models.TextField()
    line = models.TextField()
    language = models.TextField()
    modules = ArrayField(models.TextField())
    counters = models.JSONField()
    labels = models.JSONField()
    flags = ArrayField(models.TextField())
    content_hash = models.BinaryField()
    batch_id = models.UUIDField()
    version = models.SmallIntegerField()
    received_at = models.DateTimeField()

    class Meta:
        managed = False  # partitioned: usage/migrations says how
        db_table = "usage_call"
        permissions = [("unmask_call", "Can see numbers in clear")]


class Batch(models.Model):
    """One delivery of records. received = accepted + duplicates + conflicts + rejected, always."""

    pk = models.CompositePrimaryKey("tenant_id", "id")
    tenant_id = models.BigIntegerField()
    id = models.UUIDField()
    source_id = models.BigIntegerField()
    format = models.CharField(max_length=20)
    received_at = models.DateTimeField()
    received = models.IntegerField()
    accepted = models.IntegerField()
    duplicates = models.IntegerField()
    conflicts = models.IntegerField()
    rejected = models.IntegerField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(
                    received=models.F("accepted")
                    + models.F("duplicates")
                    + models.F("conflicts")
                    + models.F("rejected")
                ),
                name="batch_adds_up",
            )
        ]


class Quarantined(models.Model):
    """A record that could not be taken, kept as it came with a reason a person can act on."""

    pk = models.CompositePrimaryKey("tenant_id", "id")
    tenant_id = models.BigIntegerField()
    id = models.UUIDField()
    batch_id = models.UUIDField()
    source_id = models.BigIntegerField()
    position = models.IntegerField()
    call_id = models.TextField()
    code = models.CharField(max_length=40)
    detail = models.TextField()
    pointer = models.TextField()
    raw = models.BinaryField()
    content_hash = models.BinaryField(null=True)
    received_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True)
    resolution = models.CharField(max_length=10, default="", db_default="")
    replay_batch_id = models.UUIDField(null=True)


class Declaration(models.Model):
    """What a sender says it sent for some local days; the close compares it with what is there.

    ``source_id`` 0 is all sources together. For example (tenant 3, source 0, 2026-10-01 to 2026-11-01): 41,200 calls,
    3,001,744 s of talk. Declared again, the newer figures stand.
    """

    pk = models.CompositePrimaryKey("tenant_id", "source_id", "starts_on", "ends_on")
    tenant_id = models.BigIntegerField()
    source_id = models.BigIntegerField()
    starts_on = models.DateField()
    ends_on = models.DateField()
    calls = models.BigIntegerField()
    talk_seconds = models.BigIntegerField()
    declared_at = models.DateTimeField()


class UsageMonth(models.Model):
    """One tenant's billing month: whether its totals are stale, and whether it still takes calls."""

    OPEN, FROZEN = "open", "frozen"

    pk = models.CompositePrimaryKey("tenant_id", "period")
    tenant_id = models.BigIntegerField()
    period = models.DateField()
    state = models.CharField(max_length=8, choices=[(OPEN, _("open")), (FROZEN, _("frozen"))], default=OPEN)
    stale_since = models.DateTimeField(null=True)
    counted_at = models.DateTimeField(null=True)
    frozen_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["stale_since"], name="stale_months", condition=models.Q(stale_since__isnull=False))
        ]


class UsageTotal(models.Model):
    """What one clause took on one local day: recomputed whole and replaced, never incremented.

    For example (tenant 3, contract 5, 2026-10-01, version "1", clause "talk", 2026-10-08, group "", cell ""):
    412 calls, 30,118,042 ms talked, 33,360 s billed. ``clause`` "" is usage that no clause took, on ``meter``.
    ``cell`` is JSON, pairs of dimension and value.
    """

    pk = models.CompositePrimaryKey(
        "tenant_id", "contract_id", "period", "segment", "clause", "meter", "day", "group", "cell"
    )
    tenant_id = models.BigIntegerField()
    contract_id = models.BigIntegerField()
    period = models.DateField()
    segment = models.TextField()
    clause = models.TextField()
    meter = models.TextField()
    day = models.DateField()
    group = models.TextField()
    cell = models.TextField()
    calls = models.BigIntegerField()
    talk_ms = models.BigIntegerField()
    billed_seconds = models.BigIntegerField()
    value = models.DecimalField(max_digits=30, decimal_places=6)
    histogram = models.JSONField()


class SourceMonth(models.Model):
    """A month in which a source has calls; a repetition is looked for in these months and in no others.

    Written in the transaction of the first call, under the lock on the source or on the call's bucket; never removed
    while the month's partition is attached.
    """

    pk = models.CompositePrimaryKey("tenant_id", "source_id", "period")
    tenant_id = models.BigIntegerField()
    source_id = models.BigIntegerField()
    period = models.DateField()


class CallVersion(models.Model):
    """A version of a call that was replaced or voided, whole, with who did it and why. Rows are never changed.

    ``replaced`` is the row as it stood; ``replacement`` the row that came instead, null when the call was voided.
    ``late`` says that the month was frozen: the row still stands as it was billed, and the change waits for the
    next invoice as a difference.
    """

    VOID, CORRECTION = "void", "correction"

    pk = models.CompositePrimaryKey("tenant_id", "source_id", "call_id", "leg", "version")
    tenant_id = models.BigIntegerField()
    source_id = models.BigIntegerField()
    call_id = models.TextField()
    leg = models.TextField()
    version = models.SmallIntegerField()
    period = models.DateField()
    kind = models.CharField(max_length=10, choices=[(VOID, _("void")), (CORRECTION, _("correction"))])
    late = models.BooleanField()
    reason = models.CharField(max_length=300)
    changed_by = models.CharField(max_length=150)
    changed_at = models.DateTimeField()
    content_hash = models.BinaryField()
    replaced = models.JSONField()
    replacement = models.JSONField(null=True)

    class Meta:
        indexes = [models.Index(fields=["tenant_id", "period"], name="late_changes", condition=models.Q(late=True))]


class KeptAnswer(models.Model):
    """The answer given to a delivery with an Idempotency-Key, to be given again to the same request."""

    pk = models.CompositePrimaryKey("tenant_id", "key")
    tenant_id = models.BigIntegerField()
    key = models.CharField(max_length=255)
    request_hash = models.BinaryField()
    body = models.BinaryField()
    created_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["created_at"], name="old_answers")]


class Listing(models.Model):
    """A page of the admin over rows of the data plane, whose composite keys Django's own lists cannot show."""

    class Meta:
        abstract = True
        managed = False
        default_permissions = ()


class CallListing(Listing):
    """The page of calls; what may be seen there is ``usage.view_call``."""

    class Meta(Listing.Meta):
        verbose_name = _("call")
        verbose_name_plural = _("calls")


class BatchListing(Listing):
    """The page of deliveries; ``usage.view_batch``."""

    class Meta(Listing.Meta):
        verbose_name = _("delivery of calls")
        verbose_name_plural = _("deliveries of calls")


class QuarantineListing(Listing):
    """The page of quarantine; ``usage.view_quarantined``, and ``change_quarantined`` to replay."""

    class Meta(Listing.Meta):
        verbose_name = _("record in quarantine")
        verbose_name_plural = _("quarantine")


class DeclarationListing(Listing):
    """The page of declarations; ``usage.view_declaration``."""

    class Meta(Listing.Meta):
        verbose_name = _("declaration")
        verbose_name_plural = _("declarations")
