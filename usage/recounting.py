"""Counting a month once more beside its totals: to compare, to try terms that nobody signed, to settle what came late.

What is counted beside stands under a contract id that cannot exist and is taken back at once, so no count of a real
contract waits for it or sees it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import date

from django.db import connection, transaction
from psycopg.sql import SQL, Composable, Literal

from billing.periods import Period
from billing.rating.terms import Terms
from billing.rating.totals import Totals
from tenants.models import Contract
from usage.aggregation import PREPARE, Gaps, add_cut_calls, filling, plan_of, totals_of
from usage.ingestion import lock_key
from usage.models import UsageMonth

DIFFERING = """
SELECT COALESCE(sum(abs(surplus)), 0) FROM (
    SELECT sum(CASE WHEN contract_id = %(contract)s THEN 1 ELSE -1 END) AS surplus FROM usage_usagetotal
    WHERE tenant_id = %(tenant)s AND contract_id IN (%(contract)s, %(beside)s) AND period = %(period)s
    GROUP BY segment, clause, meter, day, "group", cell, calls, talk_ms, billed_seconds, value, histogram) AS compared
"""


@contextlib.contextmanager
def _counted_beside(
    tenant_id: int, contract_id: int, terms: Terms, gaps: Gaps | None = None, *, known: bool = False
) -> Iterator[int]:
    """Count a month beside its totals for as long as the block looks at it; yield the id it stands under.

    When all that is ``known`` is counted, the lock keeps deliveries out meanwhile, so that the totals are those of the
    calls that are counted as late.
    """
    statements: list[Composable] = [SQL(PREPARE)]
    if known:
        key = lock_key("period", tenant_id, terms.period.starts_on)
        statements.append(SQL("SELECT pg_advisory_xact_lock({})").format(Literal(key)))
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(SQL("; ").join([*statements, *filling(tenant_id, -contract_id, terms, gaps, known=known)]))
        add_cut_calls(cursor, tenant_id, -contract_id, terms, known=known)
        yield -contract_id
        transaction.set_rollback(True)


def differing_totals(contract: Contract, month: Period) -> int:
    """Count a contract's month once more and return how many of its totals differ."""
    terms, gaps = next((t, g) for pk, t, g in plan_of(contract.tenant, month) if pk == contract.pk)
    tenant_id = contract.tenant_id
    with _counted_beside(tenant_id, contract.pk, terms, gaps) as beside, connection.cursor() as cursor:
        cursor.execute(
            DIFFERING, {"tenant": tenant_id, "contract": contract.pk, "beside": beside, "period": month.starts_on}
        )
        return int(cursor.fetchone()[0])


def totals_if_agreed(tenant_id: int, contract_id: int, terms: Terms) -> Totals:
    """Count a month from the calls under terms that need not be signed."""
    with _counted_beside(tenant_id, contract_id, terms) as beside:
        counted = totals_of(tenant_id, contract_id, terms, beside=beside)
    numbers = {None, *(segment.number for segment in terms.segments)}
    return replace(counted, measurements=tuple(each for each in counted.measurements if each.segment in numbers))


@dataclass(frozen=True, slots=True)
class Late:
    """What is known of a frozen month that its invoice did not know: how many late calls and late changes."""

    calls: int
    changes: int


def totals_as_known(contract: Contract, terms: Terms) -> tuple[Totals, Late]:
    """Count a frozen month with all that came late, and say how much that is."""
    tenant_id, period = contract.tenant_id, terms.period.starts_on
    with _counted_beside(tenant_id, contract.pk, terms, known=True) as beside:
        return totals_of(tenant_id, contract.pk, terms, beside=beside, known=True), late_of(tenant_id, period)


def late_of(tenant_id: int, period: date) -> Late:
    """Count what came late for a month, and every late change of calls that were in it at some time."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT count(*) FROM usage_call WHERE tenant_id = %(tenant)s AND period = %(period)s "
            "AND flags && '{late}'), (SELECT count(*) FROM usage_callversion WHERE tenant_id = %(tenant)s AND late "
            "AND (source_id, call_id, leg) IN (SELECT source_id, call_id, leg FROM usage_callversion "
            "WHERE tenant_id = %(tenant)s AND late "
            "AND (period = %(period)s OR (replacement ->> 'period')::date = %(period)s)))",
            {"tenant": tenant_id, "period": period},
        )
        return Late(*cursor.fetchone())


def late_months(tenant_ids: Collection[int]) -> list[tuple[int, date]]:
    """List the frozen months of tenants for which something came late, in order."""
    found = UsageMonth.objects.filter(tenant_id__in=tenant_ids, state=UsageMonth.FROZEN, late_since__isnull=False)
    return list(found.order_by("tenant_id", "period").values_list("tenant_id", "period"))
