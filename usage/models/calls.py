"""Calls, the deliveries they came in, what could not be taken, and what was changed. The data plane."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.utils.translation import gettext_lazy as _


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
        # Deliveries lie in the order they came, so a few bytes a page range find the last hours among years of them.
        indexes = [BrinIndex(fields=["received_at"], name="deliveries_by_time", pages_per_range=32, autosummarize=True)]


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

    class Meta:
        indexes = [
            models.Index(
                fields=["tenant_id", "received_at"],
                name="waiting_in_quarantine",
                condition=models.Q(resolved_at__isnull=True),
            )
        ]


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
