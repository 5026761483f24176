"""Freezing a month: from then on its calls are what the invoice says, and what comes later is late.

open (running, then grace until its draft is ready) → frozen → open again only when two people say so.
"""

from __future__ import annotations

from datetime import date, datetime

import psycopg
from django.db import connection
from django.db.models import Q

from usage.correcting import apply_waiting_changes
from usage.ingestion import lock_key
from usage.models import UsageMonth


def freeze(tenant_id: int, period: date, *, drafted_at: datetime, now: datetime) -> bool:
    """Close a month to further calls, within the caller's transaction; a frozen month stays as it is.

    Returns False, with nothing done, when calls came in after the month was counted for a draft of ``drafted_at``. The
    exclusive lock waits for deliveries on their way: those before it are seen here, those after it find their calls late.
    """
    _lock(tenant_id, period)
    frozen = {"state": UsageMonth.FROZEN, "frozen_at": now}
    counted_before = Q(counted_at=None) | Q(counted_at__lte=drafted_at)
    month = UsageMonth.objects.filter(counted_before, tenant_id=tenant_id, period=period, stale_since=None)
    if month.filter(state=UsageMonth.OPEN).update(**frozen):
        return True
    known, _made = UsageMonth.objects.get_or_create(tenant_id=tenant_id, period=period, defaults=frozen)
    return known.state == UsageMonth.FROZEN


def reopen(tenant_id: int, period: date, now: datetime) -> int:
    """Open a frozen month, within the caller's transaction; return how many late calls and changes it takes in.

    What came late is ordinary from now on, and the month is stale. Whether it may be opened is the caller's to judge.
    """
    _lock(tenant_id, period)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE usage_call SET flags = array_remove(flags, 'late') "
            "WHERE tenant_id = %s AND period = %s AND 'late' = ANY(flags)",
            [tenant_id, period],
        )
        taken_in: int = cursor.rowcount
    taken_in += apply_waiting_changes(psycopg.Cursor(connection.connection), tenant_id, period, now)
    UsageMonth.objects.filter(tenant_id=tenant_id, period=period).update(
        state=UsageMonth.OPEN, frozen_at=None, stale_since=now
    )
    return taken_in


def _lock(tenant_id: int, period: date) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [lock_key("period", tenant_id, period)])
