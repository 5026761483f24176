"""Counting a month: the database counts by clause and day, the engine prices.

A month is always counted whole and its totals replaced, never incremented; so counting twice changes nothing, and
a count that was killed half-way never happened.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from django.db import OperationalError, connection, transaction
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Least
from psycopg.sql import SQL, Composable, Literal

from billing.errors import Refused
from billing.periods import Period
from billing.rating.counting import meters
from billing.rating.levels import beside_entered, levels_of
from billing.rating.terms import Beside, Terms
from billing.rating.totals import Event, Row, Totals, Uncovered
from tenants.contracts import Entered, NotInForce, entered_at_all, terms_for
from tenants.levels import measured_in
from tenants.models import Contract, ContractVersion, Tenant
from tenants.packages import balances_in
from tenants.subscribing import held_in
from usage import selectors
from usage.counting import LEVEL, calls_of, count_ungoverned, counting_statements, group_of
from usage.cutting import count_cut_calls
from usage.ingestion import lock_key
from usage.models import Removal, UsageMonth

# What counting needs: time, and hashing, since there are few groups. The planner cannot know that there are few, and
# would sort every call on disk.
PREPARE = "SET LOCAL work_mem = '128MB'; SET LOCAL enable_sort = off; SET LOCAL statement_timeout = '15min'"
BEGIN_ANEW = """
SELECT EXISTS (SELECT FROM usage_removal WHERE tenant_id = {tenant} AND period = {period} AND what = {calls});
SELECT pg_advisory_xact_lock({lock});
DELETE FROM usage_usagetotal WHERE tenant_id = {tenant} AND contract_id = {contract} AND period = {period}
"""
TOTALS = """
SELECT segment, clause, meter, day, "group", cell, calls, talk_ms, billed_seconds, value, histogram::text
FROM usage_usagetotal WHERE tenant_id = %s AND contract_id = %s AND period = %s
ORDER BY segment, clause, meter, day, "group", cell
"""
STALE = """
SELECT EXISTS (SELECT FROM usage_usagemonth WHERE tenant_id = %s AND period = %s AND stale_since IS NOT NULL)
"""
COUNTED = """
UPDATE usage_usagemonth SET counted_at = %(now)s, counting_since = NULL
WHERE tenant_id = %(tenant)s AND period = %(period)s AND (%(again)s OR counted_at IS NULL)
"""
TAKE_MARK = """
SELECT pg_advisory_xact_lock(%s);
UPDATE usage_usagemonth SET counting_since = LEAST(stale_since, counting_since), stale_since = NULL
WHERE tenant_id = %s AND period = %s AND (stale_since IS NOT NULL OR counting_since IS NOT NULL)
"""
GIVE_BACK_MARK = """
UPDATE usage_usagemonth SET stale_since = COALESCE(LEAST(stale_since, counting_since), %s), counting_since = NULL
WHERE tenant_id = %s AND period = %s
"""


class CallsRemoved(Refused):
    """The month's calls are gone by the tenant's rule; a count would find nothing and forget what was billed."""

    status = 409


class Total(NamedTuple):
    """A stored total as it is read; see ``usage.models.UsageTotal``."""

    segment: str
    clause: str
    meter: str
    day: date
    group: str
    cell: str
    calls: int
    talk_ms: int
    billed_seconds: int
    value: Decimal
    histogram: str


@dataclass(frozen=True, slots=True)
class Gaps:
    """The days on which no contract takes the rest, and what those for certain calls take all the same."""

    days: tuple[Period, ...]
    taken: tuple[Beside, ...]


def count_month(tenant_id: int, contract_id: int, terms: Terms, gaps: Gaps | None = None) -> None:
    """Count one contract's month from the calls and replace its totals, in one transaction.

    ``terms`` say what to count; answered calls in the ``gaps``, which no contract of the tenant takes, are uncovered.
    Calls that were late for the month (it was frozen) are left out.
    """
    period = terms.period.starts_on
    anew = SQL(BEGIN_ANEW).format(
        tenant=Literal(tenant_id), contract=Literal(contract_id), period=Literal(period), calls=Literal(Removal.CALLS),
        lock=Literal(lock_key("count", tenant_id, contract_id, period)),
    )  # fmt: skip
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute(SQL("; ").join([SQL(PREPARE), anew, *filling(tenant_id, contract_id, terms, gaps)]))
        while cursor.description is None:
            cursor.nextset()  # past what PREPARE answers
        if cursor.fetchone()[0]:  # what was counted of nothing is taken back
            raise CallsRemoved("calls_removed", f"The calls of {period:%Y-%m} were removed; its stored totals stand.")
        add_cut_calls(cursor, tenant_id, contract_id, terms)


def filling(
    tenant_id: int, contract_id: int, terms: Terms, gaps: Gaps | None, *, known: bool = False
) -> Iterator[Composable]:
    """Build what counts a month into totals that are not there yet, but for cut calls. ``known`` as in ``calls_of``."""
    for segment in terms.segments:
        yield from counting_statements(tenant_id, contract_id, terms, segment, known=known)
    for gap in gaps.days if gaps else ():
        yield count_ungoverned(tenant_id, contract_id, terms, gap, gaps.taken if gaps else ())


def add_cut_calls(cursor: Any, tenant_id: int, contract_id: int, terms: Terms, *, known: bool = False) -> None:
    """Add the calls that are cut at the edges of bands to a month's totals, within the caller's transaction."""
    for segment in terms.segments:
        count_cut_calls(cursor, tenant_id, contract_id, terms, segment, known=known)


@contextlib.contextmanager
def _counting(tenant_id: int, period: date, *, wait: bool) -> Iterator[bool]:
    """Let nobody else count a tenant's month meanwhile; yield False if somebody does and one need not ``wait``.

    The lock is the connection's, and falls with it: who holds it knows that a mark taken before was left by the dead.
    """
    key = lock_key("counting", tenant_id, period)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)" if wait else "SELECT pg_try_advisory_lock(%s)", [key])
        held = wait or bool(cursor.fetchone()[0])
    try:
        yield held
    finally:
        if held:
            with contextlib.suppress(OperationalError), connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [key])


def _take_stale_mark(tenant_id: int, period: date) -> bool:
    """Take the mark off a month that is about to be counted, or one that a dead count left; tell whether there was one.

    The exclusive lock waits for deliveries on their way: those before it are seen by the count that follows, those
    after it set the mark again. What was taken stays in the row until the count has ended.
    """
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute(TAKE_MARK, [lock_key("period", tenant_id, period), tenant_id, period])
        cursor.nextset()
        return bool(cursor.rowcount)


def is_stale(tenant_id: int, period: date) -> bool:
    """Tell whether calls came in since a month was counted."""
    with connection.cursor() as cursor:
        cursor.execute(STALE, [tenant_id, period])
        return bool(cursor.fetchone()[0])


def counted_at(tenant_id: int, period: date) -> datetime | None:
    """Tell when a month was counted, if no call came since; None when its stored totals are not all there is."""
    fresh = UsageMonth.objects.filter(
        tenant_id=tenant_id, period=period, stale_since__isnull=True, counting_since__isnull=True
    )
    return fresh.values_list("counted_at", flat=True).first()


def count_if_stale(tenant: Tenant, month: Period, now: datetime) -> bool:
    """Count a tenant's month if calls came since the last count, and nobody counts it; return whether it did."""
    with _counting(tenant.pk, month.starts_on, wait=False) as alone:
        if not alone or not _take_stale_mark(tenant.pk, month.starts_on):
            return False
        _count(tenant, month, now)
    return True


def count_now(tenant: Tenant, month: Period, now: datetime) -> None:
    """Count a tenant's month whether calls came or not: its contracts may have changed."""
    with _counting(tenant.pk, month.starts_on, wait=True):
        _take_stale_mark(tenant.pk, month.starts_on)
        _count(tenant, month, now)


def count_month_of(contract: Contract, month: Period, now: datetime) -> None:
    """Count a contract's month; those of the tenant's other contracts too, if calls came since their last count."""
    tenant = contract.tenant
    with _counting(tenant.pk, month.starts_on, wait=True):
        if _take_stale_mark(tenant.pk, month.starts_on):
            _count(tenant, month, now)
            return
        for contract_id, terms, gaps in plan_of(tenant, month):
            if contract_id == contract.pk:
                count_month(tenant.pk, contract_id, terms, gaps)
        _note_counted(tenant, month, now, again=False)


def _count(tenant: Tenant, month: Period, now: datetime) -> None:
    """Count under each contract in force; a count that fails leaves the month stale."""
    try:
        for contract_id, terms, gaps in plan_of(tenant, month):
            count_month(tenant.pk, contract_id, terms, gaps)
        _note_counted(tenant, month, now, again=True)
    except BaseException:
        with connection.cursor() as cursor:
            cursor.execute(GIVE_BACK_MARK, [now, tenant.pk, month.starts_on])
        raise


def _note_counted(tenant: Tenant, month: Period, now: datetime, *, again: bool) -> None:
    with connection.cursor() as cursor:
        cursor.execute(COUNTED, {"tenant": tenant.pk, "period": month.starts_on, "now": now, "again": again})


def plan_of(tenant: Tenant, month: Period) -> Iterator[tuple[int, Terms, Gaps | None]]:
    """List contract, terms and the gaps to count with it: with the first, so that they are shown once."""
    agreed = _terms_in_force(tenant, month)
    taken = [
        Beside(terms.scope, terms.segments[0].starts_on, terms.segments[-1].ends_on)
        for _, terms in agreed
        if terms.scope is not None
    ]
    days = ungoverned_days(month, [terms for _, terms in agreed if terms.scope is None])
    gaps: Gaps | None = Gaps(tuple(days), tuple(taken))
    for contract_id, terms in agreed:
        yield contract_id, terms, gaps
        gaps = None


def mark_newly_agreed(now: datetime) -> int:
    """Mark open months stale that were counted before a contract of the tenant was signed; return how many."""
    signed = ContractVersion.objects.filter(
        contract__tenant_id=OuterRef("tenant_id"), signed_at__gt=OuterRef("counted_at")
    )
    counted = UsageMonth.objects.filter(Exists(signed), state=UsageMonth.OPEN, stale_since__isnull=True)
    return counted.update(stale_since=now)


def stale_months(limit: int) -> list[tuple[int, date]]:
    """List the tenant and period of months to count, the longest waiting first; those a count has taken, too."""
    waiting = Q(stale_since__isnull=False) | Q(counting_since__isnull=False)
    found = UsageMonth.objects.filter(waiting).order_by(Least("stale_since", "counting_since"))
    return list(found.values_list("tenant_id", "period")[:limit])


def totals_of(
    tenant_id: int,
    contract_id: int,
    terms: Terms,
    *,
    beside: int | None = None,
    known: bool = False,
    entered: Entered | None = None,
) -> Totals:
    """Read a month's totals in the engine's form, or those counted ``beside`` them under another id.

    ``known`` as in ``calls_of``: single events are read from the calls themselves. ``entered`` spares a question.
    """
    with connection.cursor() as cursor:
        cursor.execute(TOTALS, [tenant_id, beside or contract_id, terms.period.starts_on])
        counted = read_totals(map(Total._make, cursor.fetchall()))
    entered = entered or entered_at_all([contract_id])[contract_id]
    measured = measured_in(contract_id, terms.period) if entered.levels else ()
    return replace(
        counted,
        events=tuple(events_of(tenant_id, terms, known=known)),
        subscriptions=held_in(contract_id, terms.period) if entered.subscriptions else (),
        measurements=beside_entered(measured, counted.measurements),
        balances=balances_in(contract_id, terms.period) if entered.packages else (),
    )


def read_totals(found: Iterable[Total]) -> Totals:
    """Put stored totals into the engine's form: rows, uncovered usage, and the service levels that the calls tell."""
    rows: list[Row] = []
    uncovered: list[Uncovered] = []
    counts: dict[str, tuple[int, int]] = {}
    for total in found:
        cell = tuple((name, value) for name, value in json.loads(total.cell)) if total.cell else ()
        if total.meter == LEVEL:
            looked_at, met = counts.get(total.clause, (0, 0))
            counts[total.clause] = (looked_at + total.calls, met + int(total.value))
        elif total.clause:
            rows.append(
                Row(
                    segment=total.segment, clause=total.clause, on=total.day, group=total.group, cell=cell,
                    calls=total.calls, talk_ms=total.talk_ms, billed_seconds=total.billed_seconds, value=total.value,
                    histogram=tuple(_pairs(total.histogram)),
                )
            )  # fmt: skip
        else:
            uncovered.append(
                Uncovered(
                    meter="talk" if total.meter == "any" else total.meter,
                    calls=total.calls,
                    talk_ms=total.talk_ms,
                    value=total.value,
                    on=total.day,
                )
            )
    return Totals(rows=tuple(rows), uncovered=tuple(uncovered), measurements=levels_of(counts))


def _terms_in_force(tenant: Tenant, month: Period) -> list[tuple[int, Terms]]:
    found = []
    for contract in sorted(tenant.contracts.all(), key=lambda each: each.pk):
        with contextlib.suppress(NotInForce):
            found.append((contract.pk, terms_for(contract, month)))
    return found


def ungoverned_days(month: Period, agreed: Sequence[Terms]) -> list[Period]:
    """List the stretches of a month that none of the contracts rules."""
    ruled = sorted((segment.starts_on, segment.ends_on) for terms in agreed for segment in terms.segments)
    gaps, day = [], month.starts_on
    for starts_on, ends_on in [*ruled, (month.ends_on, month.ends_on)]:
        if day < starts_on:
            gaps.append(Period(day, starts_on))
        day = max(day, ends_on)
    return gaps


@dataclass(frozen=True, slots=True)
class Day:
    """What reached one local day: attempts, answered calls, seconds talked, and attempts that no clause looks at."""

    day: date
    calls: int
    answered: int
    talk_ms: int
    unanswered: int


def days_of(tenant_id: int, terms: Terms) -> list[Day]:
    """List the days of a month with usage, in order: every first leg that was counted, taken by a clause or not."""
    found: list[Day] = []
    for segment in terms.segments:
        statement = SQL(
            "SELECT {} AS day, count(*), count(answered_at), COALESCE(sum(talk_ms), 0)::int8, count(*) FILTER (WHERE {}) "
            "{} GROUP BY day ORDER BY day"
        )
        nobodys = selectors.left_unanswered(meters(segment.agreement).values(), segment.agreement, terms.zone)
        with connection.cursor() as cursor:
            cursor.execute(
                statement.format(selectors.local_day(terms.zone), nobodys, calls_of(tenant_id, terms, segment))
            )
            found += [Day(*row) for row in cursor.fetchall()]
    return found


def events_of(tenant_id: int, terms: Terms, *, known: bool = False) -> Iterator[Event]:
    """List single events where a percentage price looks at each; they are read from the calls themselves."""
    for segment in terms.segments:
        for takings in meters(segment.agreement).values():
            for taking in takings:
                if taking.events and taking.counter is not None:
                    statement = SQL(
                        "SELECT started_at, (counters ->> {})::numeric, {} {} AND {} ORDER BY started_at, call_id"
                    ).format(
                        Literal(taking.counter),
                        group_of(taking, segment, terms.zone),
                        calls_of(tenant_id, terms, segment, known=known),
                        selectors.taken_first(takings, taking.clause, segment.agreement, terms.zone),
                    )
                    with connection.cursor() as cursor:
                        cursor.execute(statement)
                        for at, value, group in cursor.fetchall():
                            yield Event(segment=segment.number, clause=taking.clause, at=at, value=value, group=group)


def _pairs(histogram: str) -> Iterator[tuple[Decimal, int]]:
    for number, calls in json.loads(histogram) if histogram != "[]" else ():
        yield Decimal(number), calls
