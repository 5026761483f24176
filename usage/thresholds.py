"""Telling whoever listens that a tenant used most, or all, of a limit of its contract."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from tenants.models import Tenant, WebhookEndpoint
from tenants.webhooks.announcing import announce, is_wanted
from usage.quotas import Limit, limits_of

PERCENTS = (80, 100)


def announce_thresholds(tenant: Tenant, now: datetime) -> None:
    """Announce each limit of which 80 or 100 % is used; each is told once for its day or month, however often it is asked.

    Where a clause limits each group by itself, it is the fullest group's.
    """
    if not is_wanted(tenant, WebhookEndpoint.THRESHOLD):
        return
    with transaction.atomic():
        for limit in limits_of(tenant, now):
            for percent in PERCENTS:
                if limit.limit and limit.used * 100 >= limit.limit * percent:
                    _announce(tenant, limit, percent, now)


def _announce(tenant: Tenant, limit: Limit, percent: int, now: datetime) -> None:
    told = {
        "clause": limit.clause, "per": limit.per, "percent": percent, "limit": limit.limit, "used": limit.used,
        "resets_at": limit.resets_at.isoformat(), "refuses": limit.refuses,
    }  # fmt: skip
    kind = WebhookEndpoint.THRESHOLD
    event = f"{kind} {tenant.pk} {limit.clause} {limit.per} {limit.resets_at:%Y-%m-%d} {percent}"
    announce(tenant, kind, event, told, now)
