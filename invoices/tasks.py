"""Wake-up calls of the invoices app; what is due is found in rows."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import structlog
from celery import shared_task

from billing.errors import Refused
from billing.periods import period_containing
from invoices.drafting import draft_month
from invoices.issuing import issue
from invoices.mailing import deliver, due_deliveries, give_up_interrupted
from invoices.models import Invoice
from tenants.contracts import signed_versions
from tenants.models import Contract

DELIVERIES_A_TICK = 500
log = structlog.get_logger(__name__)


@shared_task
def close_due_months() -> None:
    """Ask for the draft of every contract's last month that has ended, grace included, and has none."""
    now = datetime.now(UTC)
    for contract_id, starts_on in due_months(now):
        draft_contract_month.delay(contract_id, starts_on.isoformat())


def due_months(now: datetime) -> list[tuple[int, date]]:
    """List contract and first day of the months that are due to be drafted."""
    due = []
    for contract in Contract.objects.filter(tenant__active=True).select_related("tenant__seller"):
        tenant, seller = contract.tenant, contract.tenant.seller
        month = period_containing((now - timedelta(days=seller.grace_days)).date(), tenant.billing_day)
        last = period_containing(month.starts_on - timedelta(days=1), tenant.billing_day)
        _, ended_at = last.instants(tenant.zone)
        versions = signed_versions(contract)
        in_force = versions and versions[0].starts_on < last.ends_on and (contract.ends_on or date.max) > last.starts_on
        billed_here = seller.billing_starts_on is None or last.starts_on >= seller.billing_starts_on
        drafted = Invoice.objects.filter(contract=contract, period_starts_on=last.starts_on).exists()
        if in_force and billed_here and not drafted and ended_at + timedelta(days=seller.grace_days) <= now:
            due.append((contract.pk, last.starts_on))
    return due


@shared_task
def draft_contract_month(contract_id: int, starts_on: str) -> None:
    """Draft one contract's month; an issued one stays as it is."""
    contract = Contract.objects.select_related("tenant__seller").get(pk=contract_id)
    period = period_containing(date.fromisoformat(starts_on), contract.tenant.billing_day)
    try:
        draft_month(contract, period, datetime.now(UTC))
    except Refused as refusal:
        log.warning("month not drafted", contract_id=contract_id, period=period.label, code=refusal.code)


@shared_task
def issue_invoice(invoice_id: int, by: str) -> None:
    """Issue a draft and wake the mail up."""
    try:
        issue(invoice_id, by=by, now=datetime.now(UTC))
    except Refused as refusal:
        log.warning("invoice not issued", invoice_id=invoice_id, code=refusal.code)
    deliver_due.delay()


@shared_task
def deliver_due() -> None:
    """Ask for every due delivery to be sent, and give up those whose sender died."""
    now = datetime.now(UTC)
    if interrupted := give_up_interrupted(now):
        log.warning("deliveries unknown", count=interrupted)
    for delivery_id in due_deliveries(now, DELIVERIES_A_TICK):
        deliver_one.delay(delivery_id)


@shared_task
def deliver_one(delivery_id: int) -> None:
    """Send one delivery, if nobody else has."""
    state = deliver(delivery_id, datetime.now(UTC))
    log.info("delivery", delivery_id=delivery_id, state=state)
