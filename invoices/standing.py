"""How the business stands today, in few queries however big it is: the running month, the last closes, what is owed."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection
from django.db.models import Count, Max, Q, Sum
from django.db.models.functions import Coalesce, TruncMonth

from billing.periods import add_months
from invoices.models import CloseRun, Invoice, RunStep
from usage.models import Batch

MONTHS_SHOWN = 12
LATELY = timedelta(hours=1)
AGES = ("not_due", "to_30", "to_60", "to_90", "older")
# What is known of a tenant stands in the figures of each of its contracts; what is known of a contract adds up.
REHEARSED = """
SELECT currency, sum(received), sum(counted), sum(total), sum(expected), sum(last_total), count(*) FROM (
    SELECT tenant_id, figures ->> 'currency' AS currency, max((figures ->> 'received')::int8) AS received,
        sum((figures ->> 'counted')::int8) AS counted, sum((figures ->> 'total')::numeric) AS total,
        sum(COALESCE(figures ->> 'expected', figures ->> 'total')::numeric) AS expected,
        sum((figures ->> 'last_total')::numeric) AS last_total
    FROM invoices_runstep WHERE run_id = ANY(%s) AND figures ? 'total' GROUP BY 1, 2
) AS tenants GROUP BY currency ORDER BY currency
"""
AGED = """
SELECT currency, sum(open) FILTER (WHERE due_on >= %(today)s),
    sum(open) FILTER (WHERE due_on < %(today)s AND due_on >= %(today)s - 30),
    sum(open) FILTER (WHERE due_on < %(today)s - 30 AND due_on >= %(today)s - 60),
    sum(open) FILTER (WHERE due_on < %(today)s - 60 AND due_on >= %(today)s - 90),
    sum(open) FILTER (WHERE due_on < %(today)s - 90)
FROM invoices_receivable WHERE open > 0 AND open <> 0 GROUP BY currency ORDER BY currency
"""


@dataclass(frozen=True, slots=True)
class Running:
    """The running month in one currency, as last night's rehearsal counted and rated it; amounts are with tax.

    ``received`` are records since the month before was frozen, ``expected`` the amount by the month's end, ``last`` the
    whole month before of the same contracts.
    """

    currency: str
    received: int
    counted: int
    amount: Decimal
    expected: Decimal
    last: Decimal | None
    tenants: int


@dataclass(frozen=True, slots=True)
class Closed:
    """A seller's latest close, and how many of its contracts are ready and parked, of how many."""

    run: CloseRun
    ready: int
    parked: int
    steps: int


def rehearsals(today: date) -> list[CloseRun]:
    """List the last rehearsal of each seller's running month."""
    runs = CloseRun.objects.filter(purpose=CloseRun.SHADOW, month=today.replace(day=1)).select_related("seller")
    return list(runs.order_by("seller_id", "-revision").distinct("seller_id"))


def running_month(runs: Collection[CloseRun]) -> list[Running]:
    """Add up what rehearsals found, by currency."""
    with connection.cursor() as cursor:
        cursor.execute(REHEARSED, [[run.pk for run in runs]])
        return [
            Running(currency, int(received or 0), int(counted or 0), amount, expected, last, tenants)
            for currency, received, counted, amount, expected, last, tenants in cursor.fetchall()
        ]


def delivered_lately(now: datetime) -> dict[str, Any]:
    """Count the deliveries and records of the last hour, of all tenants, and say when the last one came."""
    lately = Batch.objects.filter(received_at__gte=now - LATELY, received_at__lte=now)
    return lately.aggregate(deliveries=Count("*"), records=Coalesce(Sum("received"), 0), last=Max("received_at"))


def last_closes() -> list[Closed]:
    """List each seller's latest close that was not given up."""
    latest = CloseRun.objects.filter(purpose=CloseRun.CLOSE).exclude(state=CloseRun.CANCELLED).select_related("seller")
    runs = list(latest.order_by("seller_id", "-month", "-revision").distinct("seller_id"))
    steps = RunStep.objects.filter(run__in=runs).order_by().values_list("run_id")
    ready, parked = (Count("pk", filter=Q(state=state)) for state in (RunStep.READY, RunStep.PARKED))
    counted = steps.annotate(ready=ready, parked=parked, steps=Count("pk"))
    counts = {run_id: (of_ready, of_parked, all_steps) for run_id, of_ready, of_parked, all_steps in counted}
    return [Closed(run, *counts.get(run.pk, (0, 0, 0))) for run in runs]


def owed_by_age(today: date) -> dict[str, list[Decimal]]:
    """Add up what is open by currency, for each of ``AGES``; days count from the due day."""
    with connection.cursor() as cursor:
        cursor.execute(AGED, {"today": today})
        return {currency: [each or Decimal(0) for each in sums] for currency, *sums in cursor.fetchall()}


def invoiced_by_month(today: date) -> dict[str, list[tuple[date, Decimal]]]:
    """Add up the issued invoices of the last year by currency and month, without credit notes; empty months are 0."""
    first = add_months(today.replace(day=1), -MONTHS_SHOWN)
    found: dict[str, dict[date, Decimal]] = {}
    issued = Invoice.objects.filter(state=Invoice.ISSUED, period_starts_on__gte=first).order_by()
    for currency, month, total in issued.values_list("currency", TruncMonth("period_starts_on")).annotate(Sum("total")):
        found.setdefault(currency, {})[month] = total
    months = [add_months(first, number) for number in range(MONTHS_SHOWN)]
    return {
        currency: [(month, found[currency].get(month, Decimal(0))) for month in months] for currency in sorted(found)
    }
