"""What the drafts and checks of several contracts' months need besides their calls and terms, read at once.

A question to the database costs about as much for ten contracts as for one, and a close asks for thousands.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection

from billing.periods import Period, period_containing
from invoices.models import Invoice
from tenants.contracts import Entered, entered_at_all
from tenants.models import Contract
from usage.quarantine import waiting_since
from usage.recounting import late_months
from usage.reporting import Delivered, delivered

Month = tuple[Contract, Period]
BEFORE = """
SELECT m.contract_id, m.starts_on, i.net, COALESCE((i.document #>> '{summary,calls}')::int8, 0),
    CASE WHEN i.state = %s AND i.period_starts_on = m.previous THEN i.number END,
    CASE WHEN i.state = %s AND i.period_starts_on = m.previous THEN i.document ->> 'bill' END
FROM unnest(%s::int8[], %s::date[], %s::date[]) AS m (contract_id, starts_on, previous), LATERAL (
    SELECT * FROM invoices_invoice WHERE kind = %s AND contract_id = m.contract_id AND period_starts_on < m.starts_on
    ORDER BY period_starts_on DESC LIMIT 3) AS i
ORDER BY m.contract_id, m.starts_on, i.period_starts_on DESC
"""


@dataclass(frozen=True, slots=True)
class Earlier:
    """An invoice of one of the three months before: net, calls; number and bill if it is issued and of the last one."""

    net: Decimal
    calls: int
    number: str | None
    bill: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a contract's month: its earlier invoices, latest first, and what reached its tenant.

    ``late_months`` are frozen months before it for which something came late, ``quarantined`` the records that wait
    in quarantine since it began.
    """

    entered: Entered
    earlier: tuple[Earlier, ...]
    late_months: tuple[date, ...]
    delivered: Delivered
    quarantined: int


def gather(months: Collection[Month]) -> dict[tuple[int, date], Known]:
    """Read what is known of contracts' months, by contract id and first day."""
    tenants = {contract.tenant_id for contract, _ in months}
    entered = entered_at_all({contract.pk for contract, _ in months})
    reached = delivered({(contract.tenant_id, period) for contract, period in months})
    waiting = waiting_since({(c.tenant_id, period.instants(c.tenant.zone)[0]) for c, period in months})
    late, earlier = late_months(tenants), _earlier(months)
    return {
        (contract.pk, period.starts_on): Known(
            entered=entered[contract.pk],
            earlier=tuple(earlier[contract.pk, period.starts_on]),
            late_months=tuple(
                day for tenant_id, day in late if tenant_id == contract.tenant_id and day < period.starts_on
            ),
            delivered=reached[contract.tenant_id, period],
            quarantined=waiting[contract.tenant_id, period.instants(contract.tenant.zone)[0]],
        )
        for contract, period in months
    }


def gather_one(contract: Contract, period: Period) -> Known:
    """Read what is known of one contract's month."""
    return gather([(contract, period)])[contract.pk, period.starts_on]


def month_before(contract: Contract, period: Period) -> Period:
    """Give the month before a contract's month."""
    return period_containing(period.starts_on - timedelta(days=1), contract.tenant.billing_day)


def _earlier(months: Collection[Month]) -> dict[tuple[int, date], list[Earlier]]:
    found = defaultdict[tuple[int, date], list[Earlier]](list)
    with connection.cursor() as cursor:
        cursor.execute(
            BEFORE,
            [
                Invoice.ISSUED,
                Invoice.ISSUED,
                [contract.pk for contract, _ in months],
                [period.starts_on for _, period in months],
                [month_before(*month).starts_on for month in months],
                Invoice.INVOICE,
            ],
        )
        for contract_id, starts_on, net, calls, number, bill in cursor.fetchall():
            found[contract_id, starts_on].append(Earlier(net, calls, number, json.loads(bill) if bill else None))
    return found
