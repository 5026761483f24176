"""Wake-up calls of the usage app; what is due is found in rows, so a lost or doubled message changes nothing."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import structlog
from celery import shared_task
from django.conf import settings
from django.db import OperationalError

from billing.periods import period_containing
from tenants.models import Tenant
from usage.aggregation import count_if_stale, mark_newly_agreed, stale_months
from usage.alarm_mails import alarms_to_mail, give_up_interrupted, mail_alarm
from usage.alarms import watch_sources
from usage.idempotency import forget_old_answers
from usage.partitions import ensure_partitions_around
from usage.removing import Due, drop_month, months_to_drop, removals_due, remove_batch
from usage.thresholds import announce_thresholds

MONTHS_A_TICK = 200
MAILS_A_TICK = 50
REMOVING_SECONDS = 300  # well within a task's limit; the next tick goes on
log = structlog.get_logger(__name__)


@shared_task
def count_stale_months() -> None:
    """Ask for every stale month to be counted, the longest waiting first.

    What nobody came to until the next tick, that tick asks for again: kept, the messages of both would pile up.
    """
    mark_newly_agreed(datetime.now(UTC))
    for tenant_id, period in stale_months(MONTHS_A_TICK):
        count_tenant_month.apply_async(
            (tenant_id, period.isoformat()), expires=settings.ENVIRONMENT.count_every_seconds
        )


@shared_task
def count_tenant_month(tenant_id: int, period: str) -> None:
    """Count one tenant's month if it is still stale; a count that fails leaves it stale."""
    now = datetime.now(UTC)
    tenant = Tenant.objects.get(pk=tenant_id)
    month = period_containing(datetime.fromisoformat(period).date(), tenant.billing_day)
    if count_if_stale(tenant, month, now):
        log.info("month counted", tenant_id=tenant_id, period=period)
        announce_thresholds(tenant, now)


@shared_task
def create_partitions_ahead() -> None:
    """Have the partitions of the coming months ready."""
    ensure_partitions_around(datetime.now(UTC).date())


@shared_task
def forget_kept_answers() -> None:
    """Forget the answers to Idempotency-Keys that nobody will send again."""
    forget_old_answers(datetime.now(UTC))


@shared_task
def watch_silence() -> None:
    """Open and close the alarms of silent sources, and send the mails that are due."""
    now = datetime.now(UTC)
    for alarm in watch_sources(now):
        log.warning("source silent", tenant_id=alarm.source.tenant_id, source_id=alarm.source_id, alarm_id=alarm.pk)
    give_up_interrupted(now)
    for alarm_id in alarms_to_mail(now, MAILS_A_TICK):
        mail_alarm(alarm_id, datetime.now(UTC))


@shared_task
def apply_retention() -> None:
    """Remove what tenants no longer keep: whole months where all tenants are that far, else batch by batch."""
    now, until = datetime.now(UTC), time.monotonic() + REMOVING_SECONDS
    for month in months_to_drop(now):
        try:
            if drop_month(month, now):
                log.info("month of calls dropped", month=month.isoformat())
        except OperationalError:
            log.warning("month of calls not dropped: it is in use; tried again", month=month.isoformat())
    for due in removals_due(now):
        try:
            _remove_all_of(due, now, until)
        except OperationalError:
            log.warning("removal put off: the month is in use", tenant_id=due.keeps.tenant_id, what=due.what)


def _remove_all_of(due: Due, now: datetime, until: float) -> None:
    while time.monotonic() < until:
        if remove_batch(due, now):
            log.info("removed", tenant_id=due.keeps.tenant_id, period=due.period.isoformat(), what=due.what)
            return
