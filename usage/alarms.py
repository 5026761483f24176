"""Sources that have fallen silent: a switch that stopped reporting looks like a quiet month until the invoice."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection

from usage.models import Source

LOOK_BACK_DAYS = 14
SHORTEST_GAP = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Silence:
    """A source without calls for longer than is usual for it."""

    source: Source
    last_batch_at: datetime
    usual_gap: timedelta
    silent_for: timedelta


def silent_sources(now: datetime) -> list[Silence]:
    """List the sources that delivered nothing for N times their usual gap, the longest silent first.

    The usual gap is the median, over the last 14 days with deliveries, of the longest pause that began that day: a
    switch that sleeps at night is not silent at four. A source with fewer than three such days is too new to say.
    """
    found = []
    for source in Source.objects.select_related("tenant").filter(tenant__active=True, silence_factor__gt=0):
        gap, last = _usual_gap(source, now)
        if gap is None or last is None:
            continue
        usual = max(gap, SHORTEST_GAP)
        if now - last > usual * source.silence_factor:
            found.append(Silence(source, last, usual, now - last))
    return sorted(found, key=lambda silence: silence.silent_for, reverse=True)


def _usual_gap(source: Source, now: datetime) -> tuple[timedelta | None, datetime | None]:
    with connection.cursor() as cursor:
        cursor.execute(_GAPS, [source.tenant_id, source.pk, now - timedelta(days=LOOK_BACK_DAYS), now])
        gap, days, last = cursor.fetchone()
    return (timedelta(seconds=float(gap)) if gap is not None and days >= 3 else None), last


_GAPS = """
WITH deliveries AS (
  SELECT received_at, lead(received_at) OVER (ORDER BY received_at) - received_at AS pause
  FROM usage_batch WHERE tenant_id = %s AND source_id = %s AND received_at >= %s AND received_at <= %s AND accepted > 0
), days AS (
  SELECT received_at::date AS day, max(EXTRACT(EPOCH FROM pause)) AS longest FROM deliveries
  WHERE pause IS NOT NULL GROUP BY 1
)
SELECT (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY longest) FROM days),
       (SELECT count(*) FROM days), (SELECT max(received_at) FROM deliveries)
"""
