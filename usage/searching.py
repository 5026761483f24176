"""A call found by its id alone: in the months in which sources have calls, one look by key into each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from django.db import connection

MOST = 20
# Each look names tenant, source, id and month, so it reads one place of one partition's key.
NAMED = """
SELECT c.tenant_id, c.source_id, s.code, c.call_id, c.leg, c.period, c.started_at FROM usage_sourcemonth AS m
CROSS JOIN LATERAL (SELECT tenant_id, source_id, call_id, leg, period, started_at FROM usage_call
    WHERE tenant_id = m.tenant_id AND source_id = m.source_id AND period = m.period AND call_id = %(call_id)s LIMIT 5) AS c
JOIN usage_source AS s ON s.id = c.source_id AND s.tenant_id = c.tenant_id
WHERE m.period >= %(since)s LIMIT %(most)s
"""


@dataclass(frozen=True, slots=True)
class NamedCall:
    """Where a call of this id lies."""

    tenant_id: int
    source_id: int
    source: str
    call_id: str
    leg: str
    period: date
    started_at: datetime


def calls_named(call_id: str, since: date) -> list[NamedCall]:
    """Find calls of any tenant by their id, in months that begin on a day or later; a few at most."""
    with connection.cursor() as cursor:
        cursor.execute(NAMED, {"call_id": call_id, "since": since, "most": MOST})
        return [NamedCall(*row) for row in cursor.fetchall()]
