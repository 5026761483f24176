"""What reached a tenant, for the report of a month's close."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import F, Max, Sum

from billing.periods import Period
from usage.models import Batch, Declaration, UsageMonth


@dataclass(frozen=True, slots=True)
class Delivered:
    """Records delivered since the month before was frozen, so that one month's report begins where the last one ended.

    ``rejected`` went into quarantine, conflicts among them. ``declared`` is what senders say of the month itself, None
    when they say nothing.
    """

    received: int
    duplicates: int
    rejected: int
    declared: int | None


def delivered(tenant_id: int, period: Period) -> Delivered:
    """Add up a tenant's deliveries since its last freeze of an earlier month, and what was declared of this one."""
    since = UsageMonth.objects.filter(tenant_id=tenant_id, period__lt=period.starts_on).aggregate(at=Max("frozen_at"))
    batches = Batch.objects.filter(tenant_id=tenant_id)
    if since["at"] is not None:
        batches = batches.filter(received_at__gt=since["at"])
    found = batches.aggregate(
        received=Sum("received", default=0), duplicates=Sum("duplicates", default=0),
        rejected=Sum(F("rejected") + F("conflicts"), default=0),
    )  # fmt: skip
    return Delivered(**found, declared=_declared(tenant_id, period))


def _declared(tenant_id: int, period: Period) -> int | None:
    """Add up declared calls, each day once: all sources together before single ones, long ranges before short ones."""
    within = Declaration.objects.filter(
        tenant_id=tenant_id, starts_on__gte=period.starts_on, ends_on__lte=period.ends_on
    )
    chosen: list[Declaration] = []
    for each in sorted(within, key=lambda each: (each.source_id != 0, each.starts_on - each.ends_on)):
        if not any(
            each.starts_on < other.ends_on and other.starts_on < each.ends_on and other.source_id in {0, each.source_id}
            for other in chosen
        ):
            chosen.append(each)
    return sum(each.calls for each in chosen) if chosen else None
