"""Freezing a month: from then on its calls are what the invoice says, and what comes later is late.

open (running, then grace until its draft is ready) → frozen → open again only when two people say so.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import psycopg
from django.db import connection

from usage.correcting import apply_waiting_changes
from usage.ingestion import lock_key
from usage.models import UsageMonth

FREEZE = """
SELECT pg_advisory_xact_lock(%(lock)s);
UPDATE usage_usagemonth SET state = 'frozen', frozen_at = %(now)s
WHERE tenant_id = %(tenant)s AND period = %(period)s AND stale_since IS NULL AND state = 'open'
AND (counted_at IS NULL OR counted_at <= %(drafted_at)s)
"""


def freeze(tenant_id: int, period: date, *, drafted_at: datetime, now: datetime) -> bool:
    """Close a month to further calls, within the caller's transaction; a frozen month stays as it is.

    Returns False, with nothing done, when calls came in after the month was counted for a draft of ``drafted_at``. The
    exclusive lock waits for deliveries on their way: those before it are seen here, those after it find their calls late.
    """
    named: dict[str, Any] = {"tenant": tenant_id, "period": period, "drafted_at": drafted_at, "now": now}
    with connection.cursor() as cursor:
        cursor.execute(FREEZE, named | {"lock": lock_key("period", tenant_id, period)})
        cursor.nextset()
        if cursor.rowcount:
            return True
    frozen = {"state": UsageMonth.FROZEN, "frozen_at": now}
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
