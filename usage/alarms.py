"""Sources that have fallen silent: a switch that stopped reporting looks like a quiet month until the invoice."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection, transaction

from tenants.models import WebhookEndpoint
from tenants.webhooks.announcing import announce
from usage.models import Batch, SilenceAlarm, Source

LOOK_BACK_DAYS = 14
LEAST_DAYS = 3
SHORTEST_PAUSE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Silence:
    """A source without calls for longer than is usual for it."""

    source: Source
    last_delivery_at: datetime
    usual_pause: timedelta


def watch_sources(now: datetime) -> list[SilenceAlarm]:
    """Close the alarms of sources that deliver again, open one for each that fell silent; return those opened.

    Run as often as you like, also twice at once: a source has one open alarm at most.
    """
    for alarm in SilenceAlarm.objects.filter(closed_at__isnull=True).select_related("source__tenant"):
        watched = alarm.source.silence_factor > 0 and alarm.source.tenant.active
        if not watched or _delivered(alarm.source, after=alarm.last_delivery_at):
            _close(alarm, now)
    opened = []
    for silence in silent_sources(now):
        with transaction.atomic():
            alarm, is_new = SilenceAlarm.objects.get_or_create(
                source=silence.source,
                closed_at=None,
                defaults={
                    "last_delivery_at": silence.last_delivery_at,
                    "usual_pause": silence.usual_pause,
                    "opened_at": now,
                    "mail_due_at": now,
                },
            )
            if is_new:
                _announce(alarm, now)
                opened.append(alarm)
    return opened


def silent_sources(now: datetime) -> list[Silence]:
    """List the sources that delivered no call for N times their usual pause, the longest silent first.

    The usual pause is the median, over the last 14 days with deliveries, of the longest pause that began that day: a
    switch that sleeps at night is not silent at four. It is worked out once a day, and only for a source that is quiet
    now. A source with fewer than three such days is too new to say; one that paused for 14 days is known to be gone.
    """
    found = []
    for source in Source.objects.select_related("tenant").filter(tenant__active=True, silence_factor__gt=0):
        if _delivered(source, after=now - SHORTEST_PAUSE * source.silence_factor):
            continue
        pause = _usual_pause(source, now)
        if pause is None or _delivered(source, after=now - pause * source.silence_factor):
            continue
        last = _last_delivery(source, now)
        if last is not None:
            found.append(Silence(source, last, pause))
    return sorted(found, key=lambda silence: silence.last_delivery_at)


def _announce(alarm: SilenceAlarm, now: datetime) -> None:
    told = {
        "source": alarm.source.code,
        "last_delivery_at": alarm.last_delivery_at.isoformat(),
        "usual_pause_seconds": int(alarm.usual_pause.total_seconds()),
    }
    announce(alarm.source.tenant, WebhookEndpoint.SILENT, f"{WebhookEndpoint.SILENT} {alarm.pk}", told, now)


def _close(alarm: SilenceAlarm, now: datetime) -> None:
    """Close an alarm; a mail that still waits is not sent any more."""
    SilenceAlarm.objects.filter(pk=alarm.pk, closed_at__isnull=True).update(closed_at=now)
    SilenceAlarm.objects.filter(pk=alarm.pk, mail=SilenceAlarm.QUEUED).update(
        mail=SilenceAlarm.FAILED, mail_answer="The alarm was closed before the mail was sent."
    )


def _delivered(source: Source, *, after: datetime) -> bool:
    deliveries = Batch.objects.filter(tenant_id=source.tenant_id, source_id=source.pk, accepted__gt=0)
    return deliveries.filter(received_at__gt=after).exists()


def _last_delivery(source: Source, now: datetime) -> datetime | None:
    deliveries = Batch.objects.filter(tenant_id=source.tenant_id, source_id=source.pk, accepted__gt=0)
    recent = deliveries.filter(received_at__gt=now - timedelta(days=LOOK_BACK_DAYS), received_at__lte=now)
    return recent.order_by("-received_at").values_list("received_at", flat=True).first()


def _usual_pause(source: Source, now: datetime) -> timedelta | None:
    """Return the usual pause of a source, five minutes at least; None while it is too new to have habits."""
    if source.usual_pause_on != now.date():
        with connection.cursor() as cursor:
            start = now - timedelta(days=LOOK_BACK_DAYS)
            cursor.execute(_LONGEST_PAUSES, [source.tenant_id, source.pk, start, now])
            pause, days = cursor.fetchone()
        source.usual_pause = max(pause, SHORTEST_PAUSE) if days >= LEAST_DAYS else None
        source.usual_pause_on = now.date()
        source.save(update_fields=["usual_pause", "usual_pause_on"])
    return source.usual_pause


_LONGEST_PAUSES = """
WITH deliveries AS (
  SELECT received_at, lead(received_at) OVER (ORDER BY received_at) - received_at AS pause
  FROM usage_batch WHERE tenant_id = %s AND source_id = %s AND received_at >= %s AND received_at <= %s AND accepted > 0
), days AS (
  SELECT received_at::date AS day, max(pause) AS longest FROM deliveries WHERE pause IS NOT NULL GROUP BY 1
)
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY longest), count(*) FROM days
"""
