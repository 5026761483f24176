"""Months and what was used in them. The data plane."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class UsageMonth(models.Model):
    """One tenant's billing month: whether its totals are stale, and whether it still takes calls.

    ``counting_since`` is the mark of ``stale_since`` as a count took it, until that count has ended: one that was killed
    leaves it. ``late_since`` says that calls came, or changed, after it was frozen, for a later invoice to settle.
    """

    OPEN, FROZEN = "open", "frozen"

    pk = models.CompositePrimaryKey("tenant_id", "period")
    tenant_id = models.BigIntegerField()
    period = models.DateField()
    state = models.CharField(max_length=8, choices=[(OPEN, _("open")), (FROZEN, _("frozen"))], default=OPEN)
    stale_since = models.DateTimeField(null=True)
    counting_since = models.DateTimeField(null=True)
    counted_at = models.DateTimeField(null=True)
    frozen_at = models.DateTimeField(null=True)
    late_since = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["stale_since"], name="stale_months", condition=models.Q(stale_since__isnull=False)),
            models.Index(
                fields=["counting_since"], name="months_being_counted", condition=models.Q(counting_since__isnull=False)
            ),
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
