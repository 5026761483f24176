"""Wake-up calls of the usage app; what is due is found in rows, so a lost or doubled message changes nothing."""

from __future__ import annotations

from datetime import UTC, datetime

import structlog
from celery import shared_task

from billing.periods import period_containing
from tenants.models import Tenant
from usage.aggregation import count_if_stale, mark_newly_agreed, stale_months
from usage.idempotency import forget_old_answers
from usage.partitions import ensure_partitions_around

MONTHS_A_TICK = 200
log = structlog.get_logger(__name__)


@shared_task
def count_stale_months() -> None:
    """Ask for every stale month to be counted, the longest waiting first."""
    mark_newly_agreed(datetime.now(UTC))
    for tenant_id, period in stale_months(MONTHS_A_TICK):
        count_tenant_month.delay(tenant_id, period.isoformat())


@shared_task
def count_tenant_month(tenant_id: int, period: str) -> None:
    """Count one tenant's month if it is still stale; a count that fails leaves it stale."""
    now = datetime.now(UTC)
    tenant = Tenant.objects.get(pk=tenant_id)
    month = period_containing(datetime.fromisoformat(period).date(), tenant.billing_day)
    if count_if_stale(tenant, month, now):
        log.info("month counted", tenant_id=tenant_id, period=period)


@shared_task
def create_partitions_ahead() -> None:
    """Have the partitions of the coming months ready."""
    ensure_partitions_around(datetime.now(UTC).date())


@shared_task
def forget_kept_answers() -> None:
    """Forget the answers to Idempotency-Keys that nobody will send again."""
    forget_old_answers(datetime.now(UTC))
